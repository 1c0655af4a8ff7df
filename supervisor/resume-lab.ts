// The folded state of labs from the log: from a snapshot where one fits, else from the first entry; effects are dropped.
import { evolve } from '../machines/evolve/evolve.ts';
import { initialLab } from '../machines/evolve/lab-state.ts';
import type { LabState } from '../machines/evolve/lab-state.ts';
import type { LogEntry } from '../machines/vocabulary/event.ts';
import type { LabId } from '../machines/vocabulary/ids.ts';
import type { EventLog } from '../nats/event-log.ts';

export type Folded = { readonly state: LabState; readonly seq: number };

/** Above so many labs with a tail, one pass over the stream is cheaper than a read per lab. */
const SINGLE_READS = 64;

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
export async function foldLabs(
  log: Pick<EventLog<LogEntry>, 'read' | 'readAll' | 'listLabs'>,
  snapshots: ReadonlyMap<LabId, Folded>,
  options: { unreadable: (lab: LabId, error: unknown) => void },
): Promise<Map<LabId, Folded>> {
  const counts = await log.listLabs();
  const labs = new Map([...counts].map(([lab, count]) => [lab, fitting(snapshots.get(lab), count) ?? { state: initialLab(lab), seq: 0 }]));
  const behind = [...labs].filter(([lab, folded]) => folded.state.n < (counts.get(lab) ?? 0));
  if (behind.length > SINGLE_READS && (await foldTogether(log, labs, behind))) return labs;
  for (const [lab, folded] of behind) {
    await foldLab(log, lab, folded).then((whole) => labs.set(lab, whole), (error: unknown) => {
      labs.delete(lab);
      options.unreadable(lab, error);
    });
  }
  return labs;
}

/** One pass over the stream; false when an entry in it cannot be read, so that each lab is to be tried by itself. */
async function foldTogether(log: Pick<EventLog<LogEntry>, 'readAll'>, labs: Map<LabId, Folded>, behind: readonly [LabId, Folded][]): Promise<boolean> {
  const from = Math.min(...behind.map(([, folded]) => folded.seq));
  try {
    for await (const record of log.readAll(from)) {
      const before = labs.get(record.labId) ?? { state: initialLab(record.labId), seq: 0 };
      if (record.seq > before.seq) labs.set(record.labId, fold(before, record));
    }
    return true;
  } catch {
    for (const [lab, folded] of behind) labs.set(lab, folded);
    return false;
  }
}

/** A snapshot that is ahead of its log belongs to a log that was pruned. */
const fitting = (snapshot: Folded | undefined, count: number): Folded | undefined => (snapshot && snapshot.state.n <= count ? snapshot : undefined);

function fold(before: Folded, record: { seq: number; entry: LogEntry }): Folded {
  return { state: evolve(before.state, record.entry).state, seq: record.seq };
}
