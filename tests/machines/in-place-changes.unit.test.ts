// What a deploy, a drain or a move changes about nodes that go on as they are: they are told, never made anew, and never run twice.
import { beforeEach, describe, expect, it } from 'vitest';
import { evolve } from '../../machines/evolve/evolve.ts';
import { initialLab } from '../../machines/evolve/lab-state.ts';
import { labView } from '../../machines/evolve/lab-view.ts';
import { decide } from '../../machines/decide/decide.ts';
import type { Facts } from '../../machines/plan/plan-lab.ts';
import type { LabSpec, NodeSpec } from '../../machines/vocabulary/lab-spec.ts';
import type { PlacementSettings } from '../../machines/vocabulary/placement.ts';
import { isToLeave } from '../../supervisor/host-notes.ts';
import { aLab, aNode, facts, host, node } from '../support/lab-builders.ts';
import { idealHost, SimulatedLab } from '../support/simulated-lab.ts';

const aHost = (name: string, last: number, mtu = 1500): Facts['hosts'][number] => ({ id: host(name), state: 'joined', underlay: { address: `10.200.0.${last}`, device: 'under', mtu } });
const HOSTS = [aHost('h1', 1), aHost('h2', 2)];
const deploy = (spec: LabSpec) => ({ type: 'lab.deploy', spec, takeOver: false, reconfigure: false }) as const;
const changesOf = (spec: LabSpec, hosts = HOSTS) => {
  const decision = decide(deploy(spec), sim.state, facts({ hosts }));
  return 'changes' in decision ? decision.changes.map(({ object, id, action, reason }) => `${object} ${id} ${action}: ${reason}`) : decision;
};

let sim: SimulatedLab;
beforeEach(() => {
  sim = new SimulatedLab();
});
const generations = () => Object.fromEntries(Object.values(sim.state.nodes).map(({ spec, plan }) => [spec.id, plan.generation]));
const starts = () => sim.orders.flatMap((order) => (order.type === 'node.start' ? [order] : []));
const foldsAnew = () => expect(sim.entries.reduce((state, entry) => evolve(state, JSON.parse(JSON.stringify(entry))).state, initialLab(sim.state.id))).toEqual(sim.state);

describe('the MTU of a management network', () => {
  const three = aLab([aNode('a', { host: 'h1' }), aNode('b'), aNode('c')]);

  it('follows the hosts of the lab in place: a drain recreates the node that moves and no other', () => {
    sim.command(deploy(three), { hosts: [HOSTS[0] ?? aHost('h1', 1)] });
    sim.run();
    const before = generations();
    const drained = [{ ...aHost('h1', 1), state: 'draining' as const }, aHost('h2', 2)];
    expect(sim.command({ type: 'lab.leave', host: host('h1') }, { hosts: drained })).toEqual([]);
    sim.run();
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [] });
    expect(generations()).toEqual({ ...before, b: sim.state.nodes[node('b')]?.plan.generation });
    expect(generations()['b']).not.toBe(before['b']);
    const told = starts().slice(-3).filter(({ plan }) => Object.values(before).includes(plan.generation));
    expect(told.map((order) => [order.node.id, order.context.mgmt.mtu])).toEqual([['a', 1450], ['c', 1450]]);
    expect(sim.orders.flatMap((order) => (order.type === 'network.ensure' ? [order.mgmt.mtu] : []))).toEqual([1500, 1450, 1450]);
    foldsAnew();
  });

  it('grows again in place when the lab is on one host', () => {
    sim.command(deploy(aLab([aNode('a', { host: 'h1' }), aNode('b', { host: 'h2' })])), { hosts: HOSTS });
    sim.run();
    const before = generations();
    const together = aLab([aNode('a', { host: 'h1' }), aNode('b', { host: 'h1' })]);
    expect(changesOf(together)).toEqual(['mgmt clab update: MTU becomes 1500 (was 1450), in place', expect.stringContaining('node b recreate: moves from host h2 to h1')]);
    sim.command(deploy(together), { hosts: HOSTS });
    sim.run();
    expect(generations()['a']).toBe(before['a']);
    expect(starts().filter((order) => order.node.id === 'a').map((order) => order.context.mgmt.mtu)).toEqual([1450, 1500]);
  });

  it('becomes smaller for the nodes that stay when those of a lost host come to another one', () => {
    const spec = aLab([aNode('a', { host: 'h1' }), aNode('b'), aNode('c', { host: 'h2' })], [], { placement: { policy: 'pack', onLostHost: { moveAfterSeconds: 5 } } });
    const hosts = [aHost('h1', 1), aHost('h2', 2), aHost('h3', 3, 1400)];
    sim.command(deploy(spec), { hosts: hosts.map((one) => (one.id === 'h3' ? { ...one, state: 'cordoned' } : one)) });
    sim.run();
    const old = sim.state.nodes[node('b')]?.plan.host ?? host('?');
    const before = generations();
    sim.append([{ type: 'HostLost', host: old, reason: 'silent' }]);
    sim.command({ type: 'lab.leave', host: old }, { hosts: hosts.map((one) => (one.id === old ? { ...one, state: 'lost' } : one.id === 'h3' ? one : { ...one, state: 'cordoned' })) });
    sim.run((order, at) => (order.host === old ? null : idealHost(order, at)));
    expect(labView(sim.state).nodes.find((one) => one.node === 'b')).toMatchObject({ host: 'h3', state: 'running' });
    const stays = old === 'h1' ? 'c' : 'a';
    expect(generations()[stays]).toBe(before[stays]);
    expect(starts().filter((order) => order.node.id === stays).map((order) => order.context.mgmt.mtu)).toEqual([1450, 1350]);
    foldsAnew();
  });

  it('is refused where the file asks for more than passes between the hosts, with the largest', () => {
    const over = (mtu: number) => aLab([aNode('a', { host: 'h1' }), aNode('b', { host: 'h2' })], [], { mgmt: { ...three.mgmt, mtu } });
    expect(sim.command(deploy(over(1500)), { hosts: HOSTS })).toMatchObject([{ code: 'mtu-too-large', details: { mtu: 1500, largest: 1450 }, message: expect.stringContaining('set mgmt.mtu to 1450 or less') as string }]);
    expect(sim.command(deploy(over(1450)), { hosts: HOSTS })).toEqual([]);
    expect(sim.state.plan?.mgmt.mtu).toBe(1450);
    const jumbo = new SimulatedLab();
    expect(jumbo.command(deploy(over(8000)), { hosts: [aHost('h1', 1, 9000), aHost('h2', 2, 9000)] })).toEqual([]);
  });

  it('of the file may be anything on one host, and changes in place too', () => {
    const alone = (mtu: number) => aLab([aNode('a')], [], { mgmt: { ...three.mgmt, mtu } });
    sim.command(deploy(alone(9000)));
    sim.run();
    expect(changesOf(alone(1400))).toEqual(['mgmt clab update: MTU becomes 1400 (was 9000), in place']);
  });
});

describe('a change of the section placement', () => {
  const nodes = [aNode('a', { host: 'h1' }), aNode('b')];
  const placed = (onLostHost: PlacementSettings['onLostHost'], over: Partial<PlacementSettings> = {}) => aLab(nodes, [], { placement: { policy: 'spread', onLostHost, ...over } });
  const whenLost = HOSTS.map((one) => (one.id === 'h2' ? { ...one, state: 'lost' as const } : one));
  const lose = () => sim.append([{ type: 'HostLost', host: host('h2'), reason: 'silent for 15 s' }]);
  const move = () => sim.command({ type: 'lab.leave', host: host('h2') }, { hosts: whenLost });
  const placeOfB = () => labView(sim.state).nodes.find((one) => one.node === 'b')?.host;

  beforeEach(() => {
    sim.command(deploy(placed('wait')), { hosts: HOSTS });
    sim.run();
  });

  it('is a change with its reason, also alone; its defaults written out are none', () => {
    expect(changesOf(placed({ moveAfterSeconds: 60 }))).toEqual(['lab t update: placement changed: on-lost-host']);
    expect(changesOf(placed('wait', { policy: 'pack', plane: 'tc' }), HOSTS.map((one) => ({ ...one, planes: ['tc'] })))).toEqual(['lab t update: placement changed: plane, policy']);
    sim.command(deploy(aLab(nodes)), { hosts: HOSTS });
    expect(changesOf(placed('wait', { policy: 'pack' }))).toMatchObject({ kind: 'nothing' });
  });

  it('P08: is told to the hosts of running nodes, which are not made anew', () => {
    expect(placeOfB()).toBe('h2');
    const before = generations();
    sim.command(deploy(placed({ moveAfterSeconds: 60 })), { hosts: HOSTS });
    expect(labView(sim.state).state).toBe('deploying');
    sim.run();
    expect(labView(sim.state).state).toBe('running');
    expect(generations()).toEqual(before);
    expect(starts().map((order) => [order.node.id, order.fenceAfterMs])).toEqual([['a', undefined], ['b', undefined], ['a', 60_000], ['b', 60_000]]);
    expect(sim.orders.filter((order) => order.type === 'node.exec' || order.type === 'node.remove')).toEqual([]);
    foldsAnew();
  });

  it('P08: never lets a node run twice: it moves only once its host has said that it will end it', () => {
    sim.command(deploy(placed({ moveAfterSeconds: 5 })), { hosts: HOSTS });
    sim.run((order, at) => (order.host === 'h2' ? null : idealHost(order, at)));
    lose();
    expect(move()).toEqual([]);
    expect(placeOfB()).toBe('h2');
    expect(labView(sim.state).problems.join()).toContain('lost before it learned that it has to end them: b');
    // It is back, hears the order and answers; from then on its silence ends the node.
    sim.append([{ type: 'HostReturned', host: host('h2') }]);
    for (const order of starts().slice(-1)) sim.observeOn(host('h2'), ...[idealHost(order, sim.at)].flatMap((seen) => seen ?? []));
    lose();
    expect(move()).toEqual([]);
    expect(placeOfB()).toBe('h1');
    foldsAnew();
  });

  it('P08: an answer to an order of before the change is none to the change', () => {
    sim.command({ type: 'node.restart', nodes: [node('b')] });
    const [stop] = sim.orders.slice(-1);
    sim.command(deploy(placed({ moveAfterSeconds: 5 })), { hosts: HOSTS });
    sim.observeOn(host('h2'), ...[stop && idealHost(stop, sim.at)].flatMap((seen) => seen ?? []));
    lose();
    move();
    expect(placeOfB()).toBe('h2');
  });

  it('that comes while the host is lost binds its nodes until it is back', () => {
    lose();
    sim.command(deploy(placed({ moveAfterSeconds: 5 })), { hosts: whenLost });
    move();
    expect(placeOfB()).toBe('h2');
  });
});

describe('where the file wants a node that stands', () => {
  const apart = { 'labwright-apart': 'x' };
  const free = aLab([aNode('a', { labels: { color: 'red' } }), aNode('b')]);
  const placed = (over: Partial<NodeSpec>) => aLab([aNode('a', { labels: { color: 'red' }, ...over }), aNode('b')]);
  const pinOfA = () => sim.state.nodes[node('a')]?.spec.host;
  const placeOfA = () => sim.state.nodes[node('a')]?.plan.host;

  beforeEach(() => {
    sim.command(deploy(free), { hosts: [aHost('h1', 1)] });
    sim.run();
  });

  it.each([
    ['a pin to its host', placed({ host: 'h1' })],
    ['a word it is to be near', placed({ labels: { color: 'red', 'labwright-near': 'y' } })],
    ['a word it is to be apart from', placed({ labels: { color: 'red', ...apart } })],
  ])('is recorded as %s, and later as none: no step of a plan, no node made anew', (_what, spec) => {
    const lives = () => Object.values(sim.state.nodes).map(({ spec: { host: _pin, ...rest }, plan, machine }) => ({ ...rest, plan, machine }));
    const before = lives();
    for (const wanted of [spec, free]) {
      expect(changesOf(wanted)).toEqual([]);
      sim.command(deploy(wanted), { hosts: HOSTS });
      sim.run();
      expect(sim.state.spec).toEqual(wanted);
      expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [] });
      expect(lives()).toEqual(before);
      expect(changesOf(wanted)).toMatchObject({ kind: 'nothing' });
    }
    expect(sim.orders.filter((order) => order.type === 'node.remove' || order.type === 'node.save')).toEqual([]);
    expect(starts()).toHaveLength(2);
    foldsAnew();
  });

  it('holds from then on: a drain leaves the node where it was pinned, and takes it along when it is no more', () => {
    const drain = () => {
      sim.command({ type: 'lab.leave', host: host('h1') }, { hosts: [{ ...aHost('h1', 1), state: 'draining' }, aHost('h2', 2)] });
      sim.run();
    };
    sim.command(deploy(placed({ host: 'h1' })), { hosts: HOSTS });
    sim.run();
    drain();
    drain();
    expect(isToLeave(sim.state, { id: host('h1'), state: 'draining' })).toBe(false);
    expect([pinOfA(), placeOfA(), sim.state.nodes[node('b')]?.plan.host]).toEqual(['h1', 'h1', 'h2']);
    sim.command(deploy(free), { hosts: HOSTS });
    sim.run();
    expect([pinOfA(), placeOfA()]).toEqual([undefined, 'h1']);
    expect(isToLeave(sim.state, { id: host('h1'), state: 'draining' })).toBe(true);
    drain();
    expect(placeOfA()).toBe('h2');
  });

  it('moves it when that is another host', () => {
    expect(changesOf(placed({ host: 'h2' }))).toEqual(expect.arrayContaining([expect.stringContaining('node a recreate: moves from host h1 to h2') as string]));
  });

  it('hides no other change: another label, or another image beside the pin, makes it anew where it stands', () => {
    expect(changesOf(placed({ host: 'h1', labels: { color: 'blue', ...apart } }))).toEqual(['node a recreate: changed: labels']);
    expect(changesOf(placed({ host: 'h1', image: 'alpine:4' }))).toEqual(['node a recreate: changed: image']);
  });
});
