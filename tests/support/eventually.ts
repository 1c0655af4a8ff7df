// Waits for a condition by polling it: the tests' only way to wait.
import { setTimeout as delay } from 'node:timers/promises';

export interface EventuallyOptions {
  /** 10,000 by default. */
  readonly timeoutMs?: number;
  /** Named when it does not come true. */
  readonly what?: string;
  /** 20 by default. */
  readonly everyMs?: number;
}

/**
 * Resolves with the first truthy value of `probe`; a probe that throws counts as "not yet".
 * @throws {Error} naming `what` and the last value or error, after `timeoutMs`.
 */
export async function eventually<T>(probe: () => T | Promise<T>, options: EventuallyOptions = {}): Promise<NonNullable<T>> {
  const timeoutMs = options.timeoutMs ?? 10_000;
  const giveUpAt = performance.now() + timeoutMs;
  for (;;) {
    let last: unknown;
    try {
      const value = await probe();
      if (value) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    if (performance.now() >= giveUpAt) {
      throw new Error(`not after ${timeoutMs} ms: ${options.what ?? 'condition'} (last: ${String(last)})`, { cause: last });
    }
    await delay(options.everyMs ?? 20);
  }
}
