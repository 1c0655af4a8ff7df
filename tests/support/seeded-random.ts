// Chance that can be repeated: the same numbers for the same seed.

/** Numbers from 0 up to 1. Source: mulberry32. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = Math.trunc(state + 0x6d2b79f5);
    const mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    const more = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((more ^ (more >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of them by a number from 0 up to 1. @throws Error when there is none. */
export function pick<T>(among: readonly T[], chance: number): T {
  const found = among[Math.floor(chance * among.length)];
  if (found === undefined) throw new Error('there is nothing to choose from');
  return found;
}
