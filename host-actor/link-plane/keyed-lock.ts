// Lets work on different wires overlap while work on the same wire waits its turn.

export type KeyedLock = {
  /** Runs the work once nothing else holds any of the keys; taking all keys at once is why two callers cannot wait for each other. */
  readonly hold: <T>(keys: readonly string[], work: () => Promise<T>) => Promise<T>;
};

export function createKeyedLock(): KeyedLock {
  const tails = new Map<string, Promise<unknown>>();
  return {
    hold: (keys, work) => {
      const before = Promise.allSettled(keys.flatMap((key) => tails.get(key) ?? []));
      const result = before.then(work);
      const tail = result.then(
        () => undefined,
        () => undefined,
      );
      for (const key of keys) tails.set(key, tail);
      void tail.then(() => {
        for (const key of keys) if (tails.get(key) === tail) tails.delete(key);
      });
      return result;
    },
  };
}
