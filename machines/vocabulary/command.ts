// Everything a person or program may ask of a lab, and the shape of a refusal.
import { z } from 'zod';
import { HostId, LinkId, NodeId } from './ids.ts';
import { Impairment, LabSpec } from './lab-spec.ts';

const nodes = z.array(NodeId).min(1);

export const Command = z.discriminatedUnion('type', [
  /** Makes the lab as the spec says; on a running lab by the smallest change, or all anew with `reconfigure`. */
  z.object({ type: z.literal('lab.deploy'), spec: LabSpec, takeOver: z.boolean(), reconfigure: z.boolean() }),
  z.object({ type: z.literal('lab.destroy'), cleanup: z.boolean(), keepMgmtNet: z.boolean() }),
  z.object({ type: z.literal('node.start'), nodes }),
  z.object({ type: z.literal('node.stop'), nodes }),
  z.object({ type: z.literal('node.restart'), nodes }),
  /** Tries failed nodes and links again with a fresh budget; empty = all that failed. */
  z.object({ type: z.literal('lab.retry'), nodes: z.array(NodeId), links: z.array(LinkId) }),
  /** Has the lab's nodes live elsewhere: of a lost host at once, of another one node by node as in a deploy. */
  z.object({ type: z.literal('lab.leave'), host: HostId }),
  z.object({ type: z.literal('link.set'), link: LinkId, admin: z.enum(['up', 'down']).optional(), impairment: Impairment.optional() }),
]);
export type Command = z.infer<typeof Command>;

/** A refusal is a value. `details` holds plain data for programs. */
export const Rejection = z.object({
  code: z.enum([
    'already-deployed', 'other-topology', 'lab-not-found', 'node-not-found', 'link-not-found', 'no-host', 'no-capacity', 'no-numbers', 'no-plane',
    'address-taken', 'address-pool-empty', 'address-outside-subnet', 'port-taken', 'name-taken', 'no-underlay', 'mtu-too-large', 'destroying', 'not-applicable', 'too-large',
  ]),
  message: z.string(),
  details: z.record(z.string(), z.unknown()),
});
export type Rejection = z.infer<typeof Rejection>;
