// Watches over the loops of a process: each counts its successes; one that is overdue, or fails twice in a row, is an alarm.
import type { Logger } from 'pino';
import type { LoopReport } from '../machines/vocabulary/loop-report.ts';

/** One loop as those who run it see it. */
export type LoopRounds = {
  /** Runs one round and counts it; a failure is logged and goes no further. */
  run(round: () => void | Promise<void>): Promise<void>;
};

/** `always`: it shall succeed at least once in its time. `as-needed`: it runs when there is something to do, and each round ends in its time. */
export type LoopKind = 'always' | 'as-needed';

type Loop = {
  readonly name: string; readonly withinMs: number; readonly kind: LoopKind; readonly underWay: Set<{ readonly since: number }>;
  runs: number; failures: number; failing: number; lastSuccess: number; alarmed: boolean;
};

const LOOK_EVERY_MS = 1_000;

export class LoopHealth {
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #loops: Loop[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Logger, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  /** Begins to watch over a loop. */
  expect(name: string, withinMs: number, kind: LoopKind = 'always'): LoopRounds {
    const loop: Loop = { name, withinMs, kind, underWay: new Set(), runs: 0, failures: 0, failing: 0, lastSuccess: this.#now(), alarmed: false };
    this.#loops.push(loop);
    return { run: async (round) => await this.#run(loop, round) };
  }

  /** Raises alarms from now on, until `stop`; what was expected before counts from here. */
  start(): void {
    for (const loop of this.#loops) loop.lastSuccess = this.#now();
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  read(): LoopReport[] {
    return this.#loops.map((loop) => this.#reportOf(loop));
  }

  /** Raises the alarm of each loop that is late, once, and takes it back when it works again. */
  look(): void {
    for (const loop of this.#loops) this.#judge(loop);
  }

  #judge(loop: Loop): void {
    const { name, late, failing, ageMs } = this.#reportOf(loop);
    if (late && !loop.alarmed) this.#log.error({ loop: name, ageMs, failing }, 'loop is overdue, or fails again and again');
    if (!late && loop.alarmed) this.#log.info({ loop: name }, 'loop works again');
    loop.alarmed = late;
  }

  #reportOf({ name, kind, withinMs, underWay, runs, failures, failing, lastSuccess }: Loop): LoopReport {
    const [oldest] = underWay;
    const ageMs = this.#now() - (kind === 'always' ? lastSuccess : (oldest?.since ?? this.#now()));
    return { name, runs, failures, failing, ageMs, late: ageMs > 2 * withinMs || failing > 1 };
  }

  async #run(loop: Loop, round: () => void | Promise<void>): Promise<void> {
    const turn = { since: this.#now() };
    loop.underWay.add(turn);
    try {
      await round();
      loop.runs += 1;
      loop.failing = 0;
      loop.lastSuccess = this.#now();
    } catch (err) {
      loop.failures += 1;
      loop.failing += 1;
      this.#log.warn({ err, loop: loop.name }, 'round of a loop failed');
    }
    loop.underWay.delete(turn);
    this.#judge(loop);
  }
}
