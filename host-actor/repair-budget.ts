// How a repair budget is spent: now, later or never again. Pure; times are epoch milliseconds.
import type { RepairBudget } from '../machines/vocabulary/effect.ts';

export type BudgetVerdict =
  /** Repair now, and keep `history` (with this repair in it). */
  | { readonly kind: 'act'; readonly history: readonly number[] }
  /** Ask again at `until`. */
  | { readonly kind: 'wait'; readonly until: number }
  /** The window is full: stop, report, wait for a new order. */
  | { readonly kind: 'spent'; readonly count: number };

/**
 * Judges one more repair. The first of a window (`atOnce` of them) are free of delay; then each waits twice as long as the one
 * before, from backoffMs to backoffMaxMs, counted from the last repair. Repairs older than the window are forgotten.
 */
export function judgeRepair(now: number, history: readonly number[], budget: RepairBudget): BudgetVerdict {
  const recent = history.filter((at) => at > now - budget.windowMs && at <= now);
  if (recent.length >= budget.count) return { kind: 'spent', count: recent.length };
  const last = recent.at(-1);
  if (last !== undefined) {
    const until = last + backoffAfter(recent.length, budget);
    if (until > now) return { kind: 'wait', until };
  }
  return { kind: 'act', history: [...recent, now] };
}

/** Milliseconds between the nth repair of a window and the next one. */
export function backoffAfter(repairs: number, budget: RepairBudget): number {
  const waited = repairs - (budget.atOnce ?? 1);
  if (waited < 0) return 0;
  return Math.min(budget.backoffMaxMs, budget.backoffMs * 2 ** Math.min(waited, 30));
}

/** Why a repair is not made at once, for reports. */
export const waitWords = (waitMs: number): string => `it breaks often, so its repair waits ${Math.max(0, Math.round(waitMs))} ms`;
