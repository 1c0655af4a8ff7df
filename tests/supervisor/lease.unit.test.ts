// How long a lab may be without an owner when a supervisor stands still, for all moments at which it may and the others may look.
import { describe, expect, it } from 'vitest';
import { isOver, leaseTimes } from '../../supervisor/lease.ts';

const LEASES = [1_000, 3_000, 5_000, 60_000];
const PARTS = Array.from({ length: 20 }, (_, part) => part / 20);

/** When somebody who looks once in a beat, first at `phase`, finds that what was heard last at `heardAt` is too old. */
function foundAt(heardAt: number, phase: number, leaseMs: number): number {
  const times = leaseTimes(leaseMs);
  let at = phase;
  while (!isOver(heardAt, at, times)) at += times.beatMs;
  return at;
}

describe.each(LEASES)('a lease of %d ms', (leaseMs) => {
  const times = leaseTimes(leaseMs);

  it('S10: is not over before each lab of one that stands still has its next owner, with a beat to take it over', () => {
    // The last beat was said at 0; it stands still somewhere before it would have said the next one.
    const without = PARTS.flatMap((phase) => PARTS.map((still) => foundAt(0, phase * times.beatMs, leaseMs) - still * times.beatMs));
    expect(Math.max(...without)).toBeLessThanOrEqual(leaseMs - times.beatMs);
    expect(times.goneAfterMs).toBeGreaterThan(leaseMs / 2);
  });

  it('S19: has one that wakes know that it was replaced whenever anybody may have replaced it', () => {
    for (const phase of PARTS) for (const late of PARTS) {
      // Its beat comes to the others later than the turn began that said it, never sooner.
      const replacedAt = foundAt(late * times.beatMs, phase * times.beatMs, leaseMs);
      expect(isOver(0, replacedAt, times)).toBe(true);
    }
  });
});
