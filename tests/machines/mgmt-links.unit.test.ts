// Links into the management network: ordered once its bridge is there, by the name that was read back.
import { expect, it } from 'vitest';
import { LinkId } from '../../machines/vocabulary/ids.ts';
import type { Order } from '../../machines/vocabulary/effect.ts';
import { aLab, aLink, aNode, node } from '../support/lab-builders.ts';
import { idealHost, SimulatedLab } from '../support/simulated-lab.ts';

const toMgmt = { id: LinkId.parse('a:eth2--mgmt-net:x'), a: { at: 'node' as const, node: node('a'), interface: 'eth2' }, b: { at: 'mgmt-net' as const, interface: 'x' }, labels: {}, vars: {} };

it('a link to the management network waits for its bridge; the others need only know whose it is', () => {
  const sim = new SimulatedLab();
  sim.command({ type: 'lab.deploy', spec: aLab([aNode('a'), aNode('b')], [aLink('a:eth1', 'b:eth1'), toMgmt]), takeOver: false, reconfigure: false });
  const held: Order[] = [];
  sim.run((order, at) => {
    if (order.type !== 'network.ensure') return idealHost(order, at);
    held.push(order);
    return { type: 'network.foreseen', at, bridge: 'br-1', foreign: false };
  });
  const linked = () => sim.orders.flatMap((order) => (order.type === 'link.ensure' ? [[order.link, order.mgmtBridge]] : []));
  expect(linked().map(([link]) => link)).toEqual(['a:eth1--b:eth1']);
  const [ensure] = held;
  if (ensure) sim.observe({ type: 'network.ready', effectId: ensure.id, at: sim.at, bridge: 'br-1', foreign: false });
  sim.run();
  expect(linked()).toContainEqual([toMgmt.id, 'br-1']);
  expect(sim.state.lab.value).toBe('running');
});
