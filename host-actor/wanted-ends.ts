// What the orders of a lab want in the kernel of this host: marks of host ends, names of namespaces. Pure.
import type { Order } from '../machines/vocabulary/effect.ts';
import { hostPortsOf } from './link-plane/host-ports.ts';
import { interfaceMark } from './ownership-mark.ts';
import { endMarks, wireOfLink } from './wire-of-order.ts';
import type { LinkOrder } from './wire-of-order.ts';

export type WantedEnds = { readonly marks: ReadonlySet<string>; readonly namespaces: ReadonlySet<string> };

/** @param orders - last orders of objects; what a removal is about is not wanted. */
export function wantedEnds(orders: Iterable<Order>): WantedEnds {
  const [marks, namespaces] = [new Set<string>(), new Set<string>()];
  for (const order of orders) {
    if (order.type === 'link.ensure') for (const mark of marksOfLink(order)) marks.add(mark);
    if (!('node' in order) || order.type === 'node.remove') continue;
    marks.add(interfaceMark(order, order.node.id, 'eth0'));
    if (order.netns !== undefined) namespaces.add(order.netns);
  }
  return { marks, namespaces };
}

/** Without those that the link may have had here before: they go with its next order, or as nobody's. */
function marksOfLink(order: LinkOrder): readonly string[] {
  try {
    return hostPortsOf(wireOfLink(order, { netnsOf: ({ netns }) => (netns === undefined ? 'host' : { name: netns }), isAway: () => false })).map(({ mark }) => mark);
  } catch {
    return endMarks(order);
  }
}
