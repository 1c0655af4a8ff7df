// Links whose nodes leave a host: what the old host still holds, says or owes must not touch the link that lives elsewhere now.
import { beforeEach, describe, expect, it } from 'vitest';
import { evolve } from '../../machines/evolve/evolve.ts';
import { initialLab } from '../../machines/evolve/lab-state.ts';
import { labView } from '../../machines/evolve/lab-view.ts';
import type { Order } from '../../machines/vocabulary/effect.ts';
import type { Observation } from '../../machines/vocabulary/observation.ts';
import type { Facts } from '../../machines/plan/plan-lab.ts';
import { aLab, aLink, aNode, host, node } from '../support/lab-builders.ts';
import { idealHost, SimulatedLab } from '../support/simulated-lab.ts';

const aHost = (name: string, last: number, state: Facts['hosts'][number]['state'] = 'joined'): Facts['hosts'][number] => ({ id: host(name), state, underlay: { address: `10.200.0.${last}`, device: 'under', mtu: 1500 } });
const HOSTS = [aHost('h1', 1), aHost('h2', 2), aHost('h3', 3)];
/** The host to lose is lost, and nothing but the third takes what it had. */
const WITHOUT_H2 = [aHost('h1', 1, 'cordoned'), aHost('h2', 2, 'lost'), aHost('h3', 3)];
const LINK = aLink('a:eth1', 'b:eth1');
const onHosts = (a: string | undefined, b: string | undefined, links = [LINK]) => aLab([aNode('a', a === undefined ? {} : { host: a }), aNode('b', b === undefined ? {} : { host: b })], links);
const deploy = (spec: ReturnType<typeof aLab>) => ({ type: 'lab.deploy', spec, takeOver: false, reconfigure: false }) as const;

let sim: SimulatedLab;
beforeEach(() => void (sim = new SimulatedLab()));

const goes = (spec: ReturnType<typeof aLab>): void => {
  const refused = sim.command(deploy(spec), { hosts: HOSTS });
  if (refused.length > 0) throw new Error(refused[0]?.message);
};
const leaveH2 = (): void => {
  const refused = sim.command({ type: 'lab.leave', host: host('h2') }, { hosts: WITHOUT_H2 });
  if (refused.length > 0) throw new Error(refused[0]?.message);
};
const link = () => labView(sim.state).links[0];
const ordersOf = (on: string) => sim.orders.filter((order) => order.host === on);
const pendingOn = (on: string) => Object.values(sim.state.pending).filter((effect) => effect.host === on).map(({ type, owed }) => `${owed ? 'owed ' : ''}${type}`);
/** All hosts but this one answer. */
const without = (silent: string) => (order: Order, at: number): Observation | null => (order.host === silent ? null : idealHost(order, at));
const foldsAnew = () => expect(sim.entries.reduce((state, entry) => evolve(state, entry).state, initialLab(sim.state.id))).toEqual(sim.state);

/** What a host says unasked of the link as it was ordered there last. */
function news(on: string, change: (seen: Extract<Observation, { type: 'link.joined' }>) => Observation): boolean {
  const last = ordersOf(on).findLast((order) => order.type === 'link.ensure');
  const seen = last && idealHost(last, sim.at);
  if (seen?.type !== 'link.joined') throw new Error(`no link was ordered on ${on}`);
  const { effectId: _answered, ...told } = seen;
  return sim.observeOn(host(on), change({ ...told, cause: 'external' }));
}

const echoLostOn = (on: string) => news(on, (seen) => ({ ...seen, ...(seen.tunnel ? { tunnel: { ...seen.tunnel, echo: 'lost' as const } } : {}) }));

describe('a link whose host dies, echo first', () => {
  let unanswered: string[];
  beforeEach(() => {
    goes(onHosts('h1', 'h2'));
    sim.run();
    goes(onHosts('h1', undefined));
    sim.run();
    echoLostOn('h1');
    const echoless = (order: Order, at: number): Observation | null => {
      const seen = without('h2')(order, at);
      return seen?.type === 'link.joined' && seen.tunnel ? { ...seen, tunnel: { ...seen.tunnel, echo: 'lost' } } : seen;
    };
    sim.run(echoless);
    sim.append([{ type: 'HostLost', host: host('h2'), reason: 'silent for 15 s' }]);
    sim.run(echoless);
    unanswered = pendingOn('h2');
    leaveH2();
    sim.run(without('h2'));
  });

  it('X09: is up on the third host: the order that the dead one never answered is no more', () => {
    expect(unanswered).toContain('link.ensure');
    expect(link()).toMatchObject({ state: 'up', oper: 'up', reason: '', tunnel: { a: { host: 'h1' }, b: { host: 'h3' } } });
    expect(labView(sim.state).nodes.map((one) => [one.host, one.state])).toEqual([['h1', 'running'], ['h3', 'running']]);
    expect(pendingOn('h2')).toEqual([]);
    foldsAnew();
  });

  it('X09: stays up when that host is back and answers what was in its queue', () => {
    const held = ordersOf('h2').filter((order) => order.type === 'link.ensure');
    sim.append([{ type: 'HostReturned', host: host('h2') }]);
    for (const order of held) sim.observeOn(host('h2'), { type: 'effect.failed', effectId: order.id, at: sim.at, code: 'superseded', message: `order ${order.id} was replaced`, retryable: false, log: [] });
    sim.run();
    expect(link()).toMatchObject({ state: 'up', oper: 'up', reason: '' });
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [] });
    expect(sim.state.owed).toEqual({});
    foldsAnew();
  });
});

it('a link that is being removed on a host that does not answer, and wanted again elsewhere, waits for nobody', () => {
  goes(onHosts('h2', 'h2'));
  sim.run();
  goes(onHosts('h2', 'h2', []));
  sim.run((order, at) => (order.type === 'link.remove' ? null : idealHost(order, at)));
  goes(onHosts('h3', 'h3'));
  sim.run((order, at) => (order.type === 'link.remove' ? null : idealHost(order, at)));
  expect(link()).toMatchObject({ state: 'up', oper: 'up' });
  expect(pendingOn('h2')).toContain('owed link.remove');
  foldsAnew();
});

describe('X08: what is said of a link as it was', () => {
  it('by a host that has no part of it any more is void: no false reason, no failure', () => {
    goes(onHosts('h2', 'h2'));
    sim.run();
    goes(onHosts(undefined, undefined));
    sim.run();
    sim.append([{ type: 'HostLost', host: host('h2'), reason: 'silent for 15 s' }]);
    leaveH2();
    sim.run(without('h2'));
    expect(link()).toMatchObject({ state: 'up', oper: 'up' });
    sim.append([{ type: 'HostReturned', host: host('h2') }]);
    expect(news('h2', (seen) => ({ ...seen, carrier: { a: false, b: false }, held: [node('a'), node('b')] }))).toBe(false);
    expect(news('h2', ({ at, link: id }) => ({ type: 'link.gave-up', at, link: id, code: 'repair-budget-spent', message: 'again and again' }))).toBe(false);
    sim.run();
    expect(link()).toMatchObject({ state: 'up', oper: 'up', reason: '' });
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [] });
    foldsAnew();
  });

  it('by a host that has part of it still is void too: each report names the plan that the host holds', () => {
    goes(onHosts('h1', 'h1'));
    sim.run();
    const before = ordersOf('h1').findLast((order) => order.type === 'link.ensure');
    goes(onHosts('h1', 'h3'));
    sim.run((order, at) => (order.type === 'link.ensure' && order.host === 'h1' && order.leg?.farAway === '' ? null : idealHost(order, at)));
    expect(link()).toMatchObject({ state: 'joining' });
    const late = before && idealHost(before, sim.at);
    if (late?.type !== 'link.joined') throw new Error('not joined');
    const { effectId: _answered, ...told } = late;
    for (const seen of [{ ...told, held: [node('b')] }, { type: 'link.lost' as const, at: sim.at, link: told.link, generation: told.generation, what: 'end-deleted at end a' }]) {
      expect(sim.observeOn(host('h1'), seen)).toBe(false);
    }
    expect(link()).toMatchObject({ state: 'joining' });
  });

  it('by a host of before plans had numbers counts as long as it has part of the link', () => {
    goes(onHosts('h1', 'h1'));
    sim.run();
    expect(sim.observeOn(host('h1'), { type: 'link.carrier', at: sim.at, link: LINK.id, carrier: { a: false, b: true } })).toBe(true);
    expect(link()).toMatchObject({ state: 'down' });
  });
});

it('a link on its way out stays so when a host of it gets another address', () => {
  goes(onHosts('h1', 'h2'));
  sim.run();
  goes(onHosts('h1', 'h2', []));
  sim.append([{ type: 'VtepChanged', host: host('h2'), vtep: '10.200.0.7' }]);
  sim.run();
  expect(labView(sim.state)).toMatchObject({ state: 'running', links: [], problems: [] });
});

it('S22: a removal that a left host could not do is asked for again also while the lab is destroyed, which ends', () => {
  goes(onHosts('h1', 'h2'));
  sim.run();
  goes(onHosts('h1', 'h3'));
  sim.run((order, at) => (order.host === 'h2' && order.type === 'link.remove' ? { type: 'effect.failed', effectId: order.id, at, code: 'busy', message: 'device is busy', retryable: true, log: [] } : idealHost(order, at)));
  sim.command({ type: 'lab.destroy', cleanup: false, keepMgmtNet: false });
  sim.run();
  expect(labView(sim.state).state).toBe('destroying');
  expect(Object.keys(sim.state.deadlines)).toEqual([`owed/h2/link/${LINK.id}`]);
  sim.passDeadline();
  sim.run();
  expect(labView(sim.state).state).toBe('destroyed');
  foldsAnew();
});

it('a link that comes back to a host which has yet to remove what it kept of it waits for that removal', () => {
  goes(onHosts('h1', 'h2'));
  sim.run();
  goes(onHosts('h1', 'h3'));
  sim.run((order, at) => (order.host === 'h2' && order.type === 'link.remove' ? { type: 'effect.failed', effectId: order.id, at, code: 'busy', message: 'device is busy', retryable: true, log: [] } : idealHost(order, at)));
  const before = sim.orders.length;
  goes(onHosts('h1', 'h2'));
  sim.run();
  expect(link()).toMatchObject({ state: 'waiting', reason: expect.stringContaining('host h2 to remove what it kept of it') });
  sim.passDeadline();
  sim.run();
  expect(link()).toMatchObject({ state: 'up', oper: 'up' });
  expect(sim.orders.slice(before).filter((order) => order.host === 'h2').map((order) => order.type).filter((type) => type.startsWith('link.'))).toEqual(['link.remove', 'link.ensure', 'link.ensure']);
  expect(sim.state.owed).toEqual({});
  foldsAnew();
});

describe('S02: a link that takes the name of one whose removal is still pending', () => {
  // A link is called by its ends: to rename one is to plug it in elsewhere.
  const other = aLink('a:eth2', 'b:eth2');
  const removalsWait = (order: Order, at: number): Observation | null => (order.type === 'link.remove' ? null : idealHost(order, at));
  const named = () => labView(sim.state).links.map((one) => [one.link, one.state, one.oper]);

  it.each([
    { where: 'on one host', from: ['h1', 'h1'], to: ['h1', 'h1'] },
    { where: 'across hosts', from: ['h1', 'h2'], to: ['h1', 'h2'] },
    { where: 'that comes to cross hosts', from: ['h1', 'h1'], to: ['h1', 'h2'] },
    { where: 'that moves to a third host', from: ['h1', 'h2'], to: ['h1', 'h3'] },
  ] as const)('comes up when that is gone, $where, as its own file says', ({ from, to }) => {
    goes(onHosts(from[0], from[1], [LINK, other]));
    sim.run();
    goes(onHosts(from[0], from[1], [LINK]));
    sim.run(removalsWait);
    goes(onHosts(to[0], to[1], [{ ...other, mtu: 1400 }]));
    sim.run(removalsWait);
    const removals = sim.orders.filter((order) => order.type === 'link.remove' && sim.state.pending[order.id] !== undefined);
    expect(removals.map((order) => order.type)).not.toEqual([]);
    for (const order of removals) {
      const seen = idealHost(order, sim.at);
      if (seen) sim.observeOn(order.host, seen);
    }
    sim.run();
    expect(named()).toEqual([[other.id, 'up', 'up']]);
    expect(sim.state.links[other.id]).toMatchObject({ spec: { mtu: 1400 }, plan: { mtu: 1400, host: to[0] }, machine: { context: { desired: 'present' } } });
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [] });
    expect([sim.state.pending, sim.state.owed]).toEqual([{}, {}]);
    foldsAnew();
  });
});
