// Labs under random commands, random faults of their host and crashes of their owner: every step is legal, nothing is owed for ever.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evolve } from '../../machines/evolve/evolve.ts';
import { initialLab } from '../../machines/evolve/lab-state.ts';
import { labView, nodeView } from '../../machines/evolve/lab-view.ts';
import { renderOrder } from '../../machines/evolve/render-order.ts';
import type { Command } from '../../machines/vocabulary/command.ts';
import type { Order } from '../../machines/vocabulary/effect.ts';
import type { LinkId, NodeId } from '../../machines/vocabulary/ids.ts';
import type { Observation } from '../../machines/vocabulary/observation.ts';
import { summary } from '../../supervisor/ops-handlers.ts';
import { aLab, aLink, aNode, lab, node } from '../support/lab-builders.ts';
import { idealHost, SimulatedLab } from '../support/simulated-lab.ts';

const specs = [
  aLab([aNode('a', { exec: ['x'] }), aNode('b'), aNode('c')], [aLink('a:eth1', 'b:eth1'), aLink('b:eth2', 'c:eth1')]),
  aLab([aNode('a', { exec: ['x'], env: { X: '1' } }), aNode('b')], [aLink('a:eth1', 'b:eth1')]),
  aLab([aNode('a'), aNode('b', { startupDelaySeconds: 1 }), aNode('c', { stages: { create: { waitFor: [{ node: node('a'), stage: 'healthy' }], exec: [] } } })], [aLink('a:eth1', 'c:eth1')]),
];
const links = [...new Set(specs.flatMap((spec) => spec.links.map(({ id }) => id)))];
const someNodes = fc.subarray(['a', 'b', 'c'].map(node), { minLength: 1 });
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ type: fc.constant('lab.deploy' as const), spec: fc.constantFrom(...specs), takeOver: fc.constant(true), reconfigure: fc.boolean() }),
  fc.record({ type: fc.constantFrom('node.start' as const, 'node.stop' as const, 'node.restart' as const), nodes: someNodes }),
  fc.record({ type: fc.constant('lab.retry' as const), nodes: fc.constant<NodeId[]>([]), links: fc.constant<LinkId[]>([]) }),
  fc.record({ type: fc.constant('link.set' as const), link: fc.constantFrom(...links), admin: fc.constantFrom('up' as const, 'down' as const) }),
  fc.constant({ type: 'lab.destroy' as const, cleanup: false, keepMgmtNet: false }),
);
type Step =
  | { kind: 'command'; command: Command }
  /** How the host answers the orders that wait: as ordered, with a failure, or not at all; one letter an order. */
  | { kind: 'answers'; how: ('does' | 'fails' | 'fails-for-good' | 'silent')[] }
  | { kind: 'deadline' }
  | { kind: 'crash' }
  | { kind: 'fault'; what: 'died' | 'gave-up' | 'left' | 'started' | 'stopped'; node: string }
  | { kind: 'link-fault'; what: 'lost' | 'gave-up' | 'no-carrier'; link: LinkId };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('command' as const), command }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('answers' as const), how: fc.array(fc.constantFrom('does' as const, 'does' as const, 'does' as const, 'fails' as const, 'fails-for-good' as const, 'silent' as const), { minLength: 1, maxLength: 8 }) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'deadline' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'crash' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('fault' as const), what: fc.constantFrom('died' as const, 'gave-up' as const, 'left' as const, 'started' as const, 'stopped' as const), node: fc.constantFrom('a', 'b', 'c') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('link-fault' as const), what: fc.constantFrom('lost' as const, 'gave-up' as const, 'no-carrier' as const), link: fc.constantFrom(...links) }) },
);

/** What the lab is owed now, as a supervisor that comes back sends it again. */
function owed(sim: SimulatedLab): Order[] {
  return Object.values(sim.state.pending).flatMap((effect) => renderOrder(sim.state, effect) ?? []);
}

function faultOf(sim: SimulatedLab, { what, node: id }: Extract<Step, { kind: 'fault' }>): Observation {
  const about = { at: sim.at, node: node(id), generation: sim.state.nodes[node(id)]?.plan.generation ?? 0 };
  if (what === 'started') return { type: 'node.started', ...about, runtimeId: `other-${sim.at}`, pid: 1, startedAt: sim.at, cause: 'external' };
  if (what === 'stopped') return { type: 'node.stopped', ...about };
  return { type: 'node.died', ...about, exitCode: 1, oomKilled: false, log: [], next: what === 'died' ? 'restart' : what === 'left' ? 'leave' : 'gave-up' };
}

function linkFaultOf(sim: SimulatedLab, { what, link }: Extract<Step, { kind: 'link-fault' }>): Observation {
  const about = { at: sim.at, link };
  if (what === 'lost') return { type: 'link.lost', ...about, what: 'end-deleted at end a' };
  if (what === 'gave-up') return { type: 'link.gave-up', ...about, code: 'repair-budget-spent', message: 'again and again' };
  return { type: 'link.carrier', ...about, carrier: { a: false, b: true } };
}

function take(sim: SimulatedLab, one: Step): void {
  sim.at += 10;
  switch (one.kind) {
    case 'command':
      sim.command(one.command);
      return;
    case 'answers':
      for (const how of one.how) {
        const [order] = owed(sim);
        if (order === undefined || how === 'silent') return;
        const seen = how === 'does' ? idealHost(order, sim.at) : { type: 'effect.failed' as const, effectId: order.id, at: sim.at, code: 'x', message: 'the host says no', retryable: how === 'fails', log: [] };
        if (seen) sim.observe(seen);
      }
      return;
    case 'deadline':
      sim.passDeadline();
      return;
    case 'crash':
      sim.state = refold(sim);
      sim.append([{ type: 'TakenOver', term: sim.state.term + 1, supervisor: 'next' }]);
      return;
    case 'fault':
      sim.observe(faultOf(sim, one));
      return;
    case 'link-fault':
      sim.observe(linkFaultOf(sim, one));
  }
}

const refold = (sim: SimulatedLab) => sim.entries.reduce((state, entry) => evolve(state, entry).state, initialLab(lab('t')));

/** What a host does by itself: restarts what it said it would, stops what somebody started, mends a link that it said was lost. */
function nextRepair(sim: SimulatedLab): Observation | null {
  const away = Object.values(sim.state.nodes).find(({ machine }) => machine.value === 'recovering');
  if (away) return { type: 'node.started', at: sim.at, node: away.spec.id, generation: away.plan.generation, runtimeId: 'again', pid: 2, startedAt: sim.at, cause: 'repair' };
  const started = Object.values(sim.state.nodes).find(({ spec, machine }) => machine.value === 'stopping' && !Object.values(sim.state.pending).some(({ target }) => target === spec.id));
  if (started) return { type: 'node.stopped', at: sim.at, node: started.spec.id, generation: started.plan.generation };
  const broken = Object.values(sim.state.links).find(({ machine }) => machine.value === 'repairing');
  if (!broken) return null;
  return { type: 'link.repaired', at: sim.at, link: broken.spec.id, what: 'end-deleted', workMs: 1, adminUp: broken.machine.context.admin === 'up', carrier: { a: true, b: true }, held: [] };
}

/** Everything that was asked for is done by a host that can, and every wait ends. */
function settle(sim: SimulatedLab): void {
  for (let round = 0; round < 200; round += 1) {
    const [order] = owed(sim);
    sim.at += 1;
    const seen = order === undefined ? nextRepair(sim) : idealHost(order, sim.at);
    if (seen) sim.observe(seen);
    else if (sim.passDeadline() === null) return;
  }
  throw new Error(`does not settle: ${JSON.stringify(sim.states())} ${JSON.stringify(sim.state.pending)} ${JSON.stringify(sim.state.deadlines)}`);
}

/** More of them by hand: LABWRIGHT_RUNS=5000 LABWRIGHT_SEED=1 vitest run --project unit tests/machines/random-lives */
const RUNS = { numRuns: Number(process.env['LABWRIGHT_RUNS'] ?? 60), ...(process.env['LABWRIGHT_SEED'] === undefined ? {} : { seed: Number(process.env['LABWRIGHT_SEED']) }) };

describe('a lab under 1000 random commands, faults and crashes', () => {
  it('S04 S05: refolds to itself at every step, owes only what exists, and settles once its host can', { timeout: 60_000 }, () => {
    fc.assert(fc.property(fc.array(step, { minLength: 5, maxLength: 25 }), (steps) => {
      const sim = new SimulatedLab();
      for (const one of steps) {
        take(sim, one);
        expect(labView(refold(sim))).toEqual(labView(sim.state));
        for (const effect of Object.values(sim.state.pending)) expect([effect, renderOrder(sim.state, effect)]).not.toEqual([effect, null]);
      }
      settle(sim);
      const view = labView(sim.state);
      expect(['absent', 'running', 'degraded', 'destroyed']).toContain(view.state);
      // Whoever wants to be somewhere is there, or says why not.
      for (const one of view.nodes) expect({ ...one, isThere: one.state === (one.desired === 'absent' ? 'absent' : one.desired) || one.state === 'exited' || one.failure !== undefined || one.waitingFor !== '' }).toMatchObject({ isThere: true });
      for (const one of view.links) expect({ ...one, isSettled: one.state === 'up' || one.reason !== '' }).toMatchObject({ isSettled: true });
    }), RUNS);
  });

  it('S17: the list, the detail and the node say the same of 100 of them', { timeout: 60_000 }, () => {
    fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
      const sim = new SimulatedLab();
      for (const one of steps) take(sim, one);
      const view = labView(sim.state);
      const states = sim.states();
      const running = Object.keys(sim.state.nodes).filter((id) => states[id] === 'running');
      const up = view.links.filter(({ oper }) => oper === 'up');
      expect(summary(sim.state)).toEqual({
        lab: view.lab, n: view.n, state: view.state, ...(view.topologyPath === undefined ? {} : { topologyPath: view.topologyPath, deployedAt: view.deployedAt }),
        ...(view.state === 'destroyed' ? { destroyedAt: sim.state.lab.context.destroyedAt } : {}),
        nodes: Object.keys(sim.state.nodes).length, nodesRunning: running.length, links: Object.keys(sim.state.links).length, linksUp: up.length, problems: view.problems.length,
      });
      expect(view.nodes.map(({ node: id }) => nodeView(sim.state, id))).toEqual(view.nodes);
      expect(view.nodes.filter(({ state }) => state === 'running').map(({ node: id }) => id)).toEqual(running.toSorted());
    }), { ...RUNS, numRuns: Math.max(RUNS.numRuns, 100) });
  });

  it('ends destroyed whatever came before, with nothing left', { timeout: 60_000 }, () => {
    fc.assert(fc.property(fc.array(step, { minLength: 3, maxLength: 20 }), (steps) => {
      const sim = new SimulatedLab();
      sim.command({ type: 'lab.deploy', spec: specs[0] ?? aLab([]), takeOver: true, reconfigure: false });
      for (const one of steps) take(sim, one);
      sim.command({ type: 'lab.destroy', cleanup: false, keepMgmtNet: false });
      settle(sim);
      expect({ state: labView(sim.state).state, nodes: sim.states(), pending: sim.state.pending, deadlines: sim.state.deadlines }).toEqual({ state: 'destroyed', nodes: {}, pending: {}, deadlines: {} });
    }), RUNS);
  });
});
