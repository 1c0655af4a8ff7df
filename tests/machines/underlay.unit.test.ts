// The underlay of a host changes under a running lab: what its tunnels carry follows, and nodes notice only what cannot be helped.
import { beforeEach, describe, expect, it } from 'vitest';
import { evolve } from '../../machines/evolve/evolve.ts';
import { initialLab } from '../../machines/evolve/lab-state.ts';
import { labView } from '../../machines/evolve/lab-view.ts';
import type { Facts } from '../../machines/plan/plan-lab.ts';
import { LogEntry } from '../../machines/vocabulary/event.ts';
import { LinkId } from '../../machines/vocabulary/ids.ts';
import { newsFor } from '../../supervisor/host-notes.ts';
import { aLab, aLink, aNode, host } from '../support/lab-builders.ts';
import { idealHost, SimulatedLab } from '../support/simulated-lab.ts';

const V4 = ['10.200.0.1', '10.200.0.2'] as const;
const V6 = ['fd00::1', 'fd00::2'] as const;
const LINK = LinkId.parse('a:eth1--b:eth1');
const NODES = [aNode('a', { host: 'h1' }), aNode('b', { host: 'h2' })];
const ofMtu = (mtu?: number) => aLab(NODES, [aLink('a:eth1', 'b:eth1', mtu === undefined ? {} : { mtu })]);
const hosts = (addresses: readonly string[], mtu = 1500): Facts['hosts'] =>
  addresses.map((address, n) => ({ id: host(`h${n + 1}`), state: 'joined', underlay: { address, device: 'under', mtu: n === 1 ? mtu : 1500 } }));
const deploy = (spec = ofMtu()) => ({ type: 'lab.deploy', spec, takeOver: false, reconfigure: false }) as const;

let sim: SimulatedLab;
beforeEach(() => void (sim = new SimulatedLab()));

const runs = (addresses: readonly string[], spec = ofMtu()) => {
  expect(sim.command(deploy(spec), { hosts: hosts(addresses) })).toEqual([]);
  sim.run();
  expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [] });
};
/** What the supervisor records when h2 beats with this underlay. */
const beats = (address: string, mtu: number) => newsFor(sim.state, { id: host('h2'), state: 'joined', wish: 'open', problem: undefined, conflict: [], firstSeenAt: 0, lastSeenAt: 0, beat: { underlay: { address, device: 'under', mtu } } }, 0);
const becomes = (address: string, mtu: number) => {
  const news = beats(address, mtu);
  if (news) sim.append([news]);
  sim.run();
  expect(beats(address, mtu)).toBeNull();
};
const link = () => labView(sim.state).links[0];
const ordersSince = (count: number) => sim.orders.slice(count).map((order) => `${order.host} ${order.type}`);
const foldsAnew = () => expect(sim.entries.reduce((state, entry) => evolve(state, entry).state, initialLab(sim.state.id))).toEqual(sim.state);

describe('X11: an underlay over IPv4 whose MTU changes', () => {
  it('has a running link carried in fragments, or whole again, without an order or a change of what its nodes see', () => {
    runs(V4);
    expect(link()).toMatchObject({ state: 'up', mtu: 1450, tunnel: { fragmented: false } });
    const before = sim.orders.length;
    becomes(V4[1], 1400);
    expect(link()).toMatchObject({ state: 'up', mtu: 1450, tunnel: { fragmented: true } });
    expect(ordersSince(before).filter((order) => order.includes('link'))).toEqual([]);
    expect(sim.news).toContain('host h2 has an underlay MTU of 1400 now (was 1500)');
    becomes(V4[1], 1500);
    expect(link()).toMatchObject({ state: 'up', mtu: 1450, tunnel: { fragmented: false } });
    foldsAnew();
  });

  it('changes the MTU of the management network in place, on all hosts and for all nodes', () => {
    runs(V4);
    const before = sim.orders.length;
    becomes(V4[1], 1400);
    const told = sim.orders.slice(before).map((order) => [order.host, order.type, order.type === 'network.ensure' ? order.mgmt.mtu : order.type === 'node.start' ? order.context.mgmt.mtu : 0]);
    expect(told).toEqual([['h1', 'network.ensure', 1350], ['h2', 'network.ensure', 1350], ['h1', 'node.start', 1350], ['h2', 'node.start', 1350]]);
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [] });
    becomes(V4[1], 1500);
    expect(sim.state.plan?.mgmt.mtu).toBe(1450);
    foldsAnew();
  });

  it('that does not pass what the file sets for the management network is a problem with the way out, until it does', () => {
    runs(V4, { ...ofMtu(), mgmt: { ...ofMtu().mgmt, mtu: 1450 } });
    becomes(V4[1], 1400);
    expect(labView(sim.state)).toMatchObject({ state: 'degraded', problems: ['management network: mgmt.mtu is 1450; between hosts h1, h2 1350 is the most that passes whole: set mgmt.mtu to 1350 or less, leave it out, or pin all nodes to one host'] });
    expect(sim.state.plan?.mgmt.mtu).toBe(1450);
    becomes(V4[1], 1500);
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [] });
    foldsAnew();
  });
});

describe('X11: an underlay over IPv6 whose MTU shrinks', () => {
  const REASON = `link ${LINK}: packets of its MTU, 1430, do not arrive over the IPv6 underlay between its hosts any more, 1330 is the most: set its mtu to that or less, or leave it out, and deploy again`;

  it('fails the link with the largest that arrives and takes the carrier; it comes back by itself when it fits again', () => {
    runs(V6);
    becomes(V6[1], 1400);
    expect(link()).toMatchObject({ state: 'failed', oper: 'down', reason: REASON, failure: { code: 'mtu-too-large' } });
    expect(labView(sim.state).state).toBe('degraded');
    const last = (on: string) => sim.orders.findLast((order) => order.type === 'link.ensure' && order.host === on);
    expect(['h1', 'h2'].map((on) => last(on))).toEqual([expect.objectContaining({ leg: expect.objectContaining({ farAway: expect.stringContaining('1330 is the most') as string }) as object }), expect.objectContaining({ leg: expect.objectContaining({ farAway: expect.stringContaining('1330') as string }) as object })]);
    becomes(V6[1], 1500);
    expect(link()).toMatchObject({ state: 'up', oper: 'up', mtu: 1430, reason: '' });
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [] });
    foldsAnew();
  });

  it('does not give that reason any more once it fits, whatever else keeps it down', () => {
    runs(V6);
    becomes(V6[1], 1400);
    const news = beats(V6[1], 1500);
    if (news) sim.append([news]);
    sim.run((order, at) => {
      const seen = idealHost(order, at);
      return seen?.type === 'link.joined' && seen.tunnel ? { ...seen, tunnel: { ...seen.tunnel, echo: 'lost' } } : seen;
    });
    expect(link()).toMatchObject({ state: 'joining', reason: expect.stringContaining('no echo comes back') as string });
    sim.passDeadline();
    expect(link()).toMatchObject({ state: 'failed', failure: { code: 'not-crossing' } });
    foldsAnew();
  });

  it('fails it again at once when somebody retries it, with the same reason', () => {
    runs(V6);
    becomes(V6[1], 1400);
    sim.command({ type: 'lab.retry', nodes: [], links: [LINK] });
    sim.run();
    expect(link()).toMatchObject({ state: 'failed', reason: REASON });
    expect(sim.state.deadlines).toEqual({});
    foldsAnew();
  });

  it('has a deploy of the same file fit what the file leaves open', () => {
    runs(V6);
    becomes(V6[1], 1400);
    expect(sim.command(deploy(), { hosts: hosts(V6, 1400) })).toEqual([]);
    sim.run();
    expect(link()).toMatchObject({ state: 'up', mtu: 1330 });
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [] });
    foldsAnew();
  });

  it('leaves a link whose file sets the MTU failed, and hinders no other change of the lab', () => {
    runs(V6, ofMtu(1430));
    becomes(V6[1], 1400);
    const grown = aLab([...NODES, aNode('c', { host: 'h1' })], ofMtu(1430).links);
    expect(sim.command(deploy(grown), { hosts: hosts(V6, 1400) })).toEqual([]);
    sim.run();
    expect(labView(sim.state).nodes.map(({ state }) => state)).toEqual(['running', 'running', 'running']);
    expect(link()).toMatchObject({ state: 'failed', reason: REASON });
    expect(sim.command(deploy(aLab([...NODES, aNode('c', { host: 'h1' })], ofMtu(1300).links)), { hosts: hosts(V6, 1400) })).toEqual([]);
    sim.run();
    expect(link()).toMatchObject({ state: 'up', mtu: 1300 });
  });
});

describe('X12: what a supervisor tells a lab of an underlay', () => {
  it('is nothing where the lab is not, or no more', () => {
    runs(V4);
    sim.command({ type: 'lab.destroy', cleanup: false, keepMgmtNet: false });
    sim.run();
    expect(labView(sim.state).state).toBe('destroyed');
    expect(beats('10.200.0.9', 1300)).toBeNull();
  });

  it('is also what a deploy knew before: standing links are still fitted to what was', () => {
    runs(V4);
    sim.command(deploy(aLab([...NODES, aNode('c', { host: 'h1' })], ofMtu().links)), { hosts: hosts(V4, 1400) });
    sim.run();
    expect(link()).toMatchObject({ tunnel: { fragmented: false } });
    becomes(V4[1], 1400);
    expect(link()).toMatchObject({ tunnel: { fragmented: true } });
  });

  it('teaches plans of before, which know no MTU, without a change of anything', () => {
    runs(V4);
    const old = new SimulatedLab();
    const [first] = sim.entries;
    const text = JSON.stringify(first).replaceAll('"mtu":1500,', '').replaceAll(',"mtu":1500', '').replaceAll(',"whole":1450', '');
    old.append(LogEntry.parse(JSON.parse(text)).events);
    sim = old;
    sim.run();
    expect(sim.state.plan).toMatchObject({ span: { hosts: { h1: { vtep: V4[0] } } }, links: { [LINK]: { mtu: 1450 } } });
    expect(sim.state.plan?.span?.hosts[host('h1')]).not.toHaveProperty('mtu');
    const before = sim.orders.length;
    sim.append([{ type: 'VtepChanged', host: host('h1'), vtep: V4[0], mtu: 1500 }]);
    becomes(V4[1], 1500);
    expect(ordersSince(before)).toEqual([]);
    expect(sim.state.links[LINK]?.plan.far?.tunnel).toMatchObject({ fragmented: false, whole: 1450 });
    becomes(V4[1], 1400);
    expect(link()).toMatchObject({ tunnel: { fragmented: true } });
  });
});
