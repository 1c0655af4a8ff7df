// A host that people removed: nothing waits for it, its nodes move by policy or by the next deploy, and it owes what it held should it come back.
import { beforeEach, describe, expect, it } from 'vitest';
import { evolve } from '../../machines/evolve/evolve.ts';
import { initialLab } from '../../machines/evolve/lab-state.ts';
import { labView } from '../../machines/evolve/lab-view.ts';
import type { Facts } from '../../machines/plan/plan-lab.ts';
import { aLab, aLink, aNode, host, node } from '../support/lab-builders.ts';
import { idealHost, SimulatedLab } from '../support/simulated-lab.ts';

const aHost = (name: string, last: number): Facts['hosts'][number] => ({ id: host(name), state: 'joined', underlay: { address: `10.200.0.${last}`, device: 'under', mtu: 1500 } });
const [H1, H2, H3] = [aHost('h1', 1), aHost('h2', 2), aHost('h3', 3)];
const LINK = 'a:eth1--b:eth1';
const SPEC = aLab([aNode('a', { host: 'h1' }), aNode('b')], [aLink('a:eth1', 'b:eth1')]);
const PINNED = aLab([aNode('a', { host: 'h1' }), aNode('b', { host: 'h2' })], SPEC.links);
const deploy = (spec = SPEC) => ({ type: 'lab.deploy', spec, takeOver: false, reconfigure: false }) as const;
const destroy = { type: 'lab.destroy', cleanup: false, keepMgmtNet: false } as const;

let sim: SimulatedLab;
const lose = () => sim.append([{ type: 'HostLost', host: host('h2'), reason: 'silent for 15 s' }]);
const forget = () => sim.append([{ type: 'HostForgotten', host: host('h2') }]);
const back = () => sim.append([{ type: 'HostReturned', host: host('h2') }]);
/** All hosts but the one that is gone do what they are told. */
const runWithoutH2 = () => sim.run((order, at) => (order.host === 'h2' ? null : idealHost(order, at)));
const foldsAnew = () => expect(sim.entries.reduce((state, entry) => evolve(state, entry).state, initialLab(sim.state.id))).toEqual(sim.state);
const onH2 = () => Object.values(sim.state.pending).filter((effect) => effect.host === 'h2').map(({ type, target }) => `${type} ${target}`).toSorted();

beforeEach(() => {
  sim = new SimulatedLab();
  sim.command(deploy(PINNED), { hosts: [H1, H2] });
  sim.run();
  sim.command(deploy(), { hosts: [H1, H2] });
  sim.run();
});

describe('a host that was removed by hand', () => {
  it('S22: lets a destroy end that waited for it, and says what was given up', () => {
    lose();
    sim.command(destroy);
    runWithoutH2();
    expect(labView(sim.state).state).toBe('destroying');
    forget();
    runWithoutH2();
    expect(sim.state).toMatchObject({ lab: { value: 'destroyed' }, nodes: {}, links: {}, networks: {}, owed: {}, lost: {}, forgotten: {}, pending: {} });
    expect(sim.news).toContain(`given up: what host h2 held of b, ${LINK}: it was removed by hand`);
    expect(labView(sim.state).problems).toEqual([expect.stringContaining(`host h2 was removed by hand: what it held is given up, and removed only if it comes back: ${LINK}, b`)]);
    foldsAnew();
  });

  it('S22: takes no part in a destroy that comes later', () => {
    forget();
    sim.command(destroy);
    runWithoutH2();
    expect(labView(sim.state).state).toBe('destroyed');
    foldsAnew();
  });

  it('P08: has its nodes unknown until the next deploy makes them elsewhere, with links of their own', () => {
    forget();
    expect(labView(sim.state)).toMatchObject({ state: 'degraded', nodes: [{ state: 'running' }, { state: 'unknown' }] });
    expect(labView(sim.state).problems[0]).toContain('host h2 is lost: it was removed by hand');
    expect(sim.command(deploy(), { hosts: [H1, H3] })).toEqual([]);
    runWithoutH2();
    const view = labView(sim.state);
    expect(view.nodes.map((one) => [one.state, one.host])).toEqual([['running', 'h1'], ['running', 'h1']]);
    expect(view).toMatchObject({ state: 'running', links: [{ state: 'up' }] });
    expect(Object.keys(sim.state.networks)).toEqual(['h1']);
    expect([sim.state.lost, sim.state.forgotten, onH2()]).toEqual([{}, {}, []]);
    foldsAnew();
  });

  it('P08: gives its nodes away by the policy, once the time is over in which it ends them', () => {
    const moving = { placement: { policy: 'pack', onLostHost: { moveAfterSeconds: 60 } } } as const;
    sim = new SimulatedLab();
    sim.command(deploy({ ...PINNED, ...moving }), { hosts: [H1, H2] });
    sim.run();
    sim.command(deploy({ ...SPEC, ...moving }), { hosts: [H1, H2] });
    sim.run();
    forget();
    expect(sim.state.deadlines['move-from/h2']).toBe(sim.at + 60_000);
    sim.passDeadline();
    expect(sim.command({ type: 'lab.leave', host: host('h2') }, { hosts: [H1, H3] })).toEqual([]);
    runWithoutH2();
    expect(labView(sim.state)).toMatchObject({ state: 'running', nodes: [{ state: 'running' }, { state: 'running', host: 'h1' }] });
    foldsAnew();
  });

  it('keeps a node that is pinned to it, and the lab takes other changes meanwhile', () => {
    sim.command(deploy(PINNED), { hosts: [H1, H2] });
    sim.run();
    forget();
    expect(sim.command(deploy(aLab([...PINNED.nodes, aNode('c')], PINNED.links)), { hosts: [H1, H3] })).toEqual([]);
    runWithoutH2();
    expect(labView(sim.state).nodes.map((one) => one.state)).toEqual(['running', 'unknown', 'running']);
    expect(onH2()).toEqual([]);
    foldsAnew();
  });
});

describe('a host that comes back although it was removed', () => {
  const removals = (orders: SimulatedLab['orders']) => orders.filter((order) => order.host === 'h2').map(({ type }) => type).toSorted();

  it('P08: removes its old copies by their generation when its nodes live elsewhere', () => {
    const { generation } = sim.state.nodes[node('b')]?.plan ?? { generation: 0 };
    forget();
    sim.command(deploy(), { hosts: [H1, H3] });
    runWithoutH2();
    const before = sim.orders.length;
    back();
    sim.run();
    expect(removals(sim.orders.slice(before))).toEqual(['link.remove', 'network.remove', 'node.remove']);
    expect(sim.orders.slice(before).flatMap((order) => (order.type === 'node.remove' ? [order.plan.generation] : []))).toEqual([generation]);
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [] });
    expect([sim.state.givenUp, sim.state.owed]).toEqual([{}, {}]);
    foldsAnew();
  });

  it('R05: removes what it kept of a lab that was destroyed meanwhile', () => {
    forget();
    sim.command(destroy);
    runWithoutH2();
    const before = sim.orders.length;
    back();
    sim.run();
    expect(removals(sim.orders.slice(before))).toEqual(['link.remove', 'network.remove', 'node.remove']);
    expect(sim.state).toMatchObject({ lab: { value: 'destroyed' }, owed: {}, givenUp: {}, networks: {}, pending: {} });
    foldsAnew();
  });

  it('goes on with what still stands there', () => {
    forget();
    back();
    sim.run();
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [], nodes: [{ host: 'h1' }, { host: 'h2', state: 'running' }] });
    foldsAnew();
  });
});
