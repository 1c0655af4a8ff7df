// Orders about the management network of a lab.
import type { Order } from '../machines/vocabulary/effect.ts';
import type { HostContext, Seen } from './host-context.ts';
import { reportSeen } from './host-context.ts';

export async function ensureNetwork(context: HostContext, order: Extract<Order, { type: 'network.ensure' }>): Promise<Seen> {
  const foreseen = await context.networks.foresee(order.lab);
  if (foreseen !== undefined) reportSeen(context, order.lab, { type: 'network.foreseen', ...foreseen });
  const { bridge, foreign } = await context.networks.ensure(order);
  return { type: 'network.ready', bridge, foreign };
}

export async function removeNetwork(context: HostContext, order: Extract<Order, { type: 'network.remove' }>): Promise<Seen> {
  await context.networks.remove(order);
  return { type: 'network.removed' };
}
