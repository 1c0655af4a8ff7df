// The fewest records that fold to the same state; what is left of destroyed labs shrinks to one line. Pure.
import type { Order } from '../machines/vocabulary/effect.ts';
import type { EffectId, HostId, LabId } from '../machines/vocabulary/ids.ts';
import type { ObjectKind } from './order-object.ts';
import { compareEffectIds, objectKey, objectOf } from './order-object.ts';
import type { LedgerRecord, LedgerState } from './order-ledger.ts';

const ORDERS_A_LINE = 200;

/** Renders the state as records. */
export function compactLedger(state: LedgerState, host: HostId): readonly LedgerRecord[] {
  const gone = new Set([...state.labs.keys()].filter((lab) => isGone(state, lab)));
  const records: LedgerRecord[] = [];
  if (state.bootId !== undefined) records.push({ r: 'boot', id: state.bootId });
  if (state.engineSeen !== undefined) records.push({ r: 'engine-seen', nanos: state.engineSeen });
  if (state.found !== undefined) records.push({ r: 'found', labs: [...state.found].filter((lab) => !gone.has(lab)) });
  for (const [lab, memory] of state.labs) records.push({ r: 'lab', lab, ...memory, ...(gone.has(lab) ? { goneAt: memory.newest } : {}) });
  const orders = keptOrders(state, gone);
  for (let i = 0; i < orders.length; i += ORDERS_A_LINE) records.push({ r: 'orders', orders: orders.slice(i, i + ORDERS_A_LINE) });
  for (const [id, times] of state.takenUp) records.push({ r: 'taken-up', id, times });
  for (const [id, { lab, observation }] of state.answers) {
    if (!gone.has(lab)) records.push({ r: 'answer', lab, id, report: { v: 1, id: `kept/${id}`, host, lab, observations: [observation] } });
  }
  for (const told of state.started.values()) if (!gone.has(told.lab)) records.push({ r: 'started', ...told });
  records.push(...keptMarks(state, gone));
  for (const message of state.unsent.values()) records.push({ r: 'report', id: message.id, reports: [...message.reports] });
  return records;
}

/** Last orders, and open ones (an exec is never a last order), oldest of each lab first. */
function keptOrders(state: LedgerState, gone: ReadonlySet<LabId>): Order[] {
  const kept = new Map<EffectId, Order>();
  for (const order of state.orders.values()) if (!gone.has(order.lab)) kept.set(order.id, order);
  for (const order of state.open.values()) kept.set(order.id, order);
  return [...kept.values()].toSorted((a, b) => (a.lab === b.lab ? compareEffectIds(a.id, b.id) : a.lab < b.lab ? -1 : 1));
}

function keptMarks(state: LedgerState, gone: ReadonlySet<LabId>): LedgerRecord[] {
  const records: LedgerRecord[] = [];
  for (const order of state.orders.values()) {
    const object = objectOf(order);
    const key = objectKey(object);
    if (gone.has(order.lab)) continue;
    const about: { lab: LabId; kind: ObjectKind; object: string } = { lab: object.lab, kind: object.kind, object: object.id };
    const times = state.repairs.get(key);
    if (times !== undefined && times.length > 0) records.push({ r: 'repairs', ...about, times: [...times] });
    const rest = state.rests.get(key);
    if (rest !== undefined) records.push({ r: 'rest', ...about, ...rest });
  }
  for (const [id, results] of state.execs) {
    const order = state.open.get(id);
    if (order !== undefined) for (const [index, result] of results) records.push({ r: 'exec', lab: order.lab, id, index, result });
  }
  for (const [id, begun] of state.begunExecs) {
    const order = state.open.get(id);
    if (order !== undefined) records.push({ r: 'exec-begun', lab: order.lab, id, ...begun });
  }
  return records;
}

/** A lab is gone when its network was removed, the answer was given, and nothing else of it is wanted or open. */
export function isGone(state: LedgerState, lab: LabId): boolean {
  const network = state.orders.get(objectKey({ lab, kind: 'network', id: '' }));
  if (network !== undefined && (network.type !== 'network.remove' || !state.answers.has(network.id))) return false;
  for (const order of state.open.values()) if (order.lab === lab) return false;
  for (const order of state.orders.values()) {
    if (order.lab === lab && order.type !== 'network.remove' && order.type !== 'node.remove' && order.type !== 'link.remove') return false;
  }
  return true;
}
