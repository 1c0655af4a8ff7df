// How a repair budget is spent over time.
import { describe, expect, it } from 'vitest';
import { backoffAfter, judgeRepair } from '../../../host-actor/repair-budget.ts';
import { LINK_BUDGET, MGMT_WIRE_BUDGET } from '../../../machines/policy/retry-policy.ts';

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

describe.each([['a link', LINK_BUDGET], ['a management interface', MGMT_WIRE_BUDGET]] as const)('the budget of %s', (_what, budgetOf) => {
  /** Somebody breaks it again as soon as it is mended; the moments of all repairs, and of the end. */
  const fight = (start: number) => {
    const repairs: number[] = [];
    let [now, history]: [number, readonly number[]] = [start, []];
    for (;;) {
      const verdict = judgeRepair(now, history, budgetOf);
      if (verdict.kind === 'spent') return { repairs, endsAt: now };
      if (verdict.kind === 'wait') now = verdict.until;
      else [history] = [verdict.history, repairs.push(now)];
    }
  };

  it('S09: mends two faults at once, waits longer from the third on, and is spent within its window', () => {
    const { repairs, endsAt } = fight(1_000_000);
    expect(repairs.map((at, n) => at - (repairs[n - 1] ?? at))).toEqual([0, 0, 100, 200, 400, 800, 1_600, ...Array.from({ length: 13 }, () => 2_000)]);
    expect(endsAt - 1_000_000).toBeLessThan(budgetOf.windowMs);
  });

  it('S09: mends at once again when the faults come seldom', () => {
    const history = [0, 3_000, 6_000, 9_000, 12_000];
    expect(judgeRepair(14_001, history, budgetOf)).toMatchObject({ kind: 'act' });
  });
});
