// Orders about the management network of a lab.
import type { Order } from '../machines/vocabulary/effect.ts';
import type { HostContext, Seen } from './host-context.ts';
import { reportSeen } from './host-context.ts';
import { objectKey } from './order-object.ts';

export async function ensureNetwork(context: HostContext, order: Extract<Order, { type: 'network.ensure' }>): Promise<Seen> {
  const foreseen = await context.networks.foresee(order.lab);
  if (foreseen !== undefined) reportSeen(context, order.lab, { type: 'network.foreseen', ...foreseen });
  const { bridge, foreign } = await context.networks.ensure(order);
  await context.mgmtEchoes.refresh();
  const far = context.mgmtEchoes.noteTold(order.lab);
  return { type: 'network.ready', bridge, foreign, ...(far.length === 0 ? {} : { far }) };
}

/** Ordered together with the removal of a whole lab, it begins beside that of the nodes and ends after it. */
export async function removeNetwork(context: HostContext, order: Extract<Order, { type: 'network.remove' }>): Promise<Seen> {
  const inUseBy = await context.networks.takeOff(order);
  context.mgmtEchoes.forgetLab(order.lab);
  await context.mgmtEchoes.refresh();
  await context.queue.settledUnder(objectKey({ lab: order.lab, kind: 'node', id: '' }));
  // Containers that the engine attached held it until now.
  if (inUseBy.length > 0) await context.networks.takeOff(order);
  await context.networks.removeFiles(order);
  return { type: 'network.removed' };
}
