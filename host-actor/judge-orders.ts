// Which of the orders in a message are new to this host. Pure.
import type { Order } from '../machines/vocabulary/effect.ts';
import { compareEffectIds, isLasting, objectKey, objectOf } from './order-object.ts';
import type { LedgerState } from './order-ledger.ts';

export type Dropped = { readonly order: Order; readonly why: 'older-term' | 'older-than-held' | 'in-progress' | 'lab-gone' };
export type Judgement = {
  readonly accepted: readonly Order[];
  /** Answered before: the same answer is to be given again. */
  readonly answered: readonly Order[];
  readonly dropped: readonly Dropped[];
};

/** Judges orders one after another, as if each accepted one were already in the ledger. */
export function judgeOrders(state: LedgerState, orders: readonly Order[]): Judgement {
  const accepted: Order[] = [];
  const answered: Order[] = [];
  const dropped: Dropped[] = [];
  const terms = new Map<string, number>();
  const newest = new Map<string, Order>();
  const taken = new Set<string>();
  for (const order of orders) {
    const term = terms.get(order.lab) ?? state.labs.get(order.lab)?.term ?? order.term;
    const key = objectKey(objectOf(order));
    const held = newest.get(key) ?? state.orders.get(key);
    if (order.term < term) dropped.push({ order, why: 'older-term' });
    else if (state.answers.has(order.id)) answered.push(order);
    else if (state.open.has(order.id) || taken.has(order.id)) dropped.push({ order, why: 'in-progress' });
    else if (isLasting(order) && held !== undefined && compareEffectIds(order.id, held.id) <= 0) dropped.push({ order, why: 'older-than-held' });
    else if (isOfGoneLab(state, order)) dropped.push({ order, why: 'lab-gone' });
    else {
      accepted.push(order);
      taken.add(order.id);
      if (isLasting(order)) newest.set(key, order);
    }
    terms.set(order.lab, Math.max(term, order.term));
  }
  return { accepted, answered, dropped };
}

/** Of a lab whose orders were forgotten, only what is newer than all of them counts. */
function isOfGoneLab(state: LedgerState, order: Order): boolean {
  const goneAt = state.labs.get(order.lab)?.goneAt;
  return goneAt !== undefined && compareEffectIds(order.id, goneAt) <= 0;
}
