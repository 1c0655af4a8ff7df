// Where nodes go that leave a host, and that nobody else goes anywhere for them.
import { beforeEach, describe, expect, it } from 'vitest';
import { labView } from '../../../machines/evolve/lab-view.ts';
import type { Facts } from '../../../machines/plan/plan-lab.ts';
import { aLab, aLink, aNode, host, node } from '../../support/lab-builders.ts';
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
    leaveH2([...others, aHost(3, SMALL)]);
    expect(sim.state.stuck).toMatchObject({ h2: [{ nodes: ['big'], reason: expect.stringContaining('big cannot be placed: it needs 6144 MiB of memory') }] });
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

describe('of nodes that leave a host', () => {
  const wanted = aLab(
    [aNode('big', { memoryBytes: 6 * GIB }), aNode('mate', { network: { mode: 'node', node: node('big') } }), aNode('s1', { memoryBytes: GIB }), aNode('s2', { memoryBytes: GIB }), aNode('there', { host: 'h2' })],
    [aLink('s1:eth1', 's2:eth1'), aLink('big:eth1', 's1:eth2')],
    { placement: { policy: 'pack', onLostHost: { moveAfterSeconds: 5 } } },
  );
  const problems = () => labView(sim.state).problems.filter((problem) => problem.startsWith('cannot leave'));
  const isLost = (state: State) => state === 'lost';
  const settle = (state: State) => sim.run((order, at) => (isLost(state) && order.host === 'h2' ? null : idealHost(order, at)));

  beforeEach(() => {
    sim = new SimulatedLab();
    sim.command(deploy(wanted), { hosts: [aHost(2, 16_384)] });
    sim.run();
  });

  it.each(['lost', 'draining'] as const)('one that fits nowhere holds up none that fits, and is named with the reason and a remedy until it goes (%s)', (state) => {
    if (isLost(state)) sim.append([{ type: 'HostLost', host: host('h2'), reason: 'silent' }]);
    const hosts = [aHost(1, SMALL), aHost(2, 16_384, state)];
    const trail = ['s1', 's2', 's2'].map(() => {
      leaveH2(hosts);
      settle(state);
      return Object.entries(places()).filter(([, on]) => on === 'h1').map(([id]) => id).join();
    });
    expect(trail).toEqual(isLost(state) ? ['s1,s2', 's1,s2', 's1,s2'] : ['s1', 's1,s2', 's1,s2']);
    expect(sim.states()).toMatchObject(isLost(state) ? { big: 'unknown', mate: 'unknown', s1: 'running', s2: 'running', there: 'unknown' } : { big: 'running', mate: 'running', s1: 'running', s2: 'running', there: 'running' });
    expect(sim.state.stuck).toMatchObject({ h2: [{ nodes: ['big', 'mate'] }] });
    expect(problems()).toEqual([expect.stringMatching(new RegExp(`^cannot leave host h2: big, mate cannot be placed: together they need 6176 MiB of memory, the largest free is \\d+ MiB of memory on h1 \\(h2: it is ${isLost(state) ? 'lost' : 'being drained'}\\)\\. It would fit with: .*add a host with 6176 MiB`))]);
    const entries = sim.entries.length;
    leaveH2(hosts);
    expect(sim.entries.length).toBe(entries);
    leaveH2([...hosts, aHost(3, 8192)]);
    settle(state);
    expect(places()).toEqual({ big: 'h3', mate: 'h3', s1: 'h1', s2: 'h1', there: 'h2' });
    expect([sim.state.stuck, problems()]).toEqual([{}, []]);
  });

  it('one that waits is held up by nothing once its host is back, the lab is destroyed, or it is wanted no more', () => {
    sim.append([{ type: 'HostLost', host: host('h2'), reason: 'silent' }]);
    leaveH2([aHost(1, SMALL), aHost(2, 16_384, 'lost')]);
    const before = sim.state;
    const ends = [
      () => sim.append([{ type: 'HostReturned', host: host('h2') }]),
      () => void sim.command({ type: 'lab.destroy', cleanup: false, keepMgmtNet: false }),
      () => void sim.command(deploy({ ...wanted, nodes: wanted.nodes.filter(({ id }) => id !== 'big' && id !== 'mate'), links: [aLink('s1:eth1', 's2:eth1')] }), { hosts: [aHost(1, SMALL), aHost(2, 16_384, 'lost')] }),
    ];
    for (const end of ends) {
      sim = new SimulatedLab();
      sim.state = before;
      expect(problems()).toHaveLength(1);
      end();
      expect([sim.state.stuck, problems()]).toEqual([{}, []]);
    }
  });

  it('none goes for a reason of the whole lab: it is told for all of them', () => {
    sim.append([{ type: 'HostLost', host: host('h2'), reason: 'silent' }]);
    leaveH2([{ ...aHost(1, 16_384), underlay: undefined }, aHost(2, 16_384, 'lost'), { ...aHost(3, SMALL), underlay: undefined }]);
    expect(sim.state.stuck).toMatchObject({ h2: [{ nodes: ['big', 'mate', 's1', 's2'], reason: expect.stringContaining('has not told an address') }] });
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
