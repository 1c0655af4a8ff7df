// Everything a host may be ordered to do. An order is complete in itself and idempotent; the newest of an object wins.
import { z } from 'zod';
import { EffectId, EpochMs, HostId, LabId, LinkId, NodeId } from './ids.ts';
import { Impairment, LinkEnd, NodeSpec, StageExec } from './lab-spec.ts';
import { RepairSwitches } from './repair-switches.ts';
import { LinkPlan, MgmtPlan, NodePlan } from './lab-plan.ts';

/** How often the host may repair by itself: `count` repairs in a sliding window, waiting longer each time. */
export const RepairBudget = z.object({
  count: z.number().int(),
  /** So many of a window wait for nothing; one where it is absent, as in orders of older supervisors. */
  atOnce: z.number().int().positive().optional(),
  windowMs: z.number().int(),
  backoffMs: z.number().int(),
  backoffMaxMs: z.number().int(),
});
export type RepairBudget = z.infer<typeof RepairBudget>;

/** What the host must know of the lab to make one of its nodes. */
export const LabContext = z.object({
  labDir: z.string(),
  topologyPath: z.string().optional(),
  owner: z.string().optional(),
  /** Where this is not the ordered host, sources of binds that the node's `files` hold are bound from copies. */
  filesHost: HostId.optional(),
  mgmt: MgmtPlan,
});
export type LabContext = z.infer<typeof LabContext>;

/** Name and addresses (without prefix length) as they stand in each node's hosts file. */
export const HostsEntry = z.object({ names: z.array(z.string()), addresses: z.array(z.string()) });
export type HostsEntry = z.infer<typeof HostsEntry>;

/** Where an end of a link meets a network namespace. */
export const Attachment = z.object({
  end: LinkEnd,
  /** Name of the namespace that holds the inner end (`ip netns`), or the container whose namespace it is; absent = the host's. */
  netns: z.string().optional(),
  container: z.string().optional(),
  /** The node whose process holds this end up; with it away, the other end loses its carrier. */
  node: NodeId.optional(),
});
export type Attachment = z.infer<typeof Attachment>;

/**
 * The half of a link across hosts that this host makes: the port of end `side` and its tunnel (`plan.far.tunnel`).
 * `farAway` names why the far end is not there now, so that this end shows no carrier; empty = it is there.
 * `undone`: the far end cannot be made, so no tunnel is to stand here either; only the port stays, for its node.
 */
export const LinkLeg = z.object({ side: z.enum(['a', 'b']), farHost: HostId, farAway: z.string(), undone: z.literal(true).optional() });
export type LinkLeg = z.infer<typeof LinkLeg>;

/** The management bridge's way to the other hosts of the lab: one VXLAN device a network and host, flooding to `remotes`. */
export const MgmtTunnel = z.object({ vni: z.number().int(), udpPort: z.number().int(), local: z.string(), remotes: z.array(z.string()) });
export type MgmtTunnel = z.infer<typeof MgmtTunnel>;

const head = { id: EffectId, lab: LabId, host: HostId, term: z.number().int() };
const nodeOrder = {
  ...head,
  node: NodeSpec,
  plan: NodePlan,
  context: LabContext,
  /** Namespace of the node's interfaces, by its `ip netns` name; absent for nodes that live in a namespace not ours. */
  netns: z.string().optional(),
  /** Set where the node is moved away from a lost host: after so much silence the host ends it by itself, before it can run elsewhere. */
  fenceAfterMs: z.number().int().positive().optional(),
  /** Ends of links in the node, which its first process may wait for; absent in orders of older supervisors. */
  interfaces: z.number().int().optional(),
  budget: RepairBudget,
  /** Repairs of the management interface; absent in orders of older supervisors, which then count as `budget` does. */
  mgmtBudget: RepairBudget.optional(),
};

export const Order = z.discriminatedUnion('type', [
  z.object({ type: z.literal('network.ensure'), ...head, mgmt: MgmtPlan, labDir: z.string(), hosts: z.array(HostsEntry), tunnel: MgmtTunnel.optional(),
    nodes: z.array(z.object({ node: NodeId, containerName: z.string(), ports: NodePlan.shape.ports, ipv4: z.string().optional(), ipv6: z.string().optional() })),
    /** Bridges of the host (nodes of kind bridge) whose traffic the host's firewall must let through. */
    bridges: z.array(z.string()),
    /** Of all of the lab. */
    repairs: RepairSwitches.optional() }),
  z.object({ type: z.literal('network.remove'), ...head, mgmt: MgmtPlan, keep: z.boolean(), cleanup: z.boolean(), labDir: z.string() }),
  /** Image, namespace with management interface, container created but not started. */
  z.object({ type: z.literal('node.prepare'), ...nodeOrder }),
  z.object({ type: z.literal('node.start'), ...nodeOrder }),
  z.object({ type: z.literal('node.stop'), ...nodeOrder, graceMs: z.number().int() }),
  z.object({ type: z.literal('node.remove'), ...nodeOrder }),
  z.object({ type: z.literal('node.exec'), ...nodeOrder, commands: z.array(StageExec.omit({ phase: true })) }),
  /** Reads the node's configuration out, as far as its kind can, and hands it to the installation; the node goes on as it is. */
  z.object({ type: z.literal('node.save'), ...nodeOrder }),
  z.object({ type: z.literal('link.ensure'), ...head, link: LinkId, plan: LinkPlan, a: Attachment, b: Attachment,
    admin: z.enum(['up', 'down']), impairment: Impairment, mgmtBridge: z.string(), budget: RepairBudget, leg: LinkLeg.optional() }),
  z.object({ type: z.literal('link.remove'), ...head, link: LinkId, plan: LinkPlan, a: Attachment, b: Attachment, leg: LinkLeg.optional() }),
]);
export type Order = z.infer<typeof Order>;
export type OrderType = Order['type'];

/** An order that was decided and not yet answered, as the folded state keeps it. */
export const PendingEffect = z.object({
  id: EffectId,
  type: z.enum(['network.ensure', 'network.remove', 'node.prepare', 'node.start', 'node.stop', 'node.remove', 'node.exec', 'node.save', 'link.ensure', 'link.remove']),
  /** Node or link id; the host for its part of the management network. */
  target: z.string(),
  host: HostId,
  /** Set on the removal of what a host kept of an object that lives elsewhere now. */
  owed: z.literal(true).optional(),
  /** Commands of a node.exec: they belong to a step, not to the object's present state. */
  commands: z.array(StageExec.omit({ phase: true })).optional(),
  /** When it was sent first, by when it is due, and how often its host was asked; absent in states of older supervisors. */
  sentAt: EpochMs.optional(),
  dueAt: EpochMs.optional(),
  asked: z.number().int().optional(),
});
export type PendingEffect = z.infer<typeof PendingEffect>;
