// A host as people and programs see it: its state, what was wished for it, what it carries, and what is not well with it.
import { z } from 'zod';
import { HostFacts } from './host-facts.ts';
import { EpochMs, HostId, LabId, NodeId } from './ids.ts';
import { Ceilings } from './placement.ts';

/** `incompatible`: it is there, but speaks another protocol than this supervisor, and gets no orders. */
export const HostState = z.enum(['joined', 'suspect', 'lost', 'returned', 'incompatible', 'cordoned', 'draining']);
export type HostState = z.infer<typeof HostState>;

/** `cordoned` = no new nodes; `draining` = its nodes move away too. */
export const HostWish = z.enum(['open', 'cordoned', 'draining']);
export type HostWish = z.infer<typeof HostWish>;

/** One process of a host-actor; more than one at a time means that two machines, or two installations, bear one identity. */
export const HostInstance = z.object({
  instance: z.string(),
  /** By the clock of its machine. */
  startedAt: EpochMs,
  lastSeenAt: EpochMs,
  /** It takes no orders and enforces nothing any more. */
  fenced: z.boolean(),
});
export type HostInstance = z.infer<typeof HostInstance>;

export const HostSummary = z.object({
  host: HostId, state: HostState,
  /** Why the state is not `joined`, or what else is not well. */
  problem: z.string().optional(),
  version: z.string().optional(), protocol: z.number().int().optional(), firstSeenAt: EpochMs, lastSeenAt: EpochMs, ...HostFacts.shape,
});
export type HostSummary = z.infer<typeof HostSummary>;

export const HostDetail = HostSummary.extend({
  wish: HostWish,
  /** Labs with a part on it, also one that only owes a removal there. */
  labs: z.array(LabId),
  nodes: z.number().int(),
  /** Ceilings of all nodes there; CPU without overcommit. */
  allocated: Ceilings,
  /** All processes that speak in its name, the newest first; only while there is more than one. */
  conflict: z.array(HostInstance).optional(),
});
export type HostDetail = z.infer<typeof HostDetail>;

/** A node on a host. */
export const HostNode = z.object({
  lab: LabId, node: NodeId, state: z.string(),
  /** The lab file says that it is to be there, so a drain leaves it. */
  pinned: z.boolean(),
});
export type HostNode = z.infer<typeof HostNode>;

/** A node that left a host, or is about to, and whose configuration could not be saved there, or not whole. */
export const UnsavedNode = z.object({ lab: LabId, node: NodeId, reason: z.string() });
export type UnsavedNode = z.infer<typeof UnsavedNode>;

/** One probe of a host, as doctor shows it. */
export const HostProbe = z.object({ id: z.string(), title: z.string(), status: z.string(), found: z.string(), costs: z.string().optional(), remedy: z.string().optional() });
export type HostProbe = z.infer<typeof HostProbe>;

/** What the host last said it can do. */
export const HostFingerprint = z.object({
  readAt: EpochMs,
  notWell: z.array(HostProbe),
  /** Since the supervisor heard it first. */
  changed: z.array(z.object({ id: z.string(), title: z.string(), before: z.string(), now: z.string() })),
});
export type HostFingerprint = z.infer<typeof HostFingerprint>;
