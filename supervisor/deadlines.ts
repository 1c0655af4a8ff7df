// Absolute deadlines of labs: one timer a lab, set to its earliest wait; a restart sets them anew from the folded state.
import type { LabId } from '../machines/vocabulary/ids.ts';

// Timers take at most 31 bits of milliseconds; a later deadline is looked at again then.
const LONGEST_MS = 2 ** 31 - 1;

export type Deadlines = {
  /** Tells the present waits of a lab; replaces what was told before. */
  watch(lab: LabId, deadlines: Readonly<Record<string, number>>): void;
  stop(): void;
};

export function createDeadlines(parts: { now: () => number; passed: (lab: LabId, name: string) => void }): Deadlines {
  const timers = new Map<LabId, NodeJS.Timeout>();
  const clear = (lab: LabId) => {
    clearTimeout(timers.get(lab));
    timers.delete(lab);
  };
  const watch: Deadlines['watch'] = (lab, deadlines) => {
    clear(lab);
    const [first] = Object.entries(deadlines).toSorted((a, b) => a[1] - b[1]);
    if (!first) return;
    const [name, at] = first;
    const wait = Math.min(LONGEST_MS, Math.max(0, at - parts.now()));
    timers.set(lab, setTimeout(() => (parts.now() >= at ? parts.passed(lab, name) : watch(lab, deadlines)), wait));
  };
  return { watch, stop: () => [...timers.keys()].forEach(clear) };
}
