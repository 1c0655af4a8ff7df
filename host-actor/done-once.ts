// Work that is asked for more than once under one id is done once: whoever asks again gets what the first one gets.

export type DoneOnce<T> = (id: string, work: () => Promise<T>) => Promise<T>;

type Done<T> = { readonly outcome: Promise<T>; settledAt: number | undefined };

/** What is done is remembered for a while, so much of it at most; what is under way always. */
export function makeDoneOnce<T>(options: { readonly now: () => number; readonly forgetAfterMs: number; readonly most: number }): DoneOnce<T> {
  const known = new Map<string, Done<T>>();
  const forget = (): void => {
    const settled = [...known].filter(([, { settledAt }]) => settledAt !== undefined);
    const tooMany = settled.length - options.most;
    for (const [index, [id, { settledAt = 0 }]] of settled.entries()) if (index < tooMany || options.now() - settledAt > options.forgetAfterMs) known.delete(id);
  };
  return async (id, work) => {
    forget();
    const before = known.get(id);
    if (before) return await before.outcome;
    const done: Done<T> = { outcome: work(), settledAt: undefined };
    known.set(id, done);
    try {
      return await done.outcome;
    } finally {
      done.settledAt = options.now();
    }
  };
}
