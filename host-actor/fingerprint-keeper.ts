// What this host can do, read now and then in the background: its digest goes out with each sign of life, so that others know when to ask.
import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { Probe } from './fingerprint/probe.ts';

export type Reading = { readonly probes: readonly Probe[]; readonly readAt: number };

export type FingerprintParts = {
  readonly read: (how: { background: boolean }) => Promise<readonly Probe[]>;
  readonly log: Logger;
  readonly now: () => number;
  /** Long enough after the start that nobody waits for the host just then. */
  readonly firstAfterMs: number;
  /** Resolves when no order is under way, or never will be: some probes cost seconds of a processor. Never rejects. */
  readonly whenCalm: () => Promise<void>;
  readonly everyMs?: number;
};

const EVERY_MS = 3_600_000;

export class FingerprintKeeper {
  readonly #parts: FingerprintParts;
  #timer: NodeJS.Timeout | undefined;
  #last: Reading | undefined;
  #stopped = false;

  constructor(parts: FingerprintParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#schedule(this.#parts.firstAfterMs);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** The last reading, or a new one when it is asked for or there is none. */
  async read({ fresh = true }: { fresh?: boolean } = {}): Promise<Reading> {
    return fresh || this.#last === undefined ? await this.#read({ background: false }) : this.#last;
  }

  /** Of which probes are well and which are not: what they found besides, such as free memory, changes all the time. Undefined before the first reading. */
  digest(): string | undefined {
    return this.#last && createHash('sha256').update(JSON.stringify(this.#last.probes.map(({ id, status }) => [id, status]))).digest('hex').slice(0, 16);
  }

  async #read(how: { background: boolean }): Promise<Reading> {
    this.#last = { probes: await this.#parts.read(how), readAt: this.#parts.now() };
    return this.#last;
  }

  #schedule(ms: number): void {
    this.#timer = setTimeout(() => {
      void this.#readWhenCalm();
    }, ms).unref();
  }

  async #readWhenCalm(): Promise<void> {
    await this.#parts.whenCalm();
    if (this.#stopped) return;
    await this.#read({ background: true }).catch((err: unknown) => this.#parts.log.warn({ err }, 'what this host can do could not be read'));
    if (!this.#stopped) this.#schedule(this.#parts.everyMs ?? EVERY_MS);
  }
}
