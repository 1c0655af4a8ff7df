// Nodes that are made anew as they are, most often on another host: their configuration is saved first, goes along, and holds nobody up.
import { beforeEach, describe, expect, it } from 'vitest';
import { decide } from '../../machines/decide/decide.ts';
import { evolve } from '../../machines/evolve/evolve.ts';
import { initialLab } from '../../machines/evolve/lab-state.ts';
import { labView } from '../../machines/evolve/lab-view.ts';
import type { Facts } from '../../machines/plan/plan-lab.ts';
import { SAVE_FRESH_MS, SAVE_WITHIN_MS } from '../../machines/policy/retry-policy.ts';
import type { Order } from '../../machines/vocabulary/effect.ts';
import type { Observation } from '../../machines/vocabulary/observation.ts';
import type { HostState } from '../../machines/vocabulary/host-view.ts';
import { isToLeave } from '../../supervisor/host-notes.ts';
import type { KnownHost } from '../../supervisor/host-registry.ts';
import { entryWithoutEnv } from '../../supervisor/secrets.ts';
import { aLab, aLink, aNode, facts, host, node } from '../support/lab-builders.ts';
import { idealHost, savedFile, SimulatedLab } from '../support/simulated-lab.ts';

const hosts = (h1: HostState = 'joined', h2: HostState = 'joined', mtu = 9000): Pick<Facts, 'hosts'> => ({
  hosts: [{ id: host('h1'), state: h1, underlay: { address: '10.200.0.1', device: 'under', mtu } }, { id: host('h2'), state: h2, underlay: { address: '10.200.0.2', device: 'under', mtu } }],
});
const SPEC = aLab([aNode('a'), aNode('b')], [aLink('a:eth1', 'b:eth1')]);
const deploy = (spec = SPEC, reconfigure = false) => ({ type: 'lab.deploy', spec, takeOver: false, reconfigure }) as const;
const leave = { type: 'lab.leave', host: host('h1') } as const;
const DRAINING = hosts('draining');
const known = (state: HostState) => ({ id: host('h1'), state }) as KnownHost;

let sim: SimulatedLab;
beforeEach(() => {
  sim = new SimulatedLab();
  sim.command(deploy(), hosts('joined', 'cordoned'));
  sim.run();
});

const places = () => Object.fromEntries(labView(sim.state).nodes.map((one) => [one.node, one.host]));
const record = (id: string) => sim.state.nodes[node(id)];
const saves = () => sim.orders.filter((order) => order.type === 'node.save').map((order) => ('node' in order ? `${order.node.id} on ${order.host}` : ''));
const silentAbout = (type: Order['type']) => (order: Order, at: number): Observation | null => (order.type === type ? null : idealHost(order, at));
const failing = (order: Order, at: number): Observation | null => (order.type === 'node.save' ? { type: 'effect.failed', effectId: order.id, at, code: 'container-missing', message: 'it is gone', retryable: true, log: [] } : idealHost(order, at));
const reasons = () => sim.entries.flatMap(({ events }) => events.flatMap((event) => (event.type === 'LabDeployRequested' ? event.changes.filter(({ object }) => object === 'node').map(({ id, reason }) => `${id}: ${reason}`) : [])));
const savedIn = (orders: readonly Order[]) => orders.flatMap((order) => ('node' in order && order.plan.saved ? [`${order.type} ${order.node.id} on ${order.host}`] : []));
const folds = () => expect(sim.entries.reduce((state, entry) => evolve(state, entry).state, initialLab(sim.state.id))).toEqual(sim.state);

describe('a node of a host that is drained', () => {
  it('is saved while it runs with all its links, then moves, and has what was saved before its first process', () => {
    sim.command(leave, DRAINING);
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [], nodes: [{ node: 'a', state: 'running', waitingFor: 'host h1 to save its configuration, before it is made anew' }, { waitingFor: '' }], links: [{ oper: 'up' }], deadlines: [{ name: 'save/a' }, { name: 'answer/h1' }] });
    const before = sim.orders.length;
    sim.run();
    expect(saves()).toEqual(['a on h1']);
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [], deadlines: [] });
    expect(places()).toEqual({ a: 'h2', b: 'h1' });
    expect(savedIn(sim.orders.slice(before))).toEqual(['node.prepare a on h2', 'node.start a on h2']);
    expect(record('a')?.plan.saved).toEqual([savedFile('a')]);
    expect(reasons().at(-1)).toMatch(/^a: moves from host h1 to h2 \(.*\), with its configuration$/);
    expect(sim.news).toEqual(expect.arrayContaining(['nodes a are to be made anew: their configuration is saved first', 'node a: its configuration is saved']));
    folds();
  });

  it.each([
    ['the host cannot', failing, 'it is gone'],
    ['its kind cannot', (order: Order, at: number) => { const seen = idealHost(order, at); return seen?.type === 'node.saved' ? { ...seen, files: [], problem: 'nothing to save' } : seen; }, 'nothing to save'],
  ] as const)('moves all the same when %s, and the reason is said', (_why, answer, problem) => {
    sim.command(leave, DRAINING);
    sim.run(answer);
    expect(places()).toEqual({ a: 'h2', b: 'h1' });
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [] });
    expect(reasons().at(-1)).toMatch(new RegExp(`, without its configuration: ${problem}$`));
    expect(sim.news).toContain(`node a: its configuration is not saved: ${problem}`);
    expect(record('a')).toMatchObject({ plan: { host: 'h2' }, save: { host: 'h1', problem } });
    expect(savedIn(sim.orders)).toEqual([]);
    folds();
  });

  it('moves all the same when the host says nothing in time; what it says later is no news', () => {
    sim.command(leave, DRAINING);
    sim.run(silentAbout('node.save'));
    expect(isToLeave(sim.state, known('draining'))).toBe(false);
    const [order] = sim.orders.filter(({ type }) => type === 'node.save');
    const asked = sim.at;
    expect(sim.passDeadline()).toBe('save/a');
    expect(sim.at - asked).toBeLessThanOrEqual(SAVE_WITHIN_MS);
    expect(isToLeave(sim.state, known('draining'))).toBe(true);
    sim.run();
    expect(places()).toEqual({ a: 'h2', b: 'h1' });
    expect(reasons().at(-1)).toMatch(/, without its configuration: host h1 has not saved it within 20 s$/);
    const late = order && idealHost(order, sim.at);
    expect(late && sim.observe(late)).toBe(false);
    folds();
  });

  it('stays when its host is opened again meanwhile', () => {
    sim.command(leave, DRAINING);
    const [order] = sim.orders.filter(({ type }) => type === 'node.save');
    const seen = order && idealHost(order, sim.at);
    if (seen) sim.observe(seen);
    expect(isToLeave(sim.state, known('joined'))).toBe(false);
    expect(places()).toEqual({ a: 'h1', b: 'h1' });
    expect(record('a')?.plan.saved).toBeUndefined();
    sim.command({ type: 'node.restart', nodes: [node('a')] });
    sim.run();
    expect([places(), savedIn(sim.orders), saves()]).toEqual([{ a: 'h1', b: 'h1' }, [], ['a on h1']]);
  });

  it('stays with its host when that is lost meanwhile, and is saved when it is back and still to be left', () => {
    sim.command(leave, DRAINING);
    sim.append([{ type: 'HostLost', host: host('h1'), reason: 'silent' }]);
    expect(Object.keys(sim.state.deadlines)).toEqual([]);
    expect(Object.values(sim.state.pending).some(({ type }) => type === 'node.save')).toBe(false);
    expect(isToLeave(sim.state, known('draining'))).toBe(false);
    sim.append([{ type: 'HostReturned', host: host('h1') }]);
    sim.run();
    expect(saves()).toEqual(['a on h1', 'a on h1']);
    expect(record('a')?.plan).toMatchObject({ host: 'h2', saved: [savedFile('a')] });
    folds();
  });

  it('is asked once, however often the drain is thought about, and anew when what was saved has grown old', () => {
    for (let turn = 0; turn < 3; turn += 1) sim.command(leave, DRAINING);
    expect(saves()).toEqual(['a on h1']);
    const [order] = sim.orders.filter(({ type }) => type === 'node.save');
    const seen = order && idealHost(order, sim.at);
    if (seen) sim.observe(seen);
    sim.at += SAVE_FRESH_MS;
    sim.command(leave, DRAINING);
    expect(saves()).toEqual(['a on h1', 'a on h1']);
    sim.run();
    expect(places()).toEqual({ a: 'h2', b: 'h1' });
  });

  it('R01: is still owed its saving after a crash of the supervisor, under the same number', () => {
    sim.command(leave, DRAINING);
    const pending = sim.state.pending;
    sim.append([{ type: 'TakenOver', term: 1, supervisor: 'next' }]);
    expect(sim.state.pending).toEqual(pending);
    folds();
    sim.run();
    expect(places()).toEqual({ a: 'h2', b: 'h1' });
  });

  it('that is restarted, or whose lab is destroyed, while it is saved does what was wished last', () => {
    sim.command(leave, DRAINING);
    sim.command({ type: 'node.stop', nodes: [node('a')] });
    expect(Object.values(sim.state.pending).map(({ type }) => type).toSorted()).toEqual(['node.save', 'node.stop']);
    sim.command({ type: 'lab.destroy', cleanup: false, keepMgmtNet: false });
    expect(Object.values(sim.state.pending).some(({ type }) => type === 'node.save')).toBe(false);
    sim.run();
    expect(labView(sim.state).state).toBe('destroyed');
    expect([sim.state.pending, sim.state.deadlines]).toEqual([{}, {}]);
  });

  it('has nothing to save before it has a container', () => {
    const fresh = new SimulatedLab();
    fresh.command(deploy(), hosts('joined', 'cordoned'));
    fresh.run(silentAbout('node.prepare'));
    fresh.command(leave, DRAINING);
    expect(fresh.orders.some(({ type }) => type === 'node.save')).toBe(false);
  });
});

describe('a lab that comes to span hosts', () => {
  it('has its management network changed in place: the node that stays is not made anew', () => {
    const narrow = hosts('draining', 'joined', 1500);
    sim.command(leave, narrow);
    sim.run();
    expect([saves(), places()]).toEqual([['a on h1'], { a: 'h2', b: 'h1' }]);
    expect([record('a')?.plan.saved, record('b')?.plan.saved]).toEqual([[savedFile('a')], undefined]);
    expect(reasons().at(-1)).toMatch(/^a: moves from host h1 to h2/);
  });
});

describe('a node that stays where it is', () => {
  it('begins as its file says when that asks for another management network', () => {
    sim.command(deploy(aLab(SPEC.nodes, SPEC.links, { mgmt: { ...SPEC.mgmt, isolated: true } })), hosts());
    sim.run();
    expect([saves(), reasons().slice(-2)]).toEqual([[], ['a: management network changed', 'b: management network changed']]);
  });
});

describe('what a node brought along', () => {
  beforeEach(() => {
    sim.command(leave, DRAINING);
    sim.run();
  });
  const carried = () => record('a')?.plan.saved?.length ?? 0;

  it('stays its own while the file says of it what it said before', () => {
    sim.command(deploy(aLab(SPEC.nodes, SPEC.links, { mgmt: { ...SPEC.mgmt, isolated: true } })), hosts());
    sim.run();
    expect([reasons().slice(-2), carried()]).toEqual([['a: management network changed, with its configuration', 'b: management network changed'], 1]);
    sim.command(deploy(), hosts());
    expect(carried()).toBe(1);
  });

  it('is let go when the file says something else of it, or when all is to be made anew', () => {
    const other = aLab([aNode('a', { env: { X: '1' } }), aNode('b')], SPEC.links);
    const again = new SimulatedLab();
    again.state = sim.state;
    sim.command(deploy(other), hosts());
    sim.run();
    again.command(deploy(SPEC, true), hosts());
    again.run();
    expect([carried(), again.state.nodes[node('a')]?.plan.saved]).toEqual([0, undefined]);
  });

  it('goes on with it when its host is lost, or when the next one cannot save it', () => {
    const next = new SimulatedLab();
    next.state = sim.state;
    sim.append([{ type: 'HostLost', host: host('h2'), reason: 'silent' }]);
    sim.command({ type: 'lab.leave', host: host('h2') }, hosts('joined', 'lost'));
    expect(record('a')?.plan).toMatchObject({ host: 'h1', saved: [savedFile('a')] });
    next.command({ type: 'lab.leave', host: host('h2') }, hosts('joined', 'draining'));
    next.run(failing);
    expect(next.state.nodes[node('a')]?.plan).toMatchObject({ host: 'h1', saved: [savedFile('a')] });
    expect(next.entries.flatMap(({ events }) => events).find((event) => event.type === 'LabDeployRequested')).toMatchObject({ changes: expect.arrayContaining([expect.objectContaining({ id: 'a', reason: expect.stringContaining('with its configuration as it was saved before: it is gone') })]) });
  });

  it('A12: is not told to viewers: short contents can be guessed from a digest', () => {
    const told = JSON.stringify(sim.entries.map(entryWithoutEnv));
    expect([JSON.stringify(sim.entries).includes(digestOf('a')), told.includes(digestOf('a')), told.includes('"saved":')]).toEqual([true, false, false]);
  });
});

const digestOf = (id: string): string => savedFile(id).entries.map((entry) => ('sha256' in entry ? entry.sha256 : '')).join('');

describe('a node that a lab file pins to another host', () => {
  const pinned = aLab([aNode('a', { host: 'h2' }), aNode('b')], SPEC.links);

  it('is saved before the deploy is decided, and brings it along', () => {
    const decision = decide(deploy(pinned), sim.state, facts({ now: sim.at, ...hosts() }));
    expect(decision).toMatchObject({ kind: 'saving', events: [{ type: 'NodesSaveRequested', nodes: ['a'] }], changes: expect.arrayContaining([expect.objectContaining({ id: 'a', reason: expect.stringMatching(/^moves from host h1 to h2 .*; its configuration is saved first, as far as its kind can$/) })]) });
    sim.command(deploy(pinned), hosts());
    sim.run();
    expect(record('a')?.plan).toMatchObject({ host: 'h2', saved: [savedFile('a')] });
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [] });
    folds();
  });

  it('begins as its file says where that says more than another place', () => {
    sim.command(deploy(aLab([aNode('a', { host: 'h2', env: { X: '1' } }), aNode('b')], SPEC.links)), hosts());
    sim.run();
    expect([saves(), record('a')?.plan.host, record('a')?.plan.saved]).toEqual([[], 'h2', undefined]);
  });
});
