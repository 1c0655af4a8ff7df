// Watches over the loops of this process: each counts its successes, and one that had none for two periods is an alarm.
import type { Logger } from 'pino';

type Loop = { readonly periodMs: number; runs: number; failures: number; lastSuccess: number; alarmed: boolean };

export type LoopReport = { readonly name: string; readonly runs: number; readonly failures: number; readonly ageMs: number; readonly late: boolean };

export class LoopHealth {
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #loops = new Map<string, Loop>();

  constructor(log: Logger, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  /** Begins to watch over a loop that shall succeed at least once in `periodMs`. */
  expect(name: string, periodMs: number): void {
    this.#loops.set(name, { periodMs, runs: 0, failures: 0, lastSuccess: this.#now(), alarmed: false });
  }

  succeeded(name: string): void {
    const loop = this.#loops.get(name);
    if (loop === undefined) return;
    loop.runs += 1;
    loop.lastSuccess = this.#now();
    if (loop.alarmed) this.#log.info({ loop: name }, 'loop works again');
    loop.alarmed = false;
  }

  failed(name: string, err: unknown): void {
    const loop = this.#loops.get(name);
    if (loop !== undefined) loop.failures += 1;
    this.#log.warn({ err, loop: name }, 'round of a loop failed');
  }

  /** State of all loops; raises the alarm of those that are late, once. */
  read(): readonly LoopReport[] {
    return [...this.#loops].map(([name, loop]) => {
      const ageMs = this.#now() - loop.lastSuccess;
      const late = ageMs > 2 * loop.periodMs;
      if (late && !loop.alarmed) this.#log.error({ loop: name, ageMs }, 'loop had no success for two periods');
      loop.alarmed = late;
      return { name, runs: loop.runs, failures: loop.failures, ageMs, late };
    });
  }
}
