// The machines themselves: every state with every event, every way out, against XState's own transition() as oracle.
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { transition } from 'xstate';
import type { AnyEventObject, AnyStateMachine } from 'xstate';
import { derivedDocs } from '../../docs/render-docs.ts';
import { createStepper } from '../../machines/evolve/run-machine.ts';
import type { Plain, Step } from '../../machines/evolve/run-machine.ts';
import { hostMachine } from '../../machines/host/host-machine.ts';
import { labMachine } from '../../machines/lab/lab-machine.ts';
import { linkMachine } from '../../machines/link/link-machine.ts';
import { nodeMachine } from '../../machines/node/node-machine.ts';

const failure = { code: 'x', message: 'y', log: [] };
const NODE_EVENTS = [
  { type: 'want.running' }, { type: 'want.stopped' }, { type: 'want.absent' }, { type: 'want.restart' }, { type: 'want.recreate' }, { type: 'retry' },
  { type: 'prepared', runtimeId: 'r1' }, { type: 'gate.opened' },
  { type: 'started', runtimeId: 'r1', pid: 1, at: 1, repaired: false }, { type: 'started', runtimeId: 'r2', pid: 2, at: 2, repaired: true },
  { type: 'step.done' }, { type: 'steps.finished' }, { type: 'executed', results: [] }, { type: 'stopped' }, { type: 'removed' },
  { type: 'died', failure, at: 1 }, { type: 'died', failure, at: 100_000 }, { type: 'left', failure, clean: true }, { type: 'left', failure, clean: false }, { type: 'gave-up', failure },
  { type: 'failed', failure }, { type: 'unplugged', failure: { code: 'u', message: 'v', log: [] } }, { type: 'health', status: 'healthy' }, { type: 'host.lost', failure }, { type: 'host.returned' }, { type: 'host.moved' },
] as const;
const seen = { carrierA: true, carrierB: true, adminUp: true, held: [] };
const LINK_EVENTS = [
  { type: 'want.present' }, { type: 'want.absent' }, { type: 'want.rejoin' }, { type: 'want.update' },
  { type: 'admin.set', admin: 'down' }, { type: 'admin.set', admin: 'up' }, { type: 'impairment.set', impairment: {} }, { type: 'retry' }, { type: 'gate.opened' },
  { type: 'joined', ...seen }, { type: 'joined', ...seen, carrierA: false }, { type: 'repaired', ...seen }, { type: 'repaired', ...seen, held: ['a'] },
  { type: 'carrier', carrierA: true, carrierB: true }, { type: 'carrier', carrierA: false, carrierB: true },
  { type: 'lost', failure }, { type: 'gave-up', failure }, { type: 'failed', failure }, { type: 'removed' },
] as const;
const LAB_EVENTS = [
  { type: 'deploy', at: 1 }, { type: 'destroy', cleanup: false, keepMgmtNet: false },
  ...(['busy', 'good', 'bad', 'gone'] as const).map((outcome) => ({ type: 'settled' as const, outcome, at: 1 })),
];

const HOST_EVENTS = [
  { type: 'beat' }, { type: 'strange' }, { type: 'overdue' }, { type: 'silent' }, { type: 'compared' },
  ...(['open', 'cordoned', 'draining'] as const).map((wish) => ({ type: 'wish' as const, wish })),
];

type Walk = { states: Set<string>; taken: Set<string>; pairs: number };

/** Breadth first over (state, context), each with every event; compares each step with the oracle. */
type AnyContext = { step?: number } & Record<string, unknown>;
type AnyStepper = { initial(): Plain<AnyContext>; step(present: Plain<AnyContext>, event: AnyEventObject): Step<AnyContext, unknown> };

function walk(machine: AnyStateMachine, events: readonly AnyEventObject[]): Walk {
  const stepper: AnyStepper = createStepper(machine);
  const first = stepper.initial();
  const known = new Map([[JSON.stringify(first), first]]);
  const result: Walk = { states: new Set([first.value]), taken: new Set(), pairs: 0 };
  const budget = 4_000;
  for (const present of known.values()) {
    if (result.pairs > budget * 20) break;
    for (const event of events) {
      const snapshot = machine.resolveState({ value: present.value, context: present.context });
      const [expected, actions] = transition(machine, snapshot, event);
      const got = stepper.step(present, event);
      expect({ value: got.next.value, context: got.next.context }).toEqual({ value: String(expected.value), context: expected.context });
      expect(got.intents.length).toBe(actions.length);
      result.pairs += 1;
      if (got.handled) result.taken.add(`${present.value} --${event.type}--> ${got.next.value}`);
      result.states.add(got.next.value);
      // Counters grow without end; what they are does not change where a machine goes.
      const key = JSON.stringify({ ...got.next, context: { ...got.next.context, attempts: 0, repairs: 0, step: Math.min(1, got.next.context.step ?? 0), startedAt: 0, pid: 0 } });
      if (!known.has(key) && known.size < budget) known.set(key, got.next);
    }
  }
  return result;
}

function drawn(machine: AnyStateMachine): Set<string> {
  const all = Object.values(machine.states).flatMap((state) => [...state.transitions.values()].flat()
    .flatMap((one) => (one.target ?? [state]).map((target) => `${state.key} --${one.eventType}--> ${target.key}`)));
  return new Set(all);
}

describe.each([
  ['node', nodeMachine, NODE_EVENTS],
  ['link', linkMachine, LINK_EVENTS],
  ['lab', labMachine, LAB_EVENTS],
  ['host', hostMachine, HOST_EVENTS],
] as const)('%s machine', (_name, machine, events) => {
  it('S05: steps as transition() does for every state with every event, reaches every state and takes every transition', () => {
    const result = walk(machine as AnyStateMachine, events);
    expect([...result.states].toSorted()).toEqual(Object.keys(machine.states).toSorted());
    const missing = [...drawn(machine)].filter((arrow) => !result.taken.has(arrow));
    expect(missing.filter((arrow) => !isNoop(arrow))).toEqual([]);
    expect(result.pairs).toBeGreaterThan(20);
  });

  it('T07: two initial states share no reference that a step could change', () => {
    const stepper = createStepper(machine as AnyStateMachine);
    const before = JSON.stringify(stepper.initial());
    for (const event of events) stepper.step(stepper.initial(), event as never);
    expect(JSON.stringify(stepper.initial())).toBe(before);
  });
});

/** An event that is taken note of without any change leaves the very same snapshot. */
const isNoop = (arrow: string): boolean => /^(stopped --want\.stopped|waiting --want\.rejoin|recovering --stopped|exited --host\.lost)/.test(arrow);

it('A06: the drawings in docs/ are those of the code', async () => {
  for (const [path, text] of Object.entries(derivedDocs())) {
    expect(await readFile(new URL(`../../docs/${path}`, import.meta.url), 'utf8')).toBe(text);
  }
});
