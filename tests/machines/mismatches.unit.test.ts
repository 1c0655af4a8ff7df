// Every pair of what is wanted and what is, of nodes, links, the management network and whole labs: each has a way that ends where wanted.
import { describe, expect, it } from 'vitest';
import type { AnyEventObject } from 'xstate';
import type { Plain, Step } from '../../machines/evolve/run-machine.ts';
import { labStepper, linkStepper, nodeStepper } from '../../machines/evolve/steppers.ts';
import { labMachine } from '../../machines/lab/lab-machine.ts';
import { linkMachine } from '../../machines/link/link-machine.ts';
import { nodeMachine } from '../../machines/node/node-machine.ts';
import type { Order } from '../../machines/vocabulary/effect.ts';
import type { Observation } from '../../machines/vocabulary/observation.ts';
import { aLab, aNode, host } from '../support/lab-builders.ts';
import { idealHost, SimulatedLab } from '../support/simulated-lab.ts';

type Context = Record<string, unknown>;
type Walker = { initial(): Plain<Context>; step(present: Plain<Context>, event: AnyEventObject): Step<Context, unknown> };

const failure = { code: 'x', message: 'y', log: [] };
const MOST_HOPS = 12;

/** Says the wish, then answers what a host that can would answer, until the machine asks for nothing more. */
function follow(walker: Walker, from: Plain<Context>, way: { wish: AnyEventObject; answers: Readonly<Record<string, AnyEventObject>> }): string {
  let present = walker.step(from, way.wish).next;
  for (let hop = 0; hop < MOST_HOPS; hop += 1) {
    const answer = way.answers[present.value];
    if (!answer) break;
    present = walker.step(present, answer).next;
  }
  return present.value;
}

const pairs = <D extends string>(states: object, wanted: readonly D[]) => Object.keys(states).flatMap((value) => wanted.map((desired) => [value, desired] as const));
/** Failed or not before: what it remembers must not stand in the way. */
const memories = [{ failure: null, attempts: 0 }, { failure, attempts: 5 }];

describe('a node', () => {
  const walker = nodeStepper as unknown as Walker;
  const started = { type: 'started', runtimeId: 'r1', pid: 1, at: 1, repaired: false };
  const answers = {
    unknown: { type: 'host.returned' }, preparing: { type: 'prepared', runtimeId: 'r1' }, waiting: { type: 'gate.opened' }, starting: started, configuring: { type: 'steps.finished' },
    recovering: started, stopping: { type: 'stopped' }, removing: { type: 'removed' },
  };
  it.each(pairs(nodeMachine.states, ['running', 'stopped', 'absent']))('that is %s and wanted %s gets there', (value, desired) => {
    for (const memory of memories) {
      const from = { value, context: { ...walker.initial().context, ...memory, desired, runtimeId: 'r' } };
      expect(follow(walker, from, { wish: { type: `want.${desired}` }, answers })).toBe(desired);
    }
  });
});

describe('a link', () => {
  const walker = linkStepper as unknown as Walker;
  const seen = { carrierA: true, carrierB: true, adminUp: true, held: [] };
  const answers = {
    waiting: { type: 'gate.opened' }, joining: { type: 'joined', ...seen }, repairing: { type: 'repaired', ...seen }, down: { type: 'carrier', carrierA: true, carrierB: true }, removing: { type: 'removed' },
  };
  it.each(pairs(linkMachine.states, ['present', 'absent']))('that is %s and wanted %s gets there', (value, desired) => {
    for (const memory of memories) {
      const from = { value, context: { ...walker.initial().context, ...memory, desired } };
      expect(follow(walker, from, { wish: { type: `want.${desired}` }, answers })).toBe(desired === 'present' ? 'up' : 'absent');
    }
  });

  it.each(pairs(linkMachine.states, ['up', 'down']))('that is %s and wanted set %s gets there', (value, admin) => {
    const from = { value, context: { ...walker.initial().context, desired: 'present', admin: admin === 'up' ? 'down' : 'up' } };
    const there = { ...seen, adminUp: admin === 'up', carrierA: admin === 'up', carrierB: admin === 'up' };
    const set = follow(walker, walker.step(from, { type: 'admin.set', admin }).next, { wish: { type: 'want.present' }, answers: { waiting: { type: 'gate.opened' }, joining: { type: 'joined', ...there }, repairing: { type: 'repaired', ...there }, removing: { type: 'removed' } } });
    expect(set).toBe(admin);
  });
});

describe('a lab', () => {
  const walker = labStepper as unknown as Walker;
  const settled = (outcome: string) => ({ type: 'settled', outcome });
  it.each(pairs(labMachine.states, ['running', 'destroyed']))('that is %s and wanted %s gets there', (value, desired) => {
    const wish = desired === 'running' ? { type: 'deploy', at: 1 } : { type: 'destroy', cleanup: false, keepMgmtNet: false };
    const answers = { deploying: settled('good'), degraded: settled('good'), destroying: settled('gone') };
    const end = follow(walker, { value, context: walker.initial().context }, { wish, answers });
    // A lab on its way out takes no deploy (the command is refused): it is taken once the lab is gone. What never was needs no destroying.
    const last = desired === 'running' && end === 'destroyed' ? follow(walker, { value: end, context: walker.initial().context }, { wish, answers }) : end;
    expect(last).toBe(value === 'absent' && desired === 'destroyed' ? 'absent' : desired);
  });
});

describe('a management network', () => {
  const deploy = { type: 'lab.deploy' as const, spec: aLab([aNode('a')]), takeOver: false, reconfigure: false };
  const destroy = { type: 'lab.destroy' as const, cleanup: false, keepMgmtNet: false };
  const failed = (order: Order, at: number): Observation => ({ type: 'effect.failed', effectId: order.id, at, code: 'engine-refused', message: 'no', retryable: false, log: [] });
  const without = (type: Order['type'], instead: (order: Order, at: number) => Observation | null) => (order: Order, at: number) => (order.type === type ? instead(order, at) : idealHost(order, at));

  const networkState = (sim: SimulatedLab) => sim.state.networks[host('h1')]?.state ?? 'absent';

  /** Each state, brought about as it comes about. */
  const states: Record<string, () => SimulatedLab> = {
    absent: () => new SimulatedLab(),
    ensuring: () => began([deploy], without('network.ensure', () => null)),
    ready: () => began([deploy], idealHost),
    'failed (ensure)': () => began([deploy], without('network.ensure', failed)),
    removing: () => began([deploy, destroy], without('network.remove', () => null)),
    'failed (remove)': () => began([deploy, destroy], without('network.remove', failed)),
  };
  function began(commands: readonly (typeof deploy | typeof destroy)[], answer: Parameters<SimulatedLab['run']>[0]): SimulatedLab {
    const sim = new SimulatedLab();
    for (const command of commands) {
      sim.command(command);
      sim.run(answer);
    }
    return sim;
  }

  /** A host that can from here on: what is owed is done, what waits comes to its end. */
  function recover(sim: SimulatedLab): void {
    for (let waits = 0; waits < 10; waits += 1) {
      sim.run();
      if (Object.keys(sim.state.pending).length === 0 && sim.passDeadline() === null) return;
      if (Object.keys(sim.state.pending).length > 0) sim.passDeadline();
    }
  }

  it.each(Object.keys(states).flatMap((state) => [[state, 'ready'], [state, 'absent']] as const))('that is %s and wanted %s gets there', (state, desired) => {
    const sim = states[state]?.() ?? new SimulatedLab();
    expect(state.startsWith(networkState(sim))).toBe(true);
    const wish = desired === 'ready' ? deploy : destroy;
    sim.command(wish);
    if (desired === 'ready') sim.command({ type: 'lab.retry', nodes: [], links: [] });
    recover(sim);
    // While it is being removed a deploy is refused; it is taken afterwards.
    if (desired === 'ready' && networkState(sim) === 'absent') {
      sim.command(wish);
      recover(sim);
    }
    expect(networkState(sim)).toBe(desired);
    expect(sim.state.pending).toEqual({});
  });
});
