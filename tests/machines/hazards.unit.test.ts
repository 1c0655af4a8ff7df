// Lessons of earlier systems that hold for labs as a whole: nothing hidden, nothing assumed, nothing more than was asked for.
import { describe, expect, it } from 'vitest';
import { labView } from '../../machines/evolve/lab-view.ts';
import { Order } from '../../machines/vocabulary/effect.ts';
import { LabSpec, LinkSpec, NodeSpec } from '../../machines/vocabulary/lab-spec.ts';
import type { Observation } from '../../machines/vocabulary/observation.ts';
import { aLab, aLink, aNode, host, node } from '../support/lab-builders.ts';
import type { Answer } from '../support/simulated-lab.ts';
import { idealHost, SimulatedLab } from '../support/simulated-lab.ts';

const LINK = aLink('a:eth1', 'b:eth1').id;
const failing = (type: string, target: string): Answer => (order, at) => {
  const object = 'node' in order ? order.node.id : 'link' in order ? order.link : '';
  return order.type === type && object === target ? { type: 'effect.failed', effectId: order.id, at, code: 'x', message: 'the host says no', retryable: false, log: [] } : idealHost(order, at);
};

function deployed(answer?: Answer): SimulatedLab {
  const sim = new SimulatedLab();
  sim.command({ type: 'lab.deploy', spec: aLab([aNode('a', { exec: ['x'] }), aNode('b'), aNode('c')], [aLink('a:eth1', 'b:eth1')]), takeOver: false, reconfigure: false });
  return sim.run(answer);
}

describe('S03: whatever is wrong anywhere stands in the problems of the lab', () => {
  const about = (sim: SimulatedLab, id: string) => ({ at: sim.at, node: node(id), generation: sim.state.nodes[node(id)]?.plan.generation ?? 0 });
  const cases: Record<string, { sim: () => SimulatedLab; says: RegExp }> = {
    'a node that could not be made': { sim: () => deployed(failing('node.prepare', 'a')), says: /^node a: the host says no/ },
    'a node that could not be started': { sim: () => deployed(failing('node.start', 'c')), says: /^node c: the host says no/ },
    'a link that could not be made': { sim: () => deployed(failing('link.ensure', LINK)), says: new RegExp(`^link ${LINK}: the host says no`) },
    'a network that could not be made': { sim: () => deployed(failing('network.ensure', '')), says: /^management network: the host says no/ },
    'a command that failed': {
      sim: () => deployed((order, at) => (order.type === 'node.exec' ? { ...idealHost(order, at), results: [{ command: 'x', target: 'container', exitCode: 1, stdout: '', stderr: '' }] } as Observation : idealHost(order, at))),
      says: /^node a: 1 exec command/,
    },
    'a running node whose health check fails': { sim: () => observed((sim) => ({ type: 'node.health', ...about(sim, 'a'), status: 'unhealthy' })), says: /^node a: health check fails/ },
    'a process that died and is being restarted': { sim: () => observed((sim) => ({ type: 'node.died', ...about(sim, 'b'), exitCode: 9, oomKilled: false, log: [], next: 'restart' })), says: /^node b: .*exit code 9/ },
    'a link that is lost and being repaired': { sim: () => observed((sim) => ({ type: 'link.lost', at: sim.at, link: LINK, what: 'end-deleted at end a' })), says: new RegExp(`^link ${LINK}: end-deleted`) },
    'a link that was given up': { sim: () => observed((sim) => ({ type: 'link.gave-up', at: sim.at, link: LINK, code: 'repair-budget-spent', message: 'again and again' })), says: new RegExp(`^link ${LINK}: again`) },
  };
  const observed = (what: (sim: SimulatedLab) => Observation) => {
    const sim = deployed();
    sim.observe(what(sim));
    return sim;
  };

  it.each(Object.entries(cases))('%s', (_name, { sim, says }) => {
    expect(labView(sim().state).problems).toEqual([expect.stringMatching(says)]);
  });

  it('and a lab without any has none', () => {
    expect(labView(deployed().state)).toMatchObject({ state: 'running', problems: [] });
  });
});

describe('S06: what the host has not said is not known', () => {
  it('a node whose host went away during its stop stays stopping, whatever time passes, until the host says what is', () => {
    const sim = deployed();
    sim.command({ type: 'node.stop', nodes: [node('a')] });
    sim.run(() => null);
    sim.at += 86_400_000;
    for (let waits = 0; waits < 10; waits += 1) {
      sim.passDeadline();
      sim.run(() => null);
    }
    expect(labView(sim.state).nodes[0]).toMatchObject({ node: 'a', state: 'stopping', desired: 'stopped' });
    const [owed] = Object.values(sim.state.pending);
    expect(owed).toMatchObject({ type: 'node.stop', target: 'a' });
    if (owed) sim.observe({ type: 'effect.failed', effectId: owed.id, at: sim.at, code: 'engine-failed', message: 'it does not end', retryable: false, log: [] });
    expect(labView(sim.state).nodes[0]).toMatchObject({ state: 'failed', failure: { message: 'it does not end' } });
  });

  it('a link is up only when both ends were read back joined', () => {
    const sim = deployed((order, at) => (order.type === 'link.ensure' ? null : idealHost(order, at)));
    expect(labView(sim.state).links[0]).toMatchObject({ state: 'joining', oper: 'unknown' });
  });
});

describe('S07: what was seen is a fact, and what follows is decided by the owner', () => {
  const died = (generation: number): Observation => ({ type: 'node.died', at: 9_000, node: node('a'), generation, exitCode: 9, oomKilled: false, log: [], next: 'gave-up' });
  const lost: Observation = { type: 'link.lost', at: 9_000, link: LINK, what: 'end-deleted at end a' };
  const cases: Record<string, { from: string; seen: (generation: number) => Observation }> = {
    'a death of an earlier generation': { from: 'h1', seen: (generation) => died(generation - 1) },
    'a death of a generation to come': { from: 'h1', seen: (generation) => died(generation + 1) },
    'a death told by a host that does not run the node': { from: 'h2', seen: died },
    'a loss told by a host that has no end of the link': { from: 'h2', seen: () => lost },
    'a death of a node that nobody knows': { from: 'h1', seen: (generation) => ({ ...died(generation), node: node('nobody') }) as Observation },
  };

  it.each(Object.entries(cases))('%s changes nothing and orders nothing', (_name, { from, seen }) => {
    const sim = deployed();
    const before = { view: labView(sim.state), orders: sim.orders.length };
    sim.observeOn(host(from), seen(sim.state.nodes[node('a')]?.plan.generation ?? 0));
    expect({ view: { ...labView(sim.state), n: before.view.n }, orders: sim.orders.length }).toEqual(before);
    expect({ pending: sim.state.pending, deadlines: sim.state.deadlines }).toEqual({ pending: {}, deadlines: {} });
  });

  it('and what is true of them is written down, and left to the host that holds the order: nothing is ordered anew', () => {
    for (const one of [lost, { ...died(deployed().state.nodes[node('a')]?.plan.generation ?? 0), next: 'restart' } as Observation]) {
      const sim = deployed();
      const before = sim.orders.length;
      expect(sim.observe(one)).toBe(true);
      expect({ orders: sim.orders.length, pending: sim.state.pending }).toEqual({ orders: before, pending: {} });
    }
  });
});

describe('S10: a command concerns the nodes that it names', () => {
  it('a restart of two nodes of ten, sent again after a crash of the owner, orders nothing of the others', () => {
    const sim = new SimulatedLab();
    const names = Array.from({ length: 10 }, (_, index) => `n${index}`);
    sim.command({ type: 'lab.deploy', spec: aLab(names.map((name) => aNode(name))), takeOver: false, reconfigure: false });
    sim.run();
    const before = sim.orders.length;
    sim.command({ type: 'node.restart', nodes: [node('n3'), node('n7')] });
    sim.append([{ type: 'TakenOver', term: 1, supervisor: 'next' }]);
    sim.command({ type: 'lab.retry', nodes: [], links: [] });
    sim.run();
    expect(new Set(sim.orders.slice(before).map((order) => ('node' in order ? order.node.id : order.type)))).toEqual(new Set(['n3', 'n7']));
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [] });
  });
});

describe('S20: what is not mentioned stays', () => {
  it('a report about one node of a host leaves the others as they were', () => {
    const sim = deployed();
    const others = labView(sim.state).nodes.slice(1);
    const a = sim.state.nodes[node('a')];
    sim.observe({ type: 'node.died', at: sim.at, node: node('a'), generation: a?.plan.generation ?? 0, exitCode: 1, oomKilled: false, log: [], next: 'restart' });
    expect(labView(sim.state).nodes.slice(1)).toEqual(others);
  });

  it('a file with half of the nodes takes the others away by name, in the plan, before anything is touched', () => {
    const sim = deployed();
    sim.command({ type: 'lab.deploy', spec: aLab([aNode('a', { exec: ['x'] })]), takeOver: false, reconfigure: false });
    const [event] = sim.entries.at(-1)?.events ?? [];
    const removed = event?.type === 'LabDeployRequested' ? event.changes.filter(({ action }) => action === 'remove').map(({ object, id }) => `${object} ${id}`) : [];
    expect(removed.toSorted()).toEqual([`link ${LINK}`, 'node b', 'node c'].toSorted());
  });
});

describe('T05: builders of tests make whole values', () => {
  it('that the schemas take as they are, with no field guessed or dropped', () => {
    const spec = aLab([aNode('a'), aNode('b')], [aLink('a:eth1', 'b:eth1')]);
    expect(LabSpec.strict().parse(spec)).toEqual(spec);
    for (const one of spec.nodes) expect(NodeSpec.strict().parse(one)).toEqual(one);
    for (const one of spec.links) expect(LinkSpec.strict().parse(one)).toEqual(one);
  });

  it('and a lab\'s life renders every kind of order there is, each whole', () => {
    const sim = deployed();
    sim.append([{ type: 'NodesSaveRequested', nodes: [node('a')] }]);
    sim.command({ type: 'node.stop', nodes: [node('a')] });
    sim.run();
    sim.command({ type: 'lab.destroy', cleanup: false, keepMgmtNet: false });
    sim.run();
    for (const order of sim.orders) expect(Order.parse(order)).toEqual(order);
    expect(new Set(sim.orders.map((order) => order.type))).toEqual(new Set(Order.options.map((option) => option.shape.type.value)));
  });
});

describe('R08: the quality of a first start', () => {
  it('is no repair of any node or link; each later one is counted where it was needed, and shown', () => {
    const sim = deployed();
    const counts = () => [...labView(sim.state).nodes, ...labView(sim.state).links].map(({ repairs }) => repairs);
    expect(counts()).toEqual([0, 0, 0, 0]);
    const { generation } = sim.state.nodes[node('b')]?.plan ?? { generation: 0 };
    sim.observe({ type: 'node.started', at: sim.at, node: node('b'), generation, runtimeId: `c-b-${generation}`, pid: 7, startedAt: sim.at, cause: 'repair' });
    sim.observe({ type: 'link.repaired', at: sim.at, link: LINK, what: 'redirect', workMs: 1, adminUp: true, carrier: { a: true, b: true }, held: [] });
    expect(counts()).toEqual([0, 1, 0, 1]);
  });
});
