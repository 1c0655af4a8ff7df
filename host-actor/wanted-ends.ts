// What the orders of a lab want in the kernel of this host: marks of host ends, names of namespaces. Pure.
import type { Order } from '../machines/vocabulary/effect.ts';
import { hostPortsOf } from './link-plane/host-ports.ts';
import { interfaceMark } from './ownership-mark.ts';
import { endMarks, wireOfLink } from './wire-of-order.ts';
import type { LinkOrder } from './wire-of-order.ts';

/** Marks of host ends and tunnels. @param orders - last orders of objects; what a removal is about is not wanted. */
export function wantedMarks(orders: readonly Order[]): ReadonlySet<string> {
  return new Set(orders.flatMap((order) => {
    if (order.type === 'link.ensure') return marksOfLink(order);
    return 'node' in order && order.type !== 'node.remove' ? [interfaceMark(order, order.node.id, 'eth0')] : [];
  }));
}

/** Names of nodes' namespaces. */
export function wantedNamespaces(orders: readonly Order[]): ReadonlySet<string> {
  return new Set(orders.flatMap((order) => ('node' in order && order.type !== 'node.remove' ? (order.netns ?? []) : [])));
}

/** Without those that the link may have had here before: they go with its next order, or as nobody's. */
function marksOfLink(order: LinkOrder): readonly string[] {
  try {
    return hostPortsOf(wireOfLink(order, { netnsOf: ({ netns }) => (netns === undefined ? 'host' : { name: netns }), isAway: () => false })).map(({ mark }) => mark);
  } catch {
    return endMarks(order);
  }
}
