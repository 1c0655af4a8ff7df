// The ops API as data: each verb with its kind and the shapes of request and answer; the service and the typed client both stand on it.
import { z } from 'zod';
import { Sha256 } from '../machines/vocabulary/carried-file.ts';
import { HostDetail, HostFingerprint, HostNode, HostSummary, HostWish, UnsavedNode } from '../machines/vocabulary/host-view.ts';
import { CommandId, EpochMs, HostId, LabId, LinkId, NodeId } from '../machines/vocabulary/ids.ts';
import { LogEntry } from '../machines/vocabulary/event.ts';
import { Change } from '../machines/vocabulary/lab-plan.ts';
import { Impairment, LabSpec } from '../machines/vocabulary/lab-spec.ts';
import { LabView, NodeView } from '../machines/vocabulary/lab-view.ts';
import { HostOrphans, RemovedOrphans } from '../machines/vocabulary/orphan.ts';
import { LoopReport } from '../machines/vocabulary/loop-report.ts';
import { PlacementView, StuckNodes } from '../machines/vocabulary/placement.ts';
import { ExecResult } from '../machines/vocabulary/observation.ts';

/** Made by the caller; the same id sent again has no second effect and gets the same answer. */
const commandId = CommandId;

/** `n` is the lab's log entry that holds the wish; with `nothing` the lab was as wanted already. `existed`: the lab was there before; unset for a repeat. */
export const Accepted = z.object({ outcome: z.enum(['accepted', 'nothing']), n: z.number().int(), repeated: z.boolean(), changes: z.array(Change), existed: z.boolean().optional() });
export type Accepted = z.infer<typeof Accepted>;

export const LabSummary = z.object({
  lab: LabId, n: z.number().int(), state: LabView.shape.state, topologyPath: z.string().optional(), owner: z.string().optional(),
  nodes: z.number().int(), nodesRunning: z.number().int(), links: z.number().int(), linksUp: z.number().int(), problems: z.number().int(),
  deployedAt: EpochMs.optional(),
  /** When the last of it was gone. */
  destroyedAt: EpochMs.optional(),
});
export type LabSummary = z.infer<typeof LabSummary>;

export const Status = z.object({
  version: z.string(), supervisor: z.string(), pid: z.number().int(), startedAt: EpochMs,
  nats: z.object({ version: z.string(), durable: z.string() }),
  /** All that live, with the number of labs that each owns; the one that answers is any of them. */
  supervisors: z.array(z.object({ id: z.string(), startedAt: EpochMs, version: z.string(), labs: z.number().int() })).default([]),
  /** Supervisors that went within the last minute: what was on its way to them is lost. */
  gone: z.array(z.string()).default([]),
  hosts: z.array(HostSummary), labs: z.number().int(),
  /** Longest stall of the event loop in the last minute, milliseconds. */
  loopDelayMaxMs: z.number(),
  /** Its 99th percentile, in the worst two seconds of that minute. */
  loopDelayP99Ms: z.number().optional(),
  /** Loops of the supervisor that answers. */
  loops: z.array(LoopReport).default([]),
});
export type Status = z.infer<typeof Status>;

/** One entry of a lab's log with a sentence for each thing that happened. */
export const HistoryEntry = z.object({ entry: LogEntry, news: z.array(z.string()) });
export type HistoryEntry = z.infer<typeof HistoryEntry>;

export const NodeExecResult = ExecResult.extend({ node: NodeId, containerName: z.string(), lab: LabId });
export type NodeExecResult = z.infer<typeof NodeExecResult>;

const nothing = z.object({});
const nodes = z.array(NodeId).min(1);

/** `scope` says whether the subject names a lab. Verbs of kind `do` change something; a viewer may only publish `read` ones. */
export const OPS = {
  deploy: { kind: 'do', scope: 'lab', request: z.object({ commandId, spec: LabSpec, takeOver: z.boolean(), reconfigure: z.boolean() }), response: Accepted },
  destroy: { kind: 'do', scope: 'lab', request: z.object({ commandId, cleanup: z.boolean(), keepMgmtNet: z.boolean() }), response: Accepted },
  retry: { kind: 'do', scope: 'lab', request: z.object({ commandId, nodes: z.array(NodeId), links: z.array(LinkId) }), response: Accepted },
  'node-start': { kind: 'do', scope: 'lab', request: z.object({ commandId, nodes }), response: Accepted },
  'node-stop': { kind: 'do', scope: 'lab', request: z.object({ commandId, nodes }), response: Accepted },
  'node-restart': { kind: 'do', scope: 'lab', request: z.object({ commandId, nodes }), response: Accepted },
  /**
   * Runs a command in running nodes; its outcome is the answer, not a part of the log. `argv` is not given to a shell. Hosts remember
   * a `commandId` for a while, so that it may be sent again.
   */
  'node-exec': {
    kind: 'do', scope: 'lab',
    request: z.object({ commandId: commandId.optional(), nodes, argv: z.array(z.string()).min(1), timeoutMs: z.number().int().positive() }),
    response: z.object({ results: z.array(NodeExecResult) }),
  },
  'link-set': {
    kind: 'do', scope: 'lab',
    request: z.object({ commandId, link: LinkId, admin: z.enum(['up', 'down']).optional(), impairment: Impairment.optional() }),
    response: Accepted,
  },
  /** Which of these pieces of files the installation does not hold; the others are kept for an hour at least. */
  'files-missing': { kind: 'do', scope: 'none', request: z.object({ commandId, sha256: z.array(Sha256).max(10_000) }), response: z.object({ missing: z.array(Sha256) }) },
  /** Keeps pieces of files for a deploy that names them; `base64` is checked against its digest. */
  'files-put': { kind: 'do', scope: 'none', request: z.object({ commandId, pieces: z.array(z.object({ sha256: Sha256, base64: z.base64() })).min(1) }), response: nothing },
  /** Removes the log of a destroyed lab for good. */
  prune: { kind: 'do', scope: 'lab', request: z.object({ commandId }), response: nothing },
  plan: { kind: 'read', scope: 'lab', request: z.object({ spec: LabSpec, takeOver: z.boolean(), reconfigure: z.boolean() }), response: z.object({ exists: z.boolean(), changes: z.array(Change), placement: PlacementView.optional() }) },
  inspect: { kind: 'read', scope: 'lab', request: nothing, response: LabView },
  /** What the lab was last deployed from, resolved and (`source`) as written; also of a destroyed lab. */
  spec: { kind: 'read', scope: 'lab', request: nothing, response: z.object({ spec: LabSpec }) },
  node: { kind: 'read', scope: 'lab', request: z.object({ node: NodeId }), response: NodeView },
  /** Entries after number `after` and before `before` (numbers have no gaps), the last `limit` of them. */
  history: { kind: 'read', scope: 'lab', request: z.object({ after: z.number().int().nonnegative(), before: z.number().int().positive().optional(), limit: z.number().int().positive().max(1000) }), response: z.object({ entries: z.array(HistoryEntry), last: z.number().int() }) },
  list: { kind: 'read', scope: 'none', request: z.object({ destroyed: z.boolean() }), response: z.object({ labs: z.array(LabSummary) }) },
  hosts: { kind: 'read', scope: 'none', request: nothing, response: z.object({ hosts: z.array(HostDetail) }) },
  /** One host with its nodes. `stuck`: who is to leave it and cannot now, and why. */
  host: { kind: 'read', scope: 'none', request: z.object({ host: HostId }), response: z.object({ host: HostDetail, nodes: z.array(HostNode), stuck: z.array(StuckNodes.extend({ lab: LabId })), unsaved: z.array(UnsavedNode), fingerprint: HostFingerprint.optional() }) },
  'host-wish': { kind: 'do', scope: 'none', request: z.object({ commandId, host: HostId, wish: HostWish }), response: z.object({ host: HostDetail }) },
  /** Forgets a host and the orders that wait for it. Refused while it carries something, unless `force`. */
  'host-rm': { kind: 'do', scope: 'none', request: z.object({ commandId, host: HostId, force: z.boolean() }), response: z.object({ labs: z.array(LabId), nodes: z.array(HostNode) }) },
  status: { kind: 'read', scope: 'none', request: nothing, response: Status },
  /** What a host's tools and kernel can do, as its host-actor probed it. */
  fingerprint: { kind: 'read', scope: 'none', request: z.object({ host: HostId.optional() }), response: z.object({ host: HostId, probes: z.array(z.record(z.string(), z.unknown())) }) },
  orphans: { kind: 'read', scope: 'none', request: z.object({ host: HostId.optional() }), response: z.object({ hosts: z.array(HostOrphans) }) },
  /** Removes what `orphans` tells and what has been without an owner for `graceMs`. Asked twice, it finds nothing the second time. */
  'orphans-remove': {
    kind: 'do', scope: 'none',
    request: z.object({ host: HostId.optional(), graceMs: z.number().int().nonnegative(), dryRun: z.boolean() }),
    response: z.object({ hosts: z.array(RemovedOrphans) }),
  },
} as const;

export type OpsVerb = keyof typeof OPS;
export type OpsRequest<V extends OpsVerb> = z.infer<(typeof OPS)[V]['request']>;
export type OpsResponse<V extends OpsVerb> = z.infer<(typeof OPS)[V]['response']>;

/** How every refusal and accident crosses the wire. */
export const OpsFailure = z.object({ code: z.string(), message: z.string(), retryable: z.boolean(), details: z.record(z.string(), z.unknown()) });
export type OpsFailure = z.infer<typeof OpsFailure>;
