// A bounded number of things at once, fixed or as many as do not slow each other down; the others wait in order.

export interface Slots {
  /** Runs `work` when a slot is free. */
  run<T>(work: () => Promise<T>): Promise<T>;
  readonly inUse: number;
}

/** Makes `count` slots, given out first come first served. */
export function makeSlots(count: number): Slots {
  return slotsOf(() => count);
}

export interface Pace {
  /** What is slower than this, and slower than twice the fastest ever, has too many beside it. Milliseconds. */
  readonly targetMs: number;
  readonly fewest: number;
  readonly most: number;
}

export interface PacedSlots extends Slots {
  /** Told by whoever has a slot how long the server took. Milliseconds. */
  took(ms: number): void;
  readonly limit: number;
}

/**
 * Makes slots whose number finds itself: one more while all are taken and the server is quick, a tenth fewer when it is slow. A
 * server that does one thing after another makes each one later when it is asked for more at once, and none sooner.
 */
export function makePacedSlots(pace: Pace): PacedSlots {
  let limit = pace.fewest;
  let fastest = Number.POSITIVE_INFINITY;
  let untilNextCut = 0;
  const slots = slotsOf(() => Math.floor(limit));
  return {
    run: async (work) => await slots.run(work),
    took(ms) {
      fastest = Math.min(fastest, ms);
      untilNextCut -= 1;
      if (ms <= Math.max(pace.targetMs, 2 * fastest)) {
        if (slots.inUse >= Math.floor(limit)) limit = Math.min(pace.most, limit + 1 / limit);
      } else if (untilNextCut <= 0) {
        limit = Math.max(pace.fewest, limit * 0.9);
        // Those that are under way were begun before the cut and say nothing about it.
        untilNextCut = slots.inUse;
      }
    },
    get inUse() {
      return slots.inUse;
    },
    get limit() {
      return Math.floor(limit);
    },
  };
}

function slotsOf(count: () => number): Slots {
  const waiting: (() => void)[] = [];
  let inUse = 0;
  const take = async (): Promise<void> => {
    if (inUse < count()) {
      inUse += 1;
      return;
    }
    // A slot is handed over, not freed: nobody who comes later overtakes.
    await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const give = (): void => {
    inUse -= 1;
    while (inUse < count()) {
      const next = waiting.shift();
      if (next === undefined) return;
      inUse += 1;
      next();
    }
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
