// How a repair budget is spent over time.
import { describe, expect, it } from 'vitest';
import { backoffAfter, judgeRepair } from '../../../host-actor/repair-budget.ts';

const budget = { count: 3, windowMs: 30_000, backoffMs: 100, backoffMaxMs: 1_000 };

describe('repair budget', () => {
  it('lets the first repair act at once', () => {
    expect(judgeRepair(1_000, [], budget)).toEqual({ kind: 'act', history: [1_000] });
  });

  it('S09: waits twice as long after each repair, up to the maximum', () => {
    expect([1, 2, 3, 4, 5, 50].map((repairs) => backoffAfter(repairs, budget))).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect(judgeRepair(1_050, [1_000], budget)).toEqual({ kind: 'wait', until: 1_100 });
    expect(judgeRepair(1_100, [1_000], budget)).toEqual({ kind: 'act', history: [1_000, 1_100] });
  });

  it('is spent when the window holds as many repairs as it may', () => {
    expect(judgeRepair(5_000, [1_000, 2_000, 3_000], budget)).toEqual({ kind: 'spent', count: 3 });
  });

  it('S09: forgets what lies behind the window, also long after', () => {
    expect(judgeRepair(31_001, [1_000, 2_000, 3_000], budget)).toEqual({ kind: 'act', history: [2_000, 3_000, 31_001] });
    expect(judgeRepair(600_000, [1_000, 2_000, 3_000], budget)).toEqual({ kind: 'act', history: [600_000] });
  });

  it('does not wait for a clock that was set back', () => {
    expect(judgeRepair(1_000, [9_000_000], budget)).toEqual({ kind: 'act', history: [1_000] });
  });

  it('never acts with a count of nothing', () => {
    expect(judgeRepair(1_000, [], { ...budget, count: 0 })).toEqual({ kind: 'spent', count: 0 });
  });
});
