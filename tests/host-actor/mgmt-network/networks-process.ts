// A process that keeps a management network in the namespace it was started in: state file and order as arguments, `remove` on stdin.
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { MgmtNetworks } from '../../../host-actor/mgmt-network/mgmt-networks.ts';
import type { MgmtOrder } from '../../../host-actor/mgmt-network/mgmt-order.ts';

const [, , statePath = '', text = ''] = process.argv;
const networks = new MgmtNetworks({ statePath, owner: 'tmgmt', table: 'tmgmt' });
const order = z.custom<MgmtOrder>().parse(JSON.parse(text));
process.stdout.write(`${JSON.stringify(await networks.ensure(order))}\n`);
for await (const line of createInterface(process.stdin)) {
  if (line !== 'remove') continue;
  await networks.remove(order.lab, { keep: false });
  process.stdout.write('removed\n');
}
await networks.close();
