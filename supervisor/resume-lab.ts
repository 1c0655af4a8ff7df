// The folded state of labs from the log: from a snapshot where one fits, else from the first entry; effects are dropped.
import { evolve } from '../machines/evolve/evolve.ts';
import { initialLab } from '../machines/evolve/lab-state.ts';
import type { LabState } from '../machines/evolve/lab-state.ts';
import type { LogEntry } from '../machines/vocabulary/event.ts';
import type { LabId } from '../machines/vocabulary/ids.ts';
import type { EventLog } from '../nats/event-log.ts';

export type Folded = { readonly state: LabState; readonly seq: number };

/** Folds one lab from its whole log, or from `base` on. */
export async function foldLab(log: Pick<EventLog<LogEntry>, 'read'>, lab: LabId, base?: Folded): Promise<Folded> {
  let folded: Folded = base ?? { state: initialLab(lab), seq: 0 };
  for await (const record of log.read(lab, folded.seq + 1)) folded = fold(folded, record);
  return folded;
}

/** Folds all labs, each from its snapshot on; the tail of all is read in one pass over the stream. */
export async function foldLabs(log: Pick<EventLog<LogEntry>, 'readAll'>, snapshots: ReadonlyMap<LabId, Folded>, afterSeq: number): Promise<Map<LabId, Folded>> {
  const labs = new Map<LabId, Folded>(snapshots);
  for await (const record of log.readAll(afterSeq)) {
    const before = labs.get(record.labId) ?? { state: initialLab(record.labId), seq: 0 };
    if (record.seq > before.seq) labs.set(record.labId, fold(before, record));
  }
  return labs;
}

function fold(before: Folded, record: { seq: number; entry: LogEntry }): Folded {
  return { state: evolve(before.state, record.entry).state, seq: record.seq };
}
