// Orders about links.
import type { Order } from '../machines/vocabulary/effect.ts';
import { crashPoint } from './crash-point.ts';
import type { HostContext, Seen } from './host-context.ts';

export async function ensureLink(context: HostContext, order: Extract<Order, { type: 'link.ensure' }>): Promise<Seen> {
  // In one batch with the namespaces and management interfaces of the lab, which wait for its bridge.
  await context.networks.bridged(order.lab).catch(() => undefined);
  const wired = await context.wires.join(order);
  crashPoint('after-wire-before-answer');
  for (const warning of wired.warnings) context.log.warn({ labId: order.lab, linkId: order.link, warning }, 'link was made, and a line inside a node was refused');
  return context.links.joined(order, wired, 'order');
}

export async function removeLink(context: HostContext, order: Extract<Order, { type: 'link.remove' }>): Promise<Seen> {
  await context.wires.part(order);
  context.links.forget(order.lab, order.link);
  return { type: 'link.removed', link: order.link };
}
