// How the parts of a lab hang together while an entry is folded: its network's host, a node's links, an object's orders.
import type { HostId, NodeId } from '../vocabulary/ids.ts';
import { dropEffect, sendLink } from './draft.ts';
import type { Draft } from './draft.ts';
import { linkNodes } from './waits.ts';

/** The host that carries the management network: with one host, the host of all nodes. */
export function networkHost(draft: Draft): HostId {
  const plan = Object.values(draft.state.plan?.nodes ?? {})[0] ?? Object.values(draft.state.nodes)[0]?.plan;
  if (!plan) throw new Error(`lab ${draft.state.id} has no node, so no host for its management network`);
  return plan.host;
}

/** Links of a node whose namespace goes: they wait until it is back, then are joined again. */
export function rejoinLinksOf(draft: Draft, node: NodeId): void {
  for (const link of Object.values(draft.state.links)) {
    if (link.machine.context.desired === 'present' && linkNodes(link).includes(node)) sendLink(draft, link.spec.id, { type: 'want.rejoin' });
  }
}

/** Forgets orders of an object that is no more. */
export function dropEffectsOf(draft: Draft, target: string): void {
  for (const effect of Object.values(draft.state.pending)) if (effect.target === target) dropEffect(draft, effect.id);
}
