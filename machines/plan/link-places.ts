// Where a link lies: the hosts of its two ends.
import type { HostId, NodeId } from '../vocabulary/ids.ts';
import type { LinkEnd, LinkSpec } from '../vocabulary/lab-spec.ts';

/** Hosts of the two ends; an end that is no node's stands where the other one does. */
export function linkPlaces(link: LinkSpec, placeOf: (node: NodeId) => HostId): [HostId, HostId] {
  const of = (end: LinkEnd): HostId | undefined => (end.at === 'node-bridge' ? placeOf(end.inside) : 'node' in end ? placeOf(end.node) : undefined);
  const [a, b] = [of(link.a), of(link.b)];
  const first = a ?? b;
  if (first === undefined) throw new Error(`link ${link.id} has no end at a node`);
  return [first, b ?? first];
}
