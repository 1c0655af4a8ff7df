// Where nodes go that leave a host, and that nobody else goes anywhere for them.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Facts } from '../../../machines/plan/plan-lab.ts';
import { aLab, aLink, aNode, host } from '../../support/lab-builders.ts';
import { idealHost, SimulatedLab } from '../../support/simulated-lab.ts';

const GIB = 1024 ** 3;
type State = Facts['hosts'][number]['state'];
const aHost = (number: number, memoryMiB: number, state: State = 'joined'): Facts['hosts'][number] => ({
  id: host(`h${number}`), state, underlay: { address: `10.200.0.${number}`, device: 'under', mtu: 1500 }, capacity: { cpus: 8, memoryMiB, diskMiB: 100_000, devices: [] },
});
const spec = aLab(
  [aNode('big', { memoryBytes: 6 * GIB }), aNode('x', { memoryBytes: 3 * GIB }), aNode('y', { host: 'h1', memoryBytes: GIB })],
  [aLink('x:eth1', 'y:eth1')],
  { placement: { policy: 'pack', onLostHost: { moveAfterSeconds: 5 } } },
);
const deploy = (wanted = spec) => ({ type: 'lab.deploy', spec: wanted, takeOver: false, reconfigure: false }) as const;
/** Room for `x` alone, were it to give way to `big` on the first host. */
const SMALL = 4500;

let sim: SimulatedLab;
const places = () => Object.fromEntries(Object.entries(sim.state.plan?.nodes ?? {}).map(([id, plan]) => [id, plan.host]));
const leaveH2 = (hosts: Facts['hosts']) => sim.command({ type: 'lab.leave', host: host('h2') }, { hosts });

beforeEach(() => {
  sim = new SimulatedLab();
  sim.command(deploy(), { hosts: [aHost(1, 8192), aHost(2, 8192), aHost(3, SMALL, 'cordoned')] });
  sim.run();
});

describe('nodes that leave a host', () => {
  it.each(['lost', 'draining'] as const)('P08: wait for room, and move nobody who lives elsewhere (%s)', (state) => {
    expect(places()).toEqual({ big: 'h2', x: 'h1', y: 'h1' });
    if (state === 'lost') sim.append([{ type: 'HostLost', host: host('h2'), reason: 'silent' }]);
    const others = [aHost(1, 8192), aHost(2, 8192, state)];
    expect(leaveH2([...others, aHost(3, SMALL)])).toMatchObject([{ code: 'no-capacity', details: { nodes: ['big'] } }]);
    expect(places()).toEqual({ big: 'h2', x: 'h1', y: 'h1' });
    expect(leaveH2([...others, aHost(3, 8192)])).toEqual([]);
    sim.run((order, at) => (state === 'lost' && order.host === 'h2' ? null : idealHost(order, at)));
    expect(places()).toEqual({ big: 'h3', x: 'h1', y: 'h1' });
    expect(Object.values(sim.state.nodes).map(({ spec: { id }, plan, machine }) => [id, plan.host, machine.value])).toEqual([['big', 'h3', 'running'], ['x', 'h1', 'running'], ['y', 'h1', 'running']]);
  });

  it('P08: leave those of another host that is drained or was removed where they are', () => {
    sim.append([{ type: 'HostLost', host: host('h2'), reason: 'silent' }]);
    for (const first of [[aHost(1, 8192, 'draining')], []]) {
      const again = new SimulatedLab();
      again.state = sim.state;
      expect(again.command({ type: 'lab.leave', host: host('h2') }, { hosts: [...first, aHost(2, 8192, 'lost'), aHost(3, 16_384)] })).toEqual([]);
      expect(Object.values(again.state.plan?.nodes ?? {}).map((plan) => plan.host)).toEqual(['h3', 'h1', 'h1']);
    }
  });
});

it('a node that is pinned where it is takes its room there from those that come', () => {
  const pinned = aLab([aNode('a', { host: 'h1', memoryBytes: 6 * GIB })]);
  sim = new SimulatedLab();
  const hosts = [aHost(1, 8192), aHost(2, 8192)];
  sim.command(deploy(pinned), { hosts });
  sim.run();
  expect(sim.command(deploy({ ...pinned, nodes: [...pinned.nodes, aNode('b', { memoryBytes: 3 * GIB })] }), { hosts })).toEqual([]);
  expect(places()).toEqual({ a: 'h1', b: 'h2' });
});
