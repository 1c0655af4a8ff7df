// Reports that come again, or after newer ones: what is known of an object is what the newest of them said.
import { beforeEach, describe, expect, it } from 'vitest';
import { evolve } from '../../machines/evolve/evolve.ts';
import { initialLab } from '../../machines/evolve/lab-state.ts';
import { labView } from '../../machines/evolve/lab-view.ts';
import type { Observation } from '../../machines/vocabulary/observation.ts';
import { aLab, aLink, aNode, host, node } from '../support/lab-builders.ts';
import { idealHost, SimulatedLab } from '../support/simulated-lab.ts';

const H1 = host('h1');
const SPEC_LINK = aLink('a:eth1', 'b:eth1');
const LINK = SPEC_LINK.id;
let sim: SimulatedLab;

beforeEach(() => {
  sim = new SimulatedLab();
  sim.command({ type: 'lab.deploy', spec: aLab([aNode('a'), aNode('b')], [SPEC_LINK]), takeOver: false, reconfigure: false });
});

const hear = (position: number, observation: Observation) => sim.hear({ host: H1, observation, position });
const about = () => ({ at: sim.at, node: node('a'), generation: sim.state.nodes[node('a')]?.plan.generation ?? 0 });
const died = (): Observation => ({ type: 'node.died', ...about(), exitCode: 137, oomKilled: false, log: [], next: 'restart' });
const started = (): Observation => ({ type: 'node.started', ...about(), runtimeId: 'c-new', pid: 4242, startedAt: sim.at, cause: 'repair' });
const lost = (): Observation => ({ type: 'link.lost', at: sim.at, link: LINK, what: 'the redirect is gone' });
const repaired = (): Observation => ({ type: 'link.repaired', at: sim.at, link: LINK, what: 'the redirect is back', workMs: 1, adminUp: true, carrier: { a: true, b: true }, held: [] });
const nodeState = () => labView(sim.state).nodes[0]?.state;
const linkState = () => labView(sim.state).links[0]?.state;
const foldsAnew = () => expect(sim.entries.reduce((state, entry) => evolve(state, entry).state, initialLab(sim.state.id))).toEqual(sim.state);

describe('a report that comes after a newer one', () => {
  beforeEach(() => void sim.run());

  it('about the same link or node is no news', () => {
    sim.at += 60_000;
    expect(hear(12, lost())).toBe(true);
    expect(hear(13, repaired())).toBe(true);
    expect(hear(11, lost())).toBe(false);
    expect(linkState()).toBe('up');
    expect(hear(14, died())).toBe(true);
    expect(hear(15, started())).toBe(true);
    sim.run();
    expect(hear(14, died())).toBe(false);
    expect(nodeState()).toBe('running');
    foldsAnew();
  });

  it('about another object is news as ever', () => {
    expect(hear(13, lost())).toBe(true);
    expect(hear(12, died())).toBe(true);
    expect([nodeState(), linkState()]).toEqual(['recovering', 'repairing']);
    foldsAnew();
  });

  it('holds for each host of a link by itself', () => {
    const across = new SimulatedLab();
    const hosts = ['h1', 'h2'].map((name, index) => ({ id: host(name), state: 'joined' as const, underlay: { address: `10.200.0.${index + 1}`, device: 'under', mtu: 1500 } }));
    across.command({ type: 'lab.deploy', spec: aLab([aNode('a', { host: 'h1' }), aNode('b', { host: 'h2' })], [SPEC_LINK]), takeOver: false, reconfigure: false }, { hosts });
    across.run();
    const lostOn = (name: string, position: number) => across.hear({ host: host(name), observation: { type: 'link.lost', at: across.at, link: LINK, what: 'gone' }, position });
    expect([lostOn('h2', 20), lostOn('h1', 12), lostOn('h2', 19)]).toEqual([true, true, false]);
  });

  it('is history where it is history', () => {
    hear(13, died());
    expect(hear(12, { type: 'node.engine', ...about(), runtimeId: 'c', action: 'oom' })).toBe(true);
  });
});

describe('a message that comes again', () => {
  beforeEach(() => void sim.run());

  it('is folded once, all that it says', () => {
    const message = [{ host: H1, observation: lost(), position: 12 }, { host: H1, observation: repaired(), position: 12 }];
    expect(sim.hear(...message)).toBe(true);
    expect(sim.state.links[LINK]?.machine.context.repairs).toBe(1);
    expect(sim.hear(...message)).toBe(false);
    expect(sim.state.links[LINK]?.machine.context.repairs).toBe(1);
  });

  it('S10: is history once, also after newer history, as another message, and whatever else it says', () => {
    const engine = (action: string): Observation => ({ type: 'node.engine', ...about(), runtimeId: 'c', action });
    const told = [engine('create'), engine('start')].map((observation) => ({ host: H1, observation, position: 12 }));
    expect(sim.hear(...told)).toBe(true);
    expect(hear(13, engine('die'))).toBe(true);
    expect(sim.hear(...told.map((one) => ({ ...one, position: 14 })), { host: H1, observation: lost(), position: 14 })).toBe(true);
    sim.at += 1;
    expect(hear(15, engine('start'))).toBe(true);
    const actions = sim.entries.flatMap(({ events }) => events.flatMap((event) => (event.type === 'Reported' && event.observation.type === 'node.engine' ? [event.observation.action] : [])));
    expect(actions).toEqual(['create', 'start', 'die', 'start']);
    foldsAnew();
  });

  it('S10: is history once where both messages waited', () => {
    const create: Observation = { type: 'node.engine', ...about(), runtimeId: 'c', action: 'create' };
    expect(sim.hear({ host: H1, observation: create, position: 12 }, { host: H1, observation: create, position: 14 })).toBe(true);
    expect(sim.entries.at(-1)?.events).toHaveLength(1);
    foldsAnew();
  });

  it('of an older supervisor, which gave it no place, is judged by its content alone', () => {
    expect(hear(12, lost())).toBe(true);
    expect(sim.observe(repaired())).toBe(true);
    expect(linkState()).toBe('up');
  });
});

describe('an answer that comes after something newer', () => {
  it('ends the wait for it, and does not say what is', () => {
    sim.run((order, at) => (order.type === 'link.ensure' ? null : idealHost(order, at)));
    const [order] = sim.orders.filter(({ type }) => type === 'link.ensure');
    const answer = order && idealHost(order, sim.at);
    if (!answer) throw new Error('no answer');
    expect(hear(12, lost())).toBe(true);
    expect(hear(11, answer)).toBe(true);
    expect(Object.values(sim.state.pending).filter(({ type }) => type === 'link.ensure')).toEqual([]);
    expect(linkState()).toBe('repairing');
    expect(hear(13, repaired())).toBe(true);
    expect(linkState()).toBe('up');
    foldsAnew();
  });
});
