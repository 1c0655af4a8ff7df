// The one owner of a lab: decide -> append -> evolve -> dispatch, one entry at a time, what waits together decided together.
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { admit } from '../machines/decide/admit.ts';
import { decide } from '../machines/decide/decide.ts';
import { evolve } from '../machines/evolve/evolve.ts';
import type { Evolution } from '../machines/evolve/evolve.ts';
import type { LabState } from '../machines/evolve/lab-state.ts';
import { ANSWER_WITHIN_MS } from '../machines/policy/retry-policy.ts';
import type { Facts } from '../machines/plan/plan-lab.ts';
import type { Command, Rejection } from '../machines/vocabulary/command.ts';
import type { LabEvent, LogEntry } from '../machines/vocabulary/event.ts';
import type { CommandId, HostId, LabId } from '../machines/vocabulary/ids.ts';
import type { Change } from '../machines/vocabulary/lab-plan.ts';
import type { Observation } from '../machines/vocabulary/observation.ts';
import { LogConflictError, TransportError } from '../nats/errors.ts';
import type { EventLog } from '../nats/event-log.ts';
import type { PacedSlots } from '../nats/slots.ts';
import { crashPoint } from './crash-point.ts';

export type Outcome =
  | { readonly kind: 'accepted'; readonly n: number; readonly changes: readonly Change[]; readonly repeated: boolean; readonly existed?: boolean }
  | { readonly kind: 'rejected'; readonly rejections: readonly Rejection[] }
  | { readonly kind: 'nothing'; readonly n: number; readonly existed: boolean };

export type LabActorParts = {
  readonly log: Pick<EventLog<LogEntry>, 'append'>;
  /** Who has a turn decides and appends; what comes to a lab that waits for its turn is decided together. */
  readonly turns: Pick<PacedSlots, 'run' | 'took'>;
  readonly logger: Logger;
  readonly now: () => number;
  /** Within which hosts have to answer orders; what the policy says when absent. */
  readonly answerWithinMs?: number | undefined;
  readonly facts: (lab: LabId) => Facts;
  /** Called once an entry is acknowledged; must not throw. */
  readonly committed: (lab: LabActor, entry: LogEntry, evolution: Evolution) => void;
  /** Folds the lab anew from the log after another writer appended; null when a higher term owns it now. */
  readonly reload: (lab: LabId, term: number) => Promise<{ state: LabState; seq: number } | null>;
  readonly steppedDown: (lab: LabId) => void;
};

/** An append of one server waits for the disk; a few at once keep it busy, and what waits meanwhile goes into larger entries. */
export const APPEND_PACE = { targetMs: 2, fewest: 2, most: 256 };

type Seen = { readonly host: HostId; readonly observation: Observation };
type Input =
  | { readonly kind: 'command'; readonly command: Command; readonly commandId: CommandId; done(outcome: Outcome): void; fail(error: unknown): void }
  | { readonly kind: 'reports'; readonly seen: readonly Seen[]; done(): void; fail(error: unknown): void }
  | { readonly kind: 'event'; readonly event: LabEvent; done(): void; fail(error: unknown): void };

type Made = { readonly entry: LogEntry; readonly evolution: Evolution };

export class SteppedDownError extends Error {
  readonly code = 'stepped-down';
  readonly retryable = true;
}

export class LabActor {
  readonly id: LabId;
  readonly #parts: LabActorParts;
  readonly #inbox: Input[] = [];
  #state: LabState;
  #seq: number;
  #tentative: LabState | null = null;
  #running = false;
  #stopped = false;

  constructor(id: LabId, folded: { state: LabState; seq: number }, parts: LabActorParts) {
    this.id = id;
    this.#state = folded.state;
    this.#seq = folded.seq;
    this.#parts = parts;
  }

  /** What the log holds. */
  get state(): LabState {
    return this.#state;
  }

  /** Stream sequence of the lab's last entry. */
  get seq(): number {
    return this.#seq;
  }

  /** What the log holds or is about to: other labs must not take what this one is taking. */
  get latest(): LabState {
    return this.#tentative ?? this.#state;
  }

  /** Decides a command; a repeat of a command id has no second effect. @throws {SteppedDownError} another supervisor owns the lab. */
  command(command: Command, commandId: CommandId): Promise<Outcome> {
    return new Promise((done, fail) => this.#put({ kind: 'command', command, commandId, done, fail }));
  }

  /** Takes in reports of hosts; resolves once what they mean is in the log. */
  report(seen: readonly Seen[]): Promise<void> {
    return new Promise((done, fail) => this.#put({ kind: 'reports', seen, done, fail }));
  }

  /** Records an event of the supervisor's own: a takeover or a deadline that passed. */
  record(event: LabEvent): Promise<void> {
    return new Promise((done, fail) => this.#put({ kind: 'event', event, done, fail }));
  }

  stop(): void {
    this.#stopped = true;
    for (const input of this.#inbox.splice(0)) input.fail(new SteppedDownError(`lab ${this.id} is not owned here any more`));
  }

  get #answerWithinMs(): number {
    return this.#parts.answerWithinMs ?? ANSWER_WITHIN_MS;
  }

  #put(input: Input): void {
    if (this.#stopped) {
      input.fail(new SteppedDownError(`lab ${this.id} is not owned here any more`));
      return;
    }
    this.#inbox.push(input);
    if (!this.#running) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#running = true;
    // One turn of the loop lets everything that arrived together be decided together.
    await Promise.resolve();
    while (this.#inbox.length > 0) await this.#parts.turns.run(async () => await this.#handleNext());
    this.#running = false;
  }

  async #handleNext(): Promise<void> {
    const batch = this.#take();
    try {
      await this.#handle(batch);
    } catch (error) {
      for (const input of batch) input.fail(error);
    }
  }

  /** The next input, or all reports that wait before the next other input. */
  #take(): Input[] {
    const reports = this.#inbox.findIndex((input) => input.kind !== 'reports');
    const count = reports === 0 ? 1 : reports < 0 ? this.#inbox.length : reports;
    return this.#inbox.splice(0, count);
  }

  async #handle(batch: Input[]): Promise<void> {
    const [first] = batch;
    if (!first) return;
    switch (first.kind) {
      case 'command':
        first.done(await this.#decideCommand(first.command, first.commandId));
        return;
      case 'event':
        await this.#commit(() => this.#entryOf([first.event]));
        first.done();
        return;
      case 'reports': {
        const reports = batch.flatMap((input) => (input.kind === 'reports' ? [input] : []));
        const seen = reports.flatMap((input) => input.seen);
        await this.#commit(() => admit(this.#state, seen, this.#parts.now(), this.#answerWithinMs));
        for (const input of reports) input.done();
      }
    }
  }

  async #decideCommand(command: Command, commandId: CommandId): Promise<Outcome> {
    let outcome: Outcome | null = null;
    await this.#commit(() => {
      const before = this.#state.commands[commandId];
      if (before !== undefined) {
        outcome = { kind: 'accepted', n: before, changes: [], repeated: true };
        return null;
      }
      const existed = !['absent', 'destroyed'].includes(this.#state.lab.value);
      const decision = decide(command, this.#state, this.#parts.facts(this.id));
      if (decision.kind === 'rejected') outcome = decision;
      if (decision.kind === 'nothing') outcome = { kind: 'nothing', n: this.#state.n, existed };
      if (decision.kind !== 'events') return null;
      const made = this.#entryOf([...decision.events], commandId);
      outcome = { kind: 'accepted', n: made.entry.n, changes: decision.changes, repeated: false, existed };
      return made;
    });
    if (!outcome) throw new Error(`command ${command.type} on lab ${this.id} had no outcome`);
    return outcome;
  }

  #entryOf(events: LabEvent[], commandId?: CommandId): Made {
    const takeover = events.find((event) => event.type === 'TakenOver');
    const entry: LogEntry = {
      v: 1, lab: this.id, n: this.#state.n + 1, at: this.#parts.now(), term: takeover ? takeover.term : this.#state.term, answerWithinMs: this.#answerWithinMs, events,
      ...(commandId === undefined ? {} : { commandId }),
    };
    return { entry, evolution: evolve(this.#state, entry) };
  }

  /** Appends what `make` decides; after a conflict folds the lab anew and decides again. */
  async #commit(make: () => Made | null): Promise<void> {
    for (;;) {
      const made = make();
      if (!made) return;
      crashPoint('supervisor/before-append');
      this.#tentative = made.evolution.state;
      try {
        this.#seq = await this.#append(made.entry);
      } catch (error) {
        this.#tentative = null;
        if (!(error instanceof LogConflictError)) throw error;
        await this.#refold(error);
        continue;
      }
      crashPoint('supervisor/after-append');
      this.#tentative = null;
      this.#state = made.evolution.state;
      this.#parts.committed(this, made.entry, made.evolution);
      return;
    }
  }

  /** An unknown outcome is resolved by the same entry with the same id, until the log answers. */
  async #append(entry: LogEntry): Promise<number> {
    const append = { labId: this.id, expectedSeq: this.#seq, entryId: `${entry.n}-${randomUUID()}`, entry };
    for (;;) {
      try {
        const began = performance.now();
        const seq = await this.#parts.log.append(append);
        this.#parts.turns.took(performance.now() - began);
        return seq;
      } catch (error) {
        if (!(error instanceof TransportError) || !error.retryable || this.#stopped) throw error;
        this.#parts.logger.warn({ labId: this.id, err: error, n: entry.n }, 'log does not answer, appending again');
      }
    }
  }

  async #refold(conflict: LogConflictError): Promise<void> {
    const folded = await this.#parts.reload(this.id, this.#state.term);
    if (!folded) {
      this.#parts.steppedDown(this.id);
      this.stop();
      throw new SteppedDownError(`lab ${this.id} is owned by another supervisor`, { cause: conflict });
    }
    this.#parts.logger.warn({ labId: this.id, err: conflict, n: folded.state.n }, 'log had moved on, lab was folded anew');
    this.#state = folded.state;
    this.#seq = folded.seq;
  }
}
