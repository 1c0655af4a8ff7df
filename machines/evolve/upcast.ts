// Old shapes of log entries -> the present one, step by step, before they are checked and folded.
import { z } from 'zod';
import { LogEntry } from '../vocabulary/event.ts';

/** The shape that this code writes. */
export const ENTRY_VERSION = 1;

/** From version `v` to `v + 1`; a recorded log of each old version stands in the tests. */
export type Upcasters = Readonly<Record<number, (entry: Record<string, unknown>) => Record<string, unknown>>>;

const UPCASTERS: Upcasters = {};

/** Brings an entry of an older version up to `to`; what is newer, or no entry at all, is left for the schema to refuse. */
export function upcast(entry: unknown, options: { upcasters?: Upcasters; to?: number } = {}): unknown {
  const { upcasters = UPCASTERS, to = ENTRY_VERSION } = options;
  if (typeof entry !== 'object' || entry === null || !('v' in entry)) return entry;
  let present: Record<string, unknown> = { ...entry };
  while (typeof present['v'] === 'number' && present['v'] < to) {
    const version = present['v'];
    const step = upcasters[version];
    if (!step) return present;
    present = { ...step(present), v: version + 1 };
  }
  return present;
}

/** The schema by which the log is read: old entries come out in the present shape. */
export const RecordedEntry: z.ZodType<LogEntry> = z.preprocess((entry) => upcast(entry), LogEntry);
