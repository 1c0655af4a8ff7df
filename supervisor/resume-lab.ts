// The folded state of labs from the log: from a snapshot where one fits, else from the first entry; effects are dropped.
import { evolve } from '../machines/evolve/evolve.ts';
import { initialLab } from '../machines/evolve/lab-state.ts';
import type { LabState } from '../machines/evolve/lab-state.ts';
import type { LogEntry } from '../machines/vocabulary/event.ts';
import type { LabId } from '../machines/vocabulary/ids.ts';
import type { EventLog } from '../nats/event-log.ts';

export type Folded = { readonly state: LabState; readonly seq: number };

/** Above so many labs with a long tail, one pass over the stream is cheaper than a read per lab. */
const SINGLE_READS = 64;
/** A tail of at most so many entries is asked for entry by entry, of so many labs at once. */
const FEW = 8;
const FEW_AT_ONCE = 64;
const LONG_AT_ONCE = 4;

type Log = Pick<EventLog<LogEntry>, 'read' | 'readFew' | 'readAll' | 'listLabs'>;
type Lag = { readonly lab: LabId; readonly base: Folded; readonly count: number };

/** Folds one lab from its whole log, or from `base` on. */
export async function foldLab(log: Pick<EventLog<LogEntry>, 'read'>, lab: LabId, base?: Folded): Promise<Folded> {
  let folded: Folded = base ?? { state: initialLab(lab), seq: 0 };
  for await (const record of log.read(lab, folded.seq + 1)) folded = fold(folded, record);
  return folded;
}

/**
 * Folds all labs of the log; only those are read whose log is longer than their snapshot. A snapshot without a log is dropped,
 * and a lab whose log cannot be read is told and left out: the others are served.
 */
export async function foldLabs(log: Log, snapshots: ReadonlyMap<LabId, Folded>, options: { unreadable: (lab: LabId, error: unknown) => void }): Promise<Map<LabId, Folded>> {
  const counts = await log.listLabs();
  const labs = new Map([...counts].map(([lab, count]) => [lab, fitting(snapshots.get(lab), count) ?? { state: initialLab(lab), seq: 0 }]));
  const behind = [...labs].map(([lab, base]): Lag => ({ lab, base, count: (counts.get(lab) ?? 0) - base.state.n })).filter(({ count }) => count > 0);
  const far = behind.filter(({ count }) => count > FEW);
  const catchUpAll = async (waiting: Lag[], atOnce: number): Promise<void> => {
    const next = async (): Promise<void> => {
      for (let lag = waiting.shift(); lag; lag = waiting.shift()) {
        const { lab } = lag;
        await catchUp(log, lag).then((whole) => labs.set(lab, whole), (error: unknown) => {
          labs.delete(lab);
          options.unreadable(lab, error);
        });
      }
    };
    await Promise.all(Array.from({ length: atOnce }, next));
  };
  await catchUpAll(behind.filter(({ count }) => count <= FEW), FEW_AT_ONCE);
  if (far.length <= SINGLE_READS || !(await foldTogether(log, labs, far))) await catchUpAll(far, LONG_AT_ONCE);
  return labs;
}

async function catchUp(log: Log, { lab, base, count }: Lag): Promise<Folded> {
  if (count > FEW) return await foldLab(log, lab, base);
  let folded = base;
  for await (const record of log.readFew(lab, base.seq + 1, count)) folded = fold(folded, record);
  return folded;
}

/** One pass over the stream; false when an entry in it cannot be read, so that each lab is to be tried by itself. */
async function foldTogether(log: Log, labs: Map<LabId, Folded>, far: readonly Lag[]): Promise<boolean> {
  const folding = new Map(far.map(({ lab, base }) => [lab, base]));
  const from = Math.min(...far.map(({ base }) => base.seq));
  try {
    for await (const record of log.readAll(from)) {
      const before = folding.get(record.labId);
      if (before && record.seq > before.seq) folding.set(record.labId, fold(before, record));
    }
  } catch {
    return false;
  }
  for (const [lab, folded] of folding) labs.set(lab, folded);
  return true;
}

/** A snapshot that is ahead of its log belongs to a log that was pruned. */
const fitting = (snapshot: Folded | undefined, count: number): Folded | undefined => (snapshot && snapshot.state.n <= count ? snapshot : undefined);

function fold(before: Folded, record: { seq: number; entry: LogEntry }): Folded {
  return { state: evolve(before.state, record.entry).state, seq: record.seq };
}
