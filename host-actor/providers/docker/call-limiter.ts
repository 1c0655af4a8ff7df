// Lets a bounded number of calls run at once; the rest wait in order and leave the line when they are cancelled.

/** Most engine calls at once; more gains nothing on two cores and costs memory in the engine. A loaded host makes fewer (engine-pace.ts). */
export const engineCallsAtOnce = 8;

interface Waiter {
  readonly admit: () => void;
}

export class CallLimiter {
  readonly #most: () => number;
  #running = 0;
  readonly #waiting: Waiter[] = [];

  /** @param most - asked anew whenever a place may be free; at least one */
  constructor(most: () => number) {
    this.#most = most;
  }

  /** Runs the task when a place is free. Rejects with the signal's reason if it is cancelled while it waits. */
  async run<T>(signal: AbortSignal | undefined, task: () => Promise<T>): Promise<T> {
    await this.#enter(signal);
    try {
      return await task();
    } finally {
      this.#leave();
    }
  }

  #enter(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#running < this.#most()) {
      this.#running += 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const leaveLine = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        admit: () => {
          signal?.removeEventListener('abort', leaveLine);
          resolve();
        },
      };
      this.#waiting.push(waiter);
      signal?.addEventListener('abort', leaveLine, { once: true });
    });
  }

  #leave(): void {
    this.#running -= 1;
    this.admitWaiting();
  }

  /** Lets in who waits while there is a place; to be called when `most` has grown. */
  admitWaiting(): void {
    while (this.#running < this.#most()) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#running += 1;
      next.admit();
    }
  }
}
