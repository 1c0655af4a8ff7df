// What a host must not forget, folded from the records of its ledger: last orders, open orders, answers, repairs, unsent reports.
import { z } from 'zod';
import { Order } from '../machines/vocabulary/effect.ts';
import { EffectId, EpochMs, LabId, NodeId } from '../machines/vocabulary/ids.ts';
import type { Observation } from '../machines/vocabulary/observation.ts';
import { ExecResult, Report } from '../machines/vocabulary/observation.ts';
import { compareEffectIds, isLasting, objectKey, objectOf } from './order-object.ts';

const ref = { lab: LabId, kind: z.enum(['network', 'node', 'link']), object: z.string() };

/** Why an object is left alone although it differs from its last order, until a new order comes. */
export const RestReason = z.enum(['leave', 'gave-up', 'failed', 'none']);
export type RestReason = z.infer<typeof RestReason>;

/** One line of the ledger. Each states a fact in whole, so that reading one twice does no harm. */
export const LedgerRecord = z.discriminatedUnion('r', [
  z.object({ r: z.literal('orders'), orders: z.array(Order) }),
  /** One message to the supervisor; stands here from before it is sent until it was acknowledged. */
  z.object({ r: z.literal('report'), id: z.string(), reports: z.array(Report) }),
  z.object({ r: z.literal('sent'), id: z.string() }),
  /** An answer that was sent; only in a compacted ledger. */
  z.object({ r: z.literal('answer'), lab: LabId, id: EffectId, report: Report }),
  z.object({ r: z.literal('repairs'), ...ref, times: z.array(z.number()) }),
  z.object({ r: z.literal('rest'), ...ref, order: EffectId, why: RestReason }),
  z.object({ r: z.literal('exec'), lab: LabId, id: EffectId, index: z.number(), result: ExecResult }),
  /** The engine knows the command under this id; whether it ran is asked there. */
  z.object({ r: z.literal('exec-begun'), lab: LabId, id: EffectId, index: z.number(), execId: z.string() }),
  /** What is left of a lab that is gone: enough to know its old orders. */
  z.object({ r: z.literal('lab'), lab: LabId, term: z.number(), newest: EffectId, goneAt: EffectId.optional() }),
  /** The last start of a node that was told; only in a compacted ledger. */
  z.object({ r: z.literal('started'), lab: LabId, node: NodeId, runtimeId: z.string().optional(), startedAt: EpochMs }),
  z.object({ r: z.literal('engine-seen'), nanos: z.string() }),
  z.object({ r: z.literal('boot'), id: z.string() }),
  /** How many processes of ours found the order open at their start: each before it ended with it unanswered. */
  z.object({ r: z.literal('taken-up'), id: EffectId, times: z.number().int() }),
  /** Labs of which the host had something when this ledger began: what it wanted of them may have been lost with an earlier one. */
  z.object({ r: z.literal('found'), labs: z.array(LabId) }),
]);
export type LedgerRecord = z.infer<typeof LedgerRecord>;

/** `goneAt`: newest order when the lab was last gone; orders up to it count no more. */
export type LabMemory = { readonly term: number; readonly newest: EffectId; readonly goneAt?: EffectId };
export type Rest = { readonly order: EffectId; readonly why: RestReason };
export type ToldStart = { readonly lab: LabId; readonly node: NodeId; readonly runtimeId?: string | undefined; readonly startedAt: EpochMs };
export type OutMessage = { readonly id: string; readonly reports: readonly Report[] };

/** Belongs to one writer, which changes it in place: a copy for each of 100,000 records would cost minutes. */
export type LedgerState = {
  readonly labs: Map<LabId, LabMemory>;
  /** Last order of each object. */
  readonly orders: Map<string, Order>;
  /** Accepted and not yet answered, in the order they came. */
  readonly open: Map<EffectId, Order>;
  /** How often an open order was taken up by a later process. */
  readonly takenUp: Map<EffectId, number>;
  /** Answers that were written down, in the order they were given. */
  readonly answers: Map<EffectId, { readonly lab: LabId; readonly observation: Observation }>;
  readonly repairs: Map<string, readonly number[]>;
  readonly rests: Map<string, Rest>;
  /** Last start of each node that was told. */
  readonly started: Map<string, ToldStart>;
  readonly execs: Map<EffectId, Map<number, ExecResult>>;
  /** The command of an open exec order that was begun last. */
  readonly begunExecs: Map<EffectId, { readonly index: number; readonly execId: string }>;
  readonly unsent: Map<string, OutMessage>;
  engineSeen: string | undefined;
  bootId: string | undefined;
  found: ReadonlySet<LabId> | undefined;
};

/** Answers of one-shot orders that are kept for a repeat. */
const KEPT_ANSWERS = 4000;

export function emptyLedger(): LedgerState {
  return {
    labs: new Map(), orders: new Map(), open: new Map(), takenUp: new Map(), answers: new Map(), repairs: new Map(), rests: new Map(),
    started: new Map(), execs: new Map(), begunExecs: new Map(), unsent: new Map(), engineSeen: undefined, bootId: undefined, found: undefined,
  };
}

/** Folds one record into the state, which it changes. */
export function foldRecord(state: LedgerState, record: LedgerRecord): void {
  switch (record.r) {
    case 'orders':
      for (const order of record.orders) foldOrder(state, order);
      return;
    case 'report':
      state.unsent.set(record.id, { id: record.id, reports: record.reports });
      for (const report of record.reports) for (const observation of report.observations) foldAnswer(state, report.lab, observation);
      return;
    case 'sent':
      state.unsent.delete(record.id);
      return;
    case 'answer':
      for (const observation of record.report.observations) foldAnswer(state, record.lab, observation);
      return;
    case 'repairs':
      state.repairs.set(objectKey({ lab: record.lab, kind: record.kind, id: record.object }), record.times);
      return;
    case 'rest':
      state.rests.set(objectKey({ lab: record.lab, kind: record.kind, id: record.object }), { order: record.order, why: record.why });
      return;
    case 'exec': {
      const results = state.execs.get(record.id) ?? new Map<number, ExecResult>();
      state.execs.set(record.id, results.set(record.index, record.result));
      return;
    }
    case 'exec-begun':
      state.begunExecs.set(record.id, { index: record.index, execId: record.execId });
      return;
    case 'lab':
      state.labs.set(record.lab, { term: record.term, newest: record.newest, ...(record.goneAt === undefined ? {} : { goneAt: record.goneAt }) });
      return;
    case 'started':
      foldStart(state, record);
      return;
    case 'engine-seen':
      state.engineSeen = record.nanos;
      return;
    case 'boot':
      state.bootId = record.id;
      return;
    case 'taken-up':
      if (state.open.has(record.id)) state.takenUp.set(record.id, record.times);
      return;
    case 'found':
      state.found = new Set(record.labs);
  }
}

function foldOrder(state: LedgerState, order: Order): void {
  const memory = state.labs.get(order.lab);
  const newest = memory === undefined || compareEffectIds(order.id, memory.newest) > 0 ? order.id : memory.newest;
  state.labs.set(order.lab, { ...memory, term: Math.max(order.term, memory?.term ?? order.term), newest });
  if (!state.answers.has(order.id)) state.open.set(order.id, order);
  if (!isLasting(order)) return;
  const key = objectKey(objectOf(order));
  const held = state.orders.get(key);
  if (held !== undefined && compareEffectIds(order.id, held.id) < 0) return;
  state.orders.set(key, order);
  if (held?.id === order.id) return;
  // A new order is a new mandate: what was spent or given up under the old one counts no more.
  state.repairs.delete(key);
  state.rests.delete(key);
}

function foldStart(state: LedgerState, { lab, node, runtimeId, startedAt }: ToldStart): void {
  state.started.set(objectKey({ lab, kind: 'node', id: node }), { lab, node, runtimeId, startedAt });
}

function foldAnswer(state: LedgerState, lab: LabId, observation: Observation): void {
  if (observation.type === 'node.started') foldStart(state, { lab, ...observation });
  if (observation.type === 'node.removed') state.started.delete(objectKey({ lab, kind: 'node', id: observation.node }));
  // From here on all that is of the lab was ordered under this ledger.
  if (observation.type === 'network.removed' && state.found?.has(lab)) state.found = new Set([...state.found].filter((one) => one !== lab));
  const id = observation.effectId;
  if (id === undefined) return;
  state.open.delete(id);
  state.takenUp.delete(id);
  state.execs.delete(id);
  state.begunExecs.delete(id);
  state.answers.delete(id);
  state.answers.set(id, { lab, observation });
  if (state.answers.size > 2 * KEPT_ANSWERS + state.orders.size) dropOldAnswers(state);
}

function dropOldAnswers(state: LedgerState): void {
  const held = new Set([...state.orders.values()].map((order) => order.id));
  let surplus = state.answers.size - held.size - KEPT_ANSWERS;
  for (const id of state.answers.keys()) {
    if (surplus <= 0) return;
    if (held.has(id)) continue;
    state.answers.delete(id);
    surplus -= 1;
  }
}
