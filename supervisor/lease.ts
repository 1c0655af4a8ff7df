// The times of a lease: so much silence of a member that no lab is ever without an owner for longer than the lease.

export type LeaseTimes = {
  /** Between two beats, and between two looks at who has fallen silent. */
  readonly beatMs: number;
  /** Silence after which a member counts as gone, to the others and, when it wakes, to itself. */
  readonly goneAfterMs: number;
};

/** Beats in one lease, and those of them that may be missing. The rest is for the look that comes a beat later, and for taking over. */
const BEATS = 10;
const MISSING = 8;

export const leaseTimes = (leaseMs: number): LeaseTimes => ({ beatMs: leaseMs / BEATS, goneAfterMs: (leaseMs * MISSING) / BEATS });

/** Whether so much silence is too much; `since` is when a beat was heard, or for oneself the beginning of the turn that said the last one. */
export const isOver = (since: number, now: number, { goneAfterMs }: LeaseTimes): boolean => now - since > goneAfterMs;
