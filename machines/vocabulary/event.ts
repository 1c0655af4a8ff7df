// Everything that may stand in the log of a lab, and the entry that carries the events of one decision.
import { z } from 'zod';
import { CommandId, EpochMs, HostId, LabId, LinkId, NodeId } from './ids.ts';
import { Impairment, LabSpec } from './lab-spec.ts';
import { Change, LabPlan } from './lab-plan.ts';
import { Observation } from './observation.ts';
import { StuckNodes } from './placement.ts';

export const LabEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('LabDeployRequested'), spec: LabSpec, plan: LabPlan, changes: z.array(Change) }),
  // `beside`: the networks of hosts go together with the nodes, and not after them as in older logs.
  z.object({ type: z.literal('LabDestroyRequested'), cleanup: z.boolean(), keepMgmtNet: z.boolean(), networks: z.enum(['last', 'beside']).default('last') }),
  z.object({ type: z.literal('NodesStartRequested'), nodes: z.array(NodeId) }),
  z.object({ type: z.literal('NodesStopRequested'), nodes: z.array(NodeId) }),
  z.object({ type: z.literal('NodesRestartRequested'), nodes: z.array(NodeId) }),
  /** Nodes are about to be made anew as they are, most often elsewhere: what their kinds can save of their configuration is read out first. */
  z.object({ type: z.literal('NodesSaveRequested'), nodes: z.array(NodeId) }),
  z.object({ type: z.literal('RetryRequested'), nodes: z.array(NodeId), links: z.array(LinkId) }),
  z.object({ type: z.literal('LinkSet'), link: LinkId, admin: z.enum(['up', 'down']).optional(), impairment: Impairment.optional() }),
  /** A supervisor of a higher term owns the lab from here on. */
  z.object({ type: z.literal('TakenOver'), term: z.number().int(), supervisor: z.string() }),
  z.object({ type: z.literal('DeadlinePassed'), name: z.string() }),
  /** The host is silent: what it holds of the lab is unknown from here on. */
  z.object({ type: z.literal('HostLost'), host: HostId, reason: z.string() }),
  /** The host is back: what it holds is compared with what is wanted now. */
  z.object({ type: z.literal('HostReturned'), host: HostId }),
  /** People removed the host: nothing that it holds is waited for any more. */
  z.object({ type: z.literal('HostForgotten'), host: HostId }),
  /** Nodes of a lost or drained host live elsewhere from here on; `plan` is the whole lab's, as in a deploy. */
  z.object({ type: z.literal('NodesMoved'), from: HostId, nodes: z.array(NodeId), plan: LabPlan,
    /** What changes for the nodes that stay; none in entries of older supervisors. */
    changes: z.array(Change).optional() }),
  /** Who is to leave the host and cannot go now, which is tried again; empty = nobody any more. */
  z.object({ type: z.literal('LeaveHeldUp'), host: HostId, stuck: z.array(StuckNodes) }),
  /** A host's address in the underlay, or the MTU of its device there, is another one now; older supervisors followed the address alone. */
  z.object({ type: z.literal('VtepChanged'), host: HostId, vtep: z.string(), mtu: z.number().int().optional() }),
  /** An observation that was news. `position`: its place among all reports, which only grows; absent in entries of older supervisors. */
  z.object({ type: z.literal('Reported'), host: HostId, observation: Observation, position: z.number().int().optional() }),
]);
export type LabEvent = z.infer<typeof LabEvent>;

export const LogEntry = z.object({
  v: z.literal(1),
  lab: LabId,
  /** 1, 2, 3 ... within the lab. */
  n: z.number().int().positive(),
  at: EpochMs,
  term: z.number().int(),
  commandId: CommandId.optional(),
  /** Within which an order that this entry causes shall be answered; entries of older supervisors waited without end. */
  answerWithinMs: z.number().int().positive().optional(),
  events: z.array(LabEvent).min(1),
});
export type LogEntry = z.infer<typeof LogEntry>;
