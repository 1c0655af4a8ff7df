// Which object an order is about, and which of two orders is newer.
import type { Order } from '../machines/vocabulary/effect.ts';
import type { EffectId, LabId } from '../machines/vocabulary/ids.ts';

export type ObjectKind = 'network' | 'node' | 'link';

/** One thing that a host keeps as ordered; `id` is empty for the network of a lab. */
export type ObjectRef = { readonly lab: LabId; readonly kind: ObjectKind; readonly id: string };

/** The object that an order is about. */
export function objectOf(order: Order): ObjectRef {
  switch (order.type) {
    case 'network.ensure':
    case 'network.remove':
      return { lab: order.lab, kind: 'network', id: '' };
    case 'node.prepare':
    case 'node.start':
    case 'node.stop':
    case 'node.remove':
    case 'node.exec':
    case 'node.save':
      return { lab: order.lab, kind: 'node', id: order.node.id };
    case 'link.ensure':
    case 'link.remove':
      return { lab: order.lab, kind: 'link', id: order.link };
  }
}

/** The key of an object in maps. A tab stands in no name. */
export function objectKey(ref: ObjectRef): string {
  return `${ref.lab}\t${ref.kind}\t${ref.id}`;
}

/** Whether an order says how its object shall be from now on; the others are done once. */
export function isLasting<O extends Order>(order: O): order is Exclude<O, { type: 'node.exec' | 'node.save' }> {
  return order.type !== 'node.exec' && order.type !== 'node.save';
}

/**
 * Compares effect ids of one lab by log entry, then by place in the entry: negative = a is older.
 * Ids of another form compare as text.
 */
export function compareEffectIds(a: EffectId, b: EffectId): number {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  if (left === undefined || right === undefined) return a < b ? -1 : a > b ? 1 : 0;
  return left.entry - right.entry || left.n - right.n;
}

function numbersOf(id: EffectId): { entry: number; n: number } | undefined {
  const parts = id.split('/');
  const [entry, n] = [Number(parts.at(-2)), Number(parts.at(-1))];
  return Number.isInteger(entry) && Number.isInteger(n) ? { entry, n } : undefined;
}
