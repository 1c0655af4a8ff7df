// A lab over several hosts, without hosts: when a link may be up, what a lost host means, who gets what when it is back.
import { beforeEach, describe, expect, it } from 'vitest';
import { decide } from '../../machines/decide/decide.ts';
import { LinkId } from '../../machines/vocabulary/ids.ts';
import { evolve } from '../../machines/evolve/evolve.ts';
import { initialLab } from '../../machines/evolve/lab-state.ts';
import { labView } from '../../machines/evolve/lab-view.ts';
import type { Order } from '../../machines/vocabulary/effect.ts';
import type { Observation } from '../../machines/vocabulary/observation.ts';
import type { Facts } from '../../machines/plan/plan-lab.ts';
import { aLab, aLink, aNode, facts, host, node } from '../support/lab-builders.ts';
import { idealHost, SimulatedLab } from '../support/simulated-lab.ts';

const aHost = (name: string, last: number, mtu = 1500): Facts['hosts'][number] => ({ id: host(name), state: 'joined', underlay: { address: `10.200.0.${last}`, device: 'under', mtu } });
const HOSTS = [aHost('h1', 1), aHost('h2', 2), aHost('h3', 3)];
const LINK = 'a:eth1--b:eth1';
const SPEC = aLab([aNode('a', { host: 'h1' }), aNode('b', { host: 'h2' })], [aLink('a:eth1', 'b:eth1')]);
const deploy = (spec = SPEC) => ({ type: 'lab.deploy', spec, takeOver: false, reconfigure: false }) as const;

let sim: SimulatedLab;
beforeEach(() => {
  sim = new SimulatedLab();
  sim.command(deploy(), { hosts: HOSTS });
});

const linkOrders = (on: string) => sim.orders.flatMap((order) => (order.type === 'link.ensure' && order.host === on ? [order] : []));
const link = () => labView(sim.state).links[0];
/** Answers legs with an echo as told, all else as an ideal host. */
const withEcho = (echo: 'untold' | 'ok' | 'lost') => (order: Order, at: number): Observation | null => {
  const seen = idealHost(order, at);
  return seen?.type === 'link.joined' && seen.tunnel ? { ...seen, tunnel: { ...seen.tunnel, echo } } : seen;
};
const echoOn = (name: 'h1' | 'h2', echo: 'ok' | 'lost') => {
  const last = linkOrders(name).at(-1);
  if (!last) throw new Error(`no order on ${name}`);
  const seen = withEcho(echo)(last, sim.at);
  if (seen?.type !== 'link.joined') throw new Error('not joined');
  const { effectId: _answered, ...news } = seen;
  sim.observeOn(host(name), news);
};
const joinedOn = (name: 'h1' | 'h2') => {
  const last = linkOrders(name).at(-1);
  const seen = last && idealHost(last, sim.at);
  if (seen?.type !== 'link.joined') throw new Error('not joined');
  const { effectId: _answered, ...read } = seen;
  return read;
};
const foldsAnew = () => expect(sim.entries.reduce((state, entry) => evolve(state, entry).state, initialLab(sim.state.id))).toEqual(sim.state);

describe('a link across hosts', () => {
  it('X02 X16: no node sees carrier, and the link is not up, before both ends are read back and both echoes came', () => {
    sim.run(withEcho('untold'));
    expect(linkOrders('h1').map(({ leg }) => leg?.farAway !== '')).toEqual([true]);
    expect(link()).toMatchObject({ state: 'joining', oper: 'unknown' });
    expect(link()?.reason).toContain('is awaited');
    echoOn('h1', 'ok');
    sim.run();
    expect(link()?.state).toBe('joining');
    echoOn('h2', 'ok');
    sim.run();
    expect(linkOrders('h1').at(-1)?.leg?.farAway).toBe('');
    expect(linkOrders('h2').at(-1)?.leg?.farAway).toBe('');
    expect(link()).toMatchObject({ state: 'up', oper: 'up', reason: '', mtu: 1450, tunnel: { vni: 4097, a: { host: 'h1', vtep: '10.200.0.1' }, b: { host: 'h2', vtep: '10.200.0.2' } } });
    foldsAnew();
  });

  it('comes up in two rounds of orders with ideal hosts, and the lab runs', () => {
    sim.run();
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [] });
    expect(linkOrders('h1')).toHaveLength(2);
    expect(linkOrders('h2')).toHaveLength(2);
  });

  it('X03: a side whose tunnel cannot be made fails the link with that host\'s reason, and the other node gets no carrier', () => {
    sim.run((order, at) => (order.type === 'link.ensure' && order.host === 'h2'
      ? { type: 'effect.failed', effectId: order.id, at, code: 'kernel-refused', message: 'RTNETLINK answers: Address already in use', retryable: false, log: [] } : idealHost(order, at)));
    expect(link()).toMatchObject({ state: 'failed', oper: 'down' });
    expect(link()?.reason).toContain('h2');
    expect(link()?.reason).toContain('Address already in use');
    expect(linkOrders('h1').every(({ leg }) => leg?.farAway !== '')).toBe(true);
    expect(labView(sim.state).state).toBe('degraded');
  });

  describe('of which one half cannot be made', () => {
    const refusal = (retryable: boolean) => (order: Order, at: number): Observation | null =>
      order.type === 'link.ensure' && order.host === 'h2' ? { type: 'effect.failed', effectId: order.id, at, code: 'kernel-refused', message: 'RTNETLINK answers: Address already in use', retryable, log: [] } : idealHost(order, at);
    const undone = () => linkOrders('h1').map(({ leg }) => leg?.undone === true);

    it('has its other half undone, once, and both made by a retry', () => {
      sim.run(refusal(false));
      expect(undone()).toEqual([false, true]);
      expect(sim.state.links[LinkId.parse(LINK)]?.crossing).toMatchObject({ legs: { a: null, b: null }, undone: 'a' });
      foldsAnew();
      sim.command({ type: 'lab.retry', nodes: [], links: [LinkId.parse(LINK)] });
      sim.run();
      expect(undone().at(-1)).toBe(false);
      expect(sim.state.links[LinkId.parse(LINK)]?.crossing).not.toHaveProperty('undone');
      expect(labView(sim.state).state).toBe('running');
    });

    it('keeps its other half as long as it is tried again by itself', () => {
      sim.run(refusal(true));
      expect(Object.keys(sim.state.deadlines)).toEqual([`retry-link/${LINK}`]);
      expect(undone()).not.toContain(true);
      for (let tries = 0; tries < 10 && Object.keys(sim.state.deadlines).length > 0; tries += 1) {
        sim.passDeadline();
        sim.run(refusal(true));
      }
      expect(link()?.state).toBe('failed');
      expect(undone().filter(Boolean)).toEqual([true]);
      expect(undone().at(-1)).toBe(true);
    });

    it('comes up when its host makes it after all', () => {
      sim.run(refusal(false));
      echoOn('h2', 'ok');
      sim.run();
      expect(link()).toMatchObject({ state: 'up' });
      foldsAnew();
    });

    it('keeps its other half while a host is lost, which may bring it back', () => {
      sim.run();
      sim.append([{ type: 'HostLost', host: host('h2'), reason: 'silent' }]);
      sim.run();
      expect(undone()).not.toContain(true);
    });
  });

  it('X08: an echo that stops takes the link out of up and the carrier from both nodes; it returns with the echo', () => {
    sim.run();
    echoOn('h1', 'lost');
    expect(link()).toMatchObject({ state: 'repairing', oper: 'unknown' });
    expect(link()?.reason).toContain('no echo comes back from host h2');
    sim.run(withEcho('lost'));
    expect(linkOrders('h1').at(-1)?.leg?.farAway).not.toBe('');
    expect(linkOrders('h2').at(-1)?.leg?.farAway).not.toBe('');
    echoOn('h1', 'ok');
    echoOn('h2', 'ok');
    sim.run();
    expect(link()).toMatchObject({ state: 'up' });
    foldsAnew();
  });

  it('X11: an echo that stops where the way to the far end is too narrow says so', () => {
    sim.run();
    const read = joinedOn('h1');
    sim.observeOn(host('h1'), { ...read, ...(read.tunnel ? { tunnel: { ...read.tunnel, echo: 'lost' as const, underlayMtu: 1400 } } : {}) });
    expect(link()?.reason).toBe('no echo comes back from host h2 (10.200.0.2, VNI 4097) to host h1; packets of 1450 bytes do not fit whole into the way there, whose MTU is 1400');
  });

  it('an echo that never comes is a named wait, then a failure that mends itself', () => {
    sim.run(withEcho('untold'));
    expect(Object.keys(sim.state.deadlines)).toEqual([`crossing/${LINK}`]);
    sim.passDeadline();
    sim.run(withEcho('untold'));
    expect(link()).toMatchObject({ state: 'failed', oper: 'down' });
    expect(labView(sim.state).state).toBe('degraded');
    echoOn('h1', 'ok');
    echoOn('h2', 'ok');
    sim.run();
    expect(labView(sim.state).state).toBe('running');
  });

  it('X08: a host that reads back another number than was leased is not believed', () => {
    sim.run((order, at) => {
      const seen = idealHost(order, at);
      return seen?.type === 'link.joined' && seen.tunnel && order.host === 'h2' ? { ...seen, tunnel: { ...seen.tunnel, vni: 99 } } : seen;
    });
    expect(link()?.state).not.toBe('up');
    expect(link()?.reason).toBe('host h2 read back VNI 99, wanted 4097');
  });

  it('X11: a host that reads back another MTU than was planned is not believed, until it reads back the right one', () => {
    sim.run((order, at) => {
      const seen = idealHost(order, at);
      return seen?.type === 'link.joined' && seen.tunnel && order.host === 'h2' ? { ...seen, mtu: 1400 } : seen;
    });
    expect(link()).toMatchObject({ state: 'joining', oper: 'unknown', reason: 'host h2 read back an MTU of 1400, wanted 1450' });
    echoOn('h2', 'ok');
    sim.run();
    expect(link()).toMatchObject({ state: 'up', oper: 'up', reason: '' });
    sim.observeOn(host('h1'), { ...joinedOn('h1'), type: 'link.repaired', what: 'wrong-mtu at end b', workMs: 1, mtu: 1300 });
    expect(link()).toMatchObject({ state: 'repairing', reason: 'host h1 read back an MTU of 1300, wanted 1450' });
    foldsAnew();
  });

  it('a repair told by a host of before, which says no MTU, is believed', () => {
    sim.run();
    const { mtu: _unsaid, ...read } = joinedOn('h1');
    sim.observeOn(host('h1'), { ...read, type: 'link.repaired', what: 'end-deleted at end b', workMs: 1 });
    expect(link()).toMatchObject({ state: 'up' });
  });

  it('a node that does not run takes the carrier from its neighbour on the other host', () => {
    sim.run();
    sim.command({ type: 'node.stop', nodes: [node('b')] });
    sim.run();
    const order = linkOrders('h2').at(-1);
    const seen = order && idealHost(order, sim.at);
    if (seen?.type !== 'link.joined') throw new Error('not joined');
    const { effectId: _answered, ...news } = seen;
    sim.observeOn(host('h2'), { ...news, held: [node('b')] });
    sim.run();
    expect(linkOrders('h1').at(-1)?.leg?.farAway).toBe('node b does not run');
  });

  it('X11: over IPv4 a set MTU travels in fragments and says so; over IPv6 it is refused with the largest that fits', () => {
    const jumbo = aLab(SPEC.nodes, [aLink('a:eth1', 'b:eth1', { mtu: 9000 })]);
    const v4 = new SimulatedLab();
    expect(v4.command(deploy(jumbo), { hosts: [aHost('h1', 1), aHost('h2', 2, 9000)] })).toEqual([]);
    expect(v4.run().state.plan?.links).toMatchObject({ [LINK]: { mtu: 9000, far: { tunnel: { fragmented: true } } } });
    expect(decide(deploy(jumbo), new SimulatedLab().state, facts({ hosts: [aHost('h1', 1), aHost('h2', 2, 9000)] }))).toMatchObject({ placement: { fragmented: [{ link: LINK, mtu: 9000, whole: 1450, hosts: ['h1', 'h2'] }] } });
    const v6hosts = ['h1', 'h2'].map((name, index) => ({ ...aHost(name, 1), underlay: { address: `fd00::${index + 1}`, device: 'under', mtu: 1500 } }));
    expect(new SimulatedLab().command(deploy(jumbo), { hosts: v6hosts })).toMatchObject([{ code: 'mtu-too-large', details: { largest: 1430 } }]);
    const unset = new SimulatedLab();
    expect(unset.command(deploy(), { hosts: v6hosts })).toEqual([]);
    expect(unset.state.plan?.links).toMatchObject({ [LINK]: { mtu: 1430 } });
  });

  it('a move of its node gives the link a tunnel number of its own and leaves nothing on the host it left', () => {
    sim.run();
    expect(sim.command(deploy(aLab([aNode('a', { host: 'h1' }), aNode('b', { host: 'h3' })], SPEC.links)), { hosts: HOSTS })).toEqual([]);
    sim.run();
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [] });
    expect(link()).toMatchObject({ tunnel: { vni: 4098, b: { host: 'h3', vtep: '10.200.0.3' } } });
    expect(sim.orders.filter((order) => order.host === 'h2').map((order) => order.type).filter((type) => type.endsWith('.remove')).toSorted()).toEqual(['link.remove', 'network.remove', 'node.remove']);
    expect(sim.state.owed).toEqual({});
    expect(Object.keys(sim.state.networks).toSorted()).toEqual(['h1', 'h3']);
    foldsAnew();
  });

  it('X12: a host with a new underlay address has the tunnels led there', () => {
    sim.run();
    sim.append([{ type: 'VtepChanged', host: host('h2'), vtep: '10.200.0.7' }]);
    sim.run();
    expect(linkOrders('h1').at(-1)?.plan.far?.tunnel).toMatchObject({ vni: 4097, b: { vtep: '10.200.0.7' } });
    expect(link()?.state).toBe('up');
  });
});

describe('the management network over hosts', () => {
  it('has one tunnel number, a gateway of its own for each host, and the other hosts as remotes', () => {
    const networks = sim.orders.flatMap((order) => (order.type === 'network.ensure' ? [order] : []));
    expect(networks.map(({ host: on, tunnel }) => [on, tunnel?.local, tunnel?.remotes])).toEqual([['h1', '10.200.0.1', ['10.200.0.2']], ['h2', '10.200.0.2', ['10.200.0.1']]]);
    expect(new Set(networks.map(({ tunnel }) => tunnel?.vni)).size).toBe(1);
    expect(networks.map(({ mgmt }) => mgmt.ipv4Gateway)[0]).toBe('172.20.20.1');
    expect(networks[1]?.mgmt.ipv4Gateway).not.toBe('172.20.20.1');
    expect(networks[1]?.nodes.map((one) => one.node)).toEqual(['b']);
    expect(networks[1]?.hosts.map((entry) => entry.names.includes('a'))).toContain(true);
  });
});

describe('a lost host', () => {
  const lose = (name: string) => sim.append([{ type: 'HostLost', host: host(name), reason: 'silent for 15 s' }]);
  const back = (name: string) => sim.append([{ type: 'HostReturned', host: host(name) }]);

  beforeEach(() => void sim.run());

  it('X09 S06: its nodes are unknown, never stopped; links there are down with the reason; the lab is degraded', () => {
    lose('h2');
    const view = labView(sim.state);
    expect(view.nodes.map((one) => one.state)).toEqual(['running', 'unknown']);
    expect(view.links[0]).toMatchObject({ oper: 'down', reason: 'host h2 is lost: silent for 15 s' });
    expect(view.state).toBe('degraded');
    expect(view.problems).toContain('host h2 is lost: silent for 15 s');
    expect(linkOrders('h1').at(-1)?.leg?.farAway).toContain('host h2 is lost');
  });

  it('S06: has the ends of new links made on the hosts that are there before their nodes start; the links come up when it is back', () => {
    const silent = (order: Order, at: number): Observation | null => (order.host === 'h2' ? null : idealHost(order, at));
    const grown = aLab([...SPEC.nodes, aNode('c', { host: 'h1' })], [...SPEC.links, aLink('b:eth2', 'c:eth1')]);
    sim.command(deploy(grown), { hosts: HOSTS });
    sim.run(silent);
    lose('h2');
    sim.run(silent);
    const view = labView(sim.state);
    expect(view.nodes.map((one) => one.state)).toEqual(['running', 'unknown', 'running']);
    expect(view.links[1]).toMatchObject({ link: 'b:eth2--c:eth1', state: 'failed', oper: 'down', reason: 'host h2 is lost: silent for 15 s' });
    const ofNew = sim.orders.filter((order) => (order.type === 'link.ensure' && order.link === 'b:eth2--c:eth1' && order.host === 'h1') || (order.type === 'node.start' && order.node.id === 'c'));
    expect(ofNew.map(({ type }) => type).slice(0, 2)).toEqual(['link.ensure', 'node.start']);
    expect(view.state).toBe('degraded');
    back('h2');
    sim.run();
    // What it was asked before it fell silent is asked again.
    while (labView(sim.state).state !== 'running' && sim.passDeadline() !== null) sim.run();
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [] });
    foldsAnew();
  });

  it('S06: that returns while such an end is being made gets the order for its own', () => {
    const silent = (order: Order, at: number): Observation | null => (order.host === 'h2' || order.type === 'link.ensure' ? null : idealHost(order, at));
    lose('h2');
    sim.run();
    sim.command({ type: 'link.set', link: LinkId.parse(LINK), admin: 'up', impairment: { delayMs: 1 } }, { hosts: HOSTS });
    sim.run(silent);
    expect(link()?.state).toBe('joining');
    back('h2');
    sim.run();
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [] });
  });

  it('R02: that returns is looked at and adopted: the same process, no step taken again', () => {
    const before = sim.state.nodes[node('b')]?.machine.context;
    lose('h2');
    sim.run();
    back('h2');
    sim.run((order, at) => (order.type === 'node.start' ? { type: 'node.started', effectId: order.id, at, node: node('b'), generation: order.plan.generation, runtimeId: before?.runtimeId ?? '', pid: before?.pid ?? 0, startedAt: before?.startedAt ?? 0, cause: 'order' } : idealHost(order, at)));
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [] });
    expect(sim.state.nodes[node('b')]?.machine.context).toEqual(before);
    expect(sim.orders.filter((order) => order.type === 'node.exec')).toEqual([]);
    foldsAnew();
  });

  it('S22: a destroy ends for the rest, says what is owed, and ends when the host is back', () => {
    lose('h2');
    sim.command({ type: 'lab.destroy', cleanup: false, keepMgmtNet: false });
    sim.run((order, at) => (order.host === 'h2' ? null : idealHost(order, at)));
    expect(labView(sim.state).state).toBe('destroying');
    expect(Object.keys(sim.state.nodes)).toEqual(['b']);
    expect(Object.keys(sim.state.networks)).toEqual(['h2']);
    expect(labView(sim.state).problems[0]).toContain('when it is back, these are removed there: b');
    const kept = Object.values(sim.state.pending).filter((effect) => effect.host === 'h2').map((effect) => effect.type);
    expect(kept).toContain('link.remove');
    back('h2');
    // The orders that waited for the host are answered now.
    for (const order of sim.orders.filter((one) => one.host === 'h2' && sim.state.pending[one.id])) {
      const seen = idealHost(order, sim.at);
      if (seen) sim.observeOn(host('h2'), seen);
    }
    sim.run();
    expect(labView(sim.state).state).toBe('destroyed');
    foldsAnew();
  });

  it('P08: a node that is pinned to the host waits for it; one that is not moves, and its old copy is removed by its generation', () => {
    expect(sim.command({ type: 'lab.leave', host: host('h2') }, { hosts: HOSTS })).toEqual([]);
    expect(labView(sim.state).nodes[1]?.host).toBe('h2');
  });

  it('P08: nodes that were moved away meanwhile are removed there by their old generation', () => {
    expect(sim.command(deploy(aLab([aNode('a', { host: 'h1' }), aNode('b')], SPEC.links)), { hosts: HOSTS })).toEqual([]);
    sim.run();
    expect(labView(sim.state).nodes[1]).toMatchObject({ host: 'h2', state: 'running' });
    lose('h2');
    expect(sim.command({ type: 'lab.leave', host: host('h2') }, { hosts: HOSTS.map((one) => (one.id === 'h2' ? { ...one, state: 'lost' } : one)) })).toEqual([]);
    sim.run((order, at) => (order.host === 'h2' ? null : idealHost(order, at)));
    const view = labView(sim.state);
    expect(view.nodes.map((one) => [one.node, one.state, one.host === 'h2'])).toEqual([['a', 'running', false], ['b', 'running', false]]);
    expect(view.links[0]?.state).toBe('up');
    expect(view.problems[0]).toContain('these are removed there: a:eth1--b:eth1, b');
    expect(Object.values(sim.state.owed).map(({ kind, spec }) => `${kind} ${spec.id}`).toSorted()).toEqual(['link a:eth1--b:eth1', 'node b']);
    back('h2');
    const removed: string[] = [];
    sim.run((order, at) => {
      if (order.host === 'h2') removed.push(`${order.type} ${'node' in order ? order.plan.generation < (sim.state.nodes[node('b')]?.plan.generation ?? 0) : ''}`);
      return idealHost(order, at);
    });
    expect(removed.toSorted()).toEqual(['link.remove ', 'network.remove ', 'node.remove true']);
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [] });
    foldsAnew();
  });
});

describe('a host that is drained', () => {
  it('gives its nodes away one after another, and keeps those that are pinned to it', () => {
    const spec = aLab([aNode('a', { host: 'h1' }), aNode('b'), aNode('c'), aNode('d', { network: { mode: 'node', node: node('c') } })], [aLink('b:eth1', 'c:eth1')]);
    const drained = new SimulatedLab();
    drained.command(deploy(spec), { hosts: [aHost('h1', 1)] });
    drained.run();
    const moves: string[][] = [];
    const hosts = [{ ...aHost('h1', 1), state: 'draining' as const }, aHost('h2', 2)];
    for (let turn = 0; turn < 5; turn += 1) {
      const before = labView(drained.state).nodes.filter((one) => one.host === 'h1').map((one) => one.node);
      expect(drained.command({ type: 'lab.leave', host: host('h1') }, { hosts })).toEqual([]);
      drained.run();
      expect(labView(drained.state)).toMatchObject({ state: 'running', problems: [] });
      const after = labView(drained.state).nodes.filter((one) => one.host === 'h1').map((one) => one.node);
      moves.push(before.filter((one) => !after.includes(one)));
    }
    expect(moves).toEqual([['b'], ['c', 'd'], [], [], []]);
  });
});

describe('a lab whose nodes move away from lost hosts', () => {
  it('P08: tells its hosts after how much silence they have to end them, and names the moment of the move', () => {
    const moving = new SimulatedLab();
    moving.command(deploy({ ...SPEC, placement: { policy: 'pack', onLostHost: { moveAfterSeconds: 60 } } }), { hosts: HOSTS });
    moving.run();
    expect(moving.orders.flatMap((order) => (order.type === 'node.start' ? [order.fenceAfterMs] : []))).toEqual([60_000, 60_000]);
    moving.append([{ type: 'HostLost', host: host('h2'), reason: 'silent' }]);
    expect(moving.state.deadlines).toMatchObject({ 'move-from/h2': moving.at + 60_000 });
    moving.append([{ type: 'HostReturned', host: host('h2') }]);
    expect(moving.state.deadlines['move-from/h2']).toBeUndefined();
  });
});

