// The one place that steps an XState machine: pure, through one reused inert scope per machine (transition() is its oracle in a test).
import { createActor } from 'xstate';
import type { AnyActorScope, AnyMachineSnapshot, AnyStateMachine, SnapshotFrom, EventFrom, EmittedFrom, ContextFrom } from 'xstate';

/** What is kept of a machine: enough to rebuild its snapshot, and plain data. */
export type Plain<Context> = { readonly value: string; readonly context: Context };

export type Step<Context, Intent> = {
  readonly next: Plain<Context>;
  readonly intents: readonly Intent[];
  /** False when the machine has no transition for the event in its present state. */
  readonly handled: boolean;
};

export type Stepper<M extends AnyStateMachine> = {
  initial(): Plain<ContextFrom<M>>;
  step(present: Plain<ContextFrom<M>>, event: EventFrom<M>): Step<ContextFrom<M>, EmittedFrom<M>>;
};

/**
 * Makes a stepper for a flat machine whose actions only assign and emit.
 * @throws Error when the machine asks for anything but an emit, or a state is unknown to it (a snapshot of other code).
 * Source: measured, 35-46k steps a second against 12-15k of transition().
 */
export function createStepper<M extends AnyStateMachine>(machine: M): Stepper<M> {
  const intents: EmittedFrom<M>[] = [];
  const scope = inertScope(machine, intents);
  const initialSnapshot = createActor(machine).getSnapshot();
  // Snapshots are rebuilt from plain data once and then remembered beside it.
  const snapshots = new WeakMap<object, SnapshotFrom<M>>();
  const toPlain = (snapshot: AnyMachineSnapshot): Plain<ContextFrom<M>> => {
    const plain = { value: String(snapshot.value), context: snapshot.context };
    snapshots.set(plain, snapshot as SnapshotFrom<M>);
    return plain;
  };
  return {
    initial: () => toPlain(initialSnapshot),
    step(present, event) {
      const before = snapshots.get(present) ?? (machine.resolveState({ value: present.value, context: present.context }) as SnapshotFrom<M>);
      intents.length = 0;
      const after = machine.transition(before, event, scope);
      if (after === before) return { next: present, intents: [], handled: false };
      return { next: toPlain(after), intents: [...intents], handled: true };
    },
  };
}

function inertScope<M extends AnyStateMachine>(machine: M, intents: EmittedFrom<M>[]): AnyActorScope {
  const self = createActor(machine);
  // The casts keep XState's internal ActorScope shape in this file.
  return {
    self,
    system: self.system,
    id: '',
    sessionId: '',
    defer() {},
    logger() {},
    stopChild() {},
    emit() {},
    actionExecutor(action: { type: string; params: unknown }) {
      if (action.type !== 'xstate.emit') throw new Error(`machine ${machine.id} asked for ${action.type}; machines only assign and emit`);
      intents.push((action.params as { event: EmittedFrom<M> }).event);
    },
  } as unknown as AnyActorScope;
}
