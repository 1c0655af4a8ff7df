// One lab. Its owner decides -> appends -> evolves -> dispatches, one entry at a time, what waits together decided together; everybody else folds what its log shows.
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { admit } from '../machines/decide/admit.ts';
import { decide } from '../machines/decide/decide.ts';
import { evolve } from '../machines/evolve/evolve.ts';
import type { Evolution } from '../machines/evolve/evolve.ts';
import type { Heard } from '../machines/evolve/heard.ts';
import type { LabState } from '../machines/evolve/lab-state.ts';
import { ANSWER_WITHIN_MS } from '../machines/policy/retry-policy.ts';
import { mayHoldOther } from '../machines/plan/claims.ts';
import type { Facts } from '../machines/plan/plan-lab.ts';
import type { Command, Rejection } from '../machines/vocabulary/command.ts';
import type { LabEvent, LogEntry } from '../machines/vocabulary/event.ts';
import type { CommandId, LabId } from '../machines/vocabulary/ids.ts';
import type { Change } from '../machines/vocabulary/lab-plan.ts';
import { LogConflictError, TransportError } from '../nats/errors.ts';
import type { EventLog } from '../nats/event-log.ts';
import type { PacedSlots } from '../nats/slots.ts';
import type { ClaimsBook } from './claims-book.ts';
import { crashPhases, crashPoint } from './crash-point.ts';
import type { Folded } from './resume-lab.ts';

export type Outcome =
  | { readonly kind: 'accepted'; readonly n: number; readonly changes: readonly Change[]; readonly repeated: boolean; readonly existed?: boolean }
  | { readonly kind: 'rejected'; readonly rejections: readonly Rejection[] }
  /** Nodes that the command has made anew are being saved: it is to be sent again when that is over. */
  | { readonly kind: 'saving' }
  | { readonly kind: 'nothing'; readonly n: number; readonly existed: boolean };

export type LabActorParts = {
  /** Name of this supervisor. */
  readonly supervisor: string;
  readonly log: Pick<EventLog<LogEntry>, 'append'>;
  /** Who has a turn decides and appends; what comes to a lab that waits for its turn is decided together. */
  readonly turns: Pick<PacedSlots, 'run' | 'took'>;
  readonly claims: Pick<ClaimsBook, 'reserve' | 'settle'>;
  readonly logger: Logger;
  readonly now: () => number;
  /** Within which hosts have to answer orders; what the policy says when absent. */
  readonly answerWithinMs?: number | undefined;
  readonly facts: (lab: LabId) => Facts;
  /** Called once an entry of ours is acknowledged; must not throw. */
  readonly committed: (lab: LabActor, entry: LogEntry, evolution: Evolution) => void;
  /** Folds what the log holds beyond `base`, or all of it when that does not follow. */
  readonly reload: (base: Folded) => Promise<Folded>;
  /** Another supervisor wrote; this one is no owner any more. */
  readonly steppedDown: (lab: LabActor) => void;
};

/** An append of one server waits for the disk; a few at once keep it busy, and what waits meanwhile goes into larger entries. */
export const APPEND_PACE = { targetMs: 2, fewest: 2, most: 256 };

type Waiting = { fail(error: unknown): void };
type Input = Waiting & (
  | { readonly kind: 'command'; readonly command: Command; readonly commandId: CommandId; done(outcome: Outcome): void }
  | { readonly kind: 'reports'; readonly seen: readonly Heard[]; done(): void }
  | { readonly kind: 'takeover'; done(): void }
  | { readonly kind: 'event'; readonly event: LabEvent; done(): void });

type Made = { readonly entry: LogEntry; readonly evolution: Evolution };
type Followed = { readonly seq: number; readonly entry: LogEntry };

export class SteppedDownError extends Error {
  readonly code = 'stepped-down';
  readonly retryable = true;
}

export class LabActor {
  readonly id: LabId;
  readonly #parts: LabActorParts;
  readonly #inbox: Input[] = [];
  readonly #followed: Followed[] = [];
  readonly #waitingFor = new Set<{ seq: number; done(): void }>();
  #state: LabState;
  #seq: number;
  #tentative: LabState | null = null;
  #appending = '';
  #running = false;
  #owner = false;

  constructor(id: LabId, folded: Folded, parts: LabActorParts) {
    this.id = id;
    this.#state = folded.state;
    this.#seq = folded.seq;
    this.#parts = parts;
  }

  /** What the log holds, as far as it was read. */
  get state(): LabState {
    return this.#state;
  }

  /** Stream sequence of the last entry in `state`. */
  get seq(): number {
    return this.#seq;
  }

  /** What the log holds or is about to. */
  get latest(): LabState {
    return this.#tentative ?? this.#state;
  }

  get isOwner(): boolean {
    return this.#owner;
  }

  /** Owns a lab that nobody can own: one that does not exist (any more). */
  own(): void {
    this.#owner = true;
  }

  /** Owns the lab once the takeover is in the log, before whatever is asked from now on. @throws {SteppedDownError} somebody else wrote. */
  async takeOver(): Promise<void> {
    this.#owner = true;
    await new Promise<void>((done, fail) => this.#put({ kind: 'takeover', done, fail }));
  }

  /** Owns it no more: what waits fails with SteppedDownError, what is on its way to the log goes on. */
  release(): void {
    this.#owner = false;
    for (const input of this.#inbox.splice(0)) input.fail(notOwned(this.id));
  }

  /** Decides a command; a repeat of a command id has no second effect. @throws {SteppedDownError} another supervisor owns the lab. */
  command(command: Command, commandId: CommandId): Promise<Outcome> {
    return new Promise((done, fail) => this.#put({ kind: 'command', command, commandId, done, fail }));
  }

  /** Takes in reports of hosts; resolves once what they mean is in the log. @throws {SteppedDownError} as `command`. */
  report(seen: readonly Heard[]): Promise<void> {
    return new Promise((done, fail) => this.#put({ kind: 'reports', seen, done, fail }));
  }

  /** Records an event of the supervisor's own, such as a deadline that passed. @throws {SteppedDownError} as `command`. */
  record(event: LabEvent): Promise<void> {
    return new Promise((done, fail) => this.#put({ kind: 'event', event, done, fail }));
  }

  /** An entry as the log shows it; those that are known are left out. */
  follow(record: Followed): void {
    this.#followed.push(record);
    if (!this.#running) void this.#drain();
  }

  /** Whether an entry that the log shows need not be read. */
  knows(seq: number, entryId: string): boolean {
    return seq <= this.#seq || entryId === this.#appending;
  }

  /** Resolves when all up to a sequence is folded in. */
  async isAt(seq: number): Promise<void> {
    if (this.#seq < seq) await new Promise<void>((done) => this.#waitingFor.add({ seq, done }));
  }

  /** Resolves when nothing of ours is on its way to the log. */
  async isQuiet(): Promise<void> {
    while (this.#running) await new Promise((resolve) => setImmediate(resolve));
  }

  get #answerWithinMs(): number {
    return this.#parts.answerWithinMs ?? ANSWER_WITHIN_MS;
  }

  #put(input: Input): void {
    if (!this.#owner) {
      input.fail(notOwned(this.id));
      return;
    }
    this.#inbox.push(input);
    if (!this.#running) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#running = true;
    // One turn of the loop lets everything that arrived together be decided together.
    await Promise.resolve();
    while (this.#inbox.length + this.#followed.length > 0) {
      await this.#readOn().catch((error: unknown) => this.#parts.logger.error({ err: error, labId: this.id }, 'log of lab cannot be read'));
      if (this.#inbox.length > 0) await this.#parts.turns.run(async () => await this.#handleNext());
    }
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

  async #readOn(): Promise<void> {
    for (let next = this.#followed.shift(); next; next = this.#followed.shift()) {
      const { seq, entry } = next;
      if (seq <= this.#seq) continue;
      this.#move(entry.n === this.#state.n + 1 ? { state: evolve(this.#state, entry).state, seq } : await this.#parts.reload({ state: this.#state, seq: this.#seq }));
    }
  }

  /** Goes on to what somebody else wrote. */
  #move(folded: Folded): void {
    const wasOwner = this.#owner;
    this.#set(folded);
    if (!wasOwner) return;
    this.release();
    this.#parts.steppedDown(this);
  }

  #set({ state, seq }: Folded): void {
    this.#state = state;
    this.#seq = seq;
    for (const waiting of this.#waitingFor) {
      if (waiting.seq > seq) continue;
      this.#waitingFor.delete(waiting);
      waiting.done();
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
      case 'takeover':
        await this.#commit(() => this.#entryOf([{ type: 'TakenOver', term: this.#state.term + 1, supervisor: this.#parts.supervisor }]));
        first.done();
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
    const make = (): Made | null => {
      const before = this.#state.commands[commandId];
      if (before !== undefined) {
        outcome = { kind: 'accepted', n: before, changes: [], repeated: true };
        return null;
      }
      const existed = !['absent', 'destroyed'].includes(this.#state.lab.value);
      const decision = decide(command, this.#state, this.#parts.facts(this.id));
      if (decision.kind === 'rejected') {
        outcome = decision;
        this.#parts.logger.info({ labId: this.id, commandId, command: command.type, codes: decision.rejections.map(({ code }) => code) }, 'command was refused');
      }
      if (decision.kind === 'nothing') outcome = { kind: 'nothing', n: this.#state.n, existed };
      if (decision.kind === 'saving') {
        outcome = { kind: 'saving' };
        return decision.events.length === 0 ? null : this.#entryOf([...decision.events]);
      }
      if (decision.kind !== 'events') return null;
      const made = this.#entryOf([...decision.events], commandId);
      outcome = { kind: 'accepted', n: made.entry.n, changes: decision.changes, repeated: false, existed };
      return made;
    };
    const takes = command.type === 'lab.deploy' || command.type === 'lab.leave';
    if (takes) await this.#commitTaking(make);
    else await this.#commit(make);
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

  /** Takes what the decision needs of what all labs share, then appends: who dies in between leaves something taken, never something twice. */
  async #commitTaking(make: () => Made | null): Promise<void> {
    try {
      const made = await this.#parts.claims.reserve(this.#state, make);
      crashPoint('supervisor/after-claim');
      await this.#commit(() => made);
    } finally {
      this.#parts.claims.settle(this.id);
    }
  }

  /** Appends what `make` decides. @throws {SteppedDownError} somebody else wrote: then the lab is theirs until it is taken over. */
  async #commit(make: () => Made | null): Promise<void> {
    const made = make();
    if (!made) return;
    if (!this.#owner) throw notOwned(this.id);
    crashPhases(made.entry.events);
    crashPoint('supervisor/before-append');
    this.#tentative = made.evolution.state;
    const before = this.#state;
    try {
      this.#set({ state: made.evolution.state, seq: await this.#append(made.entry) });
    } catch (error) {
      if (error instanceof LogConflictError) await this.#giveWay(error);
      // Whether it was stored is unknown; the log tells.
      this.#appending = '';
      await this.#parts.reload({ state: this.#state, seq: this.#seq }).then((folded) => this.#set(folded), () => undefined);
      throw error;
    } finally {
      this.#tentative = null;
      this.#appending = '';
    }
    crashPoint('supervisor/after-append');
    this.#parts.committed(this, made.entry, made.evolution);
    if (mayHoldOther(before, made.evolution.state)) this.#parts.claims.settle(this.id);
  }

  /** An unknown outcome is resolved by the same entry with the same id, until the log answers. */
  async #append(entry: LogEntry): Promise<number> {
    const append = { labId: this.id, expectedSeq: this.#seq, entryId: `${entry.n}-${randomUUID()}`, entry };
    this.#appending = append.entryId;
    for (;;) {
      try {
        const began = performance.now();
        const seq = await this.#parts.log.append(append);
        this.#parts.turns.took(performance.now() - began);
        return seq;
      } catch (error) {
        if (!(error instanceof TransportError) || !error.retryable || !this.#owner) throw error;
        this.#parts.logger.warn({ labId: this.id, err: error, n: entry.n }, 'log does not answer, appending again');
      }
    }
  }

  async #giveWay(conflict: LogConflictError): Promise<never> {
    this.#move(await this.#parts.reload({ state: this.#state, seq: this.#seq }));
    throw new SteppedDownError(`lab ${this.id} was written to by another supervisor`, { cause: conflict });
  }
}

const notOwned = (lab: LabId): SteppedDownError => new SteppedDownError(`lab ${lab} is not owned by this supervisor: ask again`);
