// Objects on a host that bear our exact mark and are nobody's: no order that the host holds wants them, nor does the log where the host holds none.
import { z } from 'zod';
import { HostId, LabId } from './ids.ts';

export const OrphanKind = z.enum(['container', 'look-up', 'device', 'engine-network', 'bridge', 'namespace']);
export type OrphanKind = z.infer<typeof OrphanKind>;

/** `id` names one object of one host and is never a prefix of another's; `lab` or `network` is what its mark says that it was made for. */
export const Orphan = z.object({
  id: z.string().min(1), kind: OrphanKind, name: z.string(), lab: LabId.optional(), node: z.string().optional(), network: z.string().optional(),
  /** How long the host has seen it without an owner; begins anew with the host-actor. */
  seenForMs: z.number().int().nonnegative(),
  /** A lab that lives on the host has lost it: the host removes it by itself, unless that repair is switched off. */
  ofLiveLab: z.boolean().optional(),
});
export type Orphan = z.infer<typeof Orphan>;

export const OrphanOutcome = z.object({ id: z.string(), outcome: z.enum(['removed', 'would-remove', 'kept']), reason: z.string().optional() });
export type OrphanOutcome = z.infer<typeof OrphanOutcome>;

/** What one host said; `reason` where it could not be asked or did not answer. */
export const HostOrphans = z.object({ host: HostId, asked: z.boolean(), reason: z.string().optional(), orphans: z.array(Orphan) });
export type HostOrphans = z.infer<typeof HostOrphans>;

export const RemovedOrphans = HostOrphans.extend({ outcomes: z.array(OrphanOutcome) });
export type RemovedOrphans = z.infer<typeof RemovedOrphans>;
