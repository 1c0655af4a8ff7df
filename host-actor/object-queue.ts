// Runs tasks one after another for each key, and tasks of different keys at once.

export class ObjectQueue {
  readonly #tails = new Map<string, Promise<void>>();
  #running = 0;

  /** Keys that have work. */
  get size(): number {
    return this.#tails.size;
  }

  get running(): number {
    return this.#running;
  }

  /** Whether work of this key runs or waits. */
  isBusy(key: string): boolean {
    return this.#tails.has(key);
  }

  /** Runs `task` after all earlier tasks of the same key; its outcome is the caller's, a failure does not stop the next task. */
  run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const outcome = before.then(async () => {
      this.#running += 1;
      try {
        return await task();
      } finally {
        this.#running -= 1;
      }
    });
    const tail = outcome.then(nothing, nothing).then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    this.#tails.set(key, tail);
    return outcome;
  }

  /** Resolves when what waits now for this key is done. */
  async settled(key: string): Promise<void> {
    await this.#tails.get(key);
  }

  /** Resolves when what waits now for keys that begin so is done. */
  async settledUnder(prefix: string): Promise<void> {
    await Promise.all([...this.#tails].flatMap(([key, tail]) => (key.startsWith(prefix) ? [tail] : [])));
  }

  /** Resolves when no key has work. */
  async idle(): Promise<void> {
    while (this.#tails.size > 0) await Promise.all(this.#tails.values());
  }
}

function nothing(): void {}
