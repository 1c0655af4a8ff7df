// A bounded number of things at once; the others wait in order.

export interface Slots {
  /** Runs `work` when a slot is free. */
  run<T>(work: () => Promise<T>): Promise<T>;
  readonly inUse: number;
}

/** Makes `count` slots, given out first come first served. */
export function makeSlots(count: number): Slots {
  const waiting: (() => void)[] = [];
  let inUse = 0;
  const take = async (): Promise<void> => {
    if (inUse < count) {
      inUse += 1;
      return;
    }
    // A slot is handed over, not freed: nobody who comes later overtakes.
    await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const give = (): void => {
    const next = waiting.shift();
    if (next === undefined) inUse -= 1;
    else next();
  };
  return {
    async run(work) {
      await take();
      try {
        return await work();
      } finally {
        give();
      }
    },
    get inUse() {
      return inUse;
    },
  };
}
