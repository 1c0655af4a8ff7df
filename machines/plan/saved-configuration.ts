// Configuration that goes along with a node that is made anew as it is, most often elsewhere: whether it has to be saved first, and what of it was.
import type { CarriedSource } from '../vocabulary/carried-file.ts';
import type { LabEvent } from '../vocabulary/event.ts';
import type { NodeId } from '../vocabulary/ids.ts';
import { savingOf } from '../evolve/apply-save.ts';
import type { LabState, NodeRecord, NodeSave } from '../evolve/lab-state.ts';
import { SAVE_FRESH_MS } from '../policy/retry-policy.ts';

/** States in which there is nothing to read, or nobody who could. */
const UNREADABLE = new Set(['absent', 'preparing', 'removing', 'unknown']);

/** What has to happen before these nodes may be made anew; null = nothing. An empty list of events waits for what was asked before. */
export function saveFirst(state: LabState, kept: readonly NodeId[], now: number): readonly LabEvent[] | null {
  const unsaved = kept.filter((id) => {
    const record = state.nodes[id];
    return record !== undefined && isReadable(state, record) && !freshSave(record, now);
  });
  if (unsaved.length === 0) return null;
  const orders = Object.values(state.pending);
  const nodes = unsaved.filter((id) => !savingOf(orders, id));
  return nodes.length === 0 ? [] : [{ type: 'NodesSaveRequested', nodes }];
}

/** What the node begins with: what was saved of it last, and of what could not be saved what it came with. */
export function savedFor(record: NodeRecord): readonly CarriedSource[] {
  const { plan } = record.next ?? record;
  const save = record.save?.generation === plan.generation ? record.save : undefined;
  const files = save?.files ?? [];
  return [...files, ...(plan.saved ?? []).filter(({ source }) => !files.some((file) => file.source === source))];
}

/** What becomes of the node's configuration, to stand behind the reason. */
export function savedWords(state: LabState, record: NodeRecord, now: number): string {
  const save = freshSave(record, now);
  if (!save) return isReadable(state, record) ? '; its configuration is saved first, as far as its kind can' : '';
  if (save.problem === undefined) return ', with its configuration';
  const before = savedFor(record).length > 0;
  return before ? `, with its configuration as it was saved before: ${save.problem}` : `, without its configuration: ${save.problem}`;
}

const isReadable = (state: LabState, { spec, plan, next, machine }: NodeRecord): boolean =>
  spec.runtime === 'container' && next === null && state.lost[plan.host] === undefined && !UNREADABLE.has(machine.value);

function freshSave({ save, plan }: NodeRecord, now: number): NodeSave | undefined {
  return save?.generation === plan.generation && now - save.at < SAVE_FRESH_MS ? save : undefined;
}
