// What the ledger remembers, which orders are new to it, and that its shortest form says the same.
import { describe, expect, it } from 'vitest';
import { compactLedger, isGone } from '../../../host-actor/compact-ledger.ts';
import { judgeOrders } from '../../../host-actor/judge-orders.ts';
import { compareEffectIds, objectKey, objectOf } from '../../../host-actor/order-object.ts';
import type { LedgerRecord, LedgerState } from '../../../host-actor/order-ledger.ts';
import { emptyLedger, foldRecord, LedgerRecord as Schema } from '../../../host-actor/order-ledger.ts';
import type { Order } from '../../../machines/vocabulary/effect.ts';
import { EffectId, HostId, LabId } from '../../../machines/vocabulary/ids.ts';
import type { Observation } from '../../../machines/vocabulary/observation.ts';
import { TestLab } from '../process/test-lab.ts';

const host = HostId.parse('h');
const newLab = () => new TestLab({ name: 'l', host, number: 1, nodes: ['a', 'b'] });
const id = (text: string) => EffectId.parse(text);

function fold(records: readonly LedgerRecord[], state: LedgerState = emptyLedger()): LedgerState {
  for (const record of records) foldRecord(state, Schema.parse(JSON.parse(JSON.stringify(record))));
  return state;
}

function answer(order: Order, type: 'node.removed' | 'network.removed' | 'network.ready' = 'node.removed'): LedgerRecord {
  const head = { effectId: order.id, at: 1 };
  const about = 'node' in order ? { node: order.node.id, generation: order.plan.generation } : {};
  const observation = { type, ...head, ...about, bridge: 'b', foreign: false } as unknown as Observation;
  return { r: 'report', id: `m${order.id}`, reports: [{ v: 1, id: `m${order.id}/l`, host, lab: order.lab, observations: [observation] }] };
}

describe('effect ids', () => {
  it('compare by entry, then by place, as numbers', () => {
    expect(compareEffectIds(id('l/9/1'), id('l/10/0'))).toBeLessThan(0);
    expect(compareEffectIds(id('l/10/2'), id('l/10/10'))).toBeLessThan(0);
    expect(compareEffectIds(id('a/b/10/2'), id('a/b/10/2'))).toBe(0);
  });
});

describe('orders of a message', () => {
  it('are accepted when nothing newer is held, and dropped while they are carried out', () => {
    const order = newLab().node('node.prepare', 'a');
    expect(judgeOrders(emptyLedger(), [order])).toMatchObject({ accepted: [order], answered: [], dropped: [] });
    expect(judgeOrders(fold([{ r: 'orders', orders: [order] }]), [order])).toMatchObject({ accepted: [], dropped: [{ why: 'in-progress' }] });
  });

  it('S11: are answered again when they were answered', () => {
    const order = newLab().node('node.remove', 'a');
    expect(judgeOrders(fold([{ r: 'orders', orders: [order] }, answer(order)]), [order])).toMatchObject({ accepted: [], answered: [order] });
  });

  it('S19: of an older term are dropped, whatever their id', () => {
    const lab = newLab();
    const old = lab.node('node.start', 'b');
    const taken = { ...lab.nextEntry().node('node.prepare', 'a'), term: 2 };
    expect(judgeOrders(fold([{ r: 'orders', orders: [taken] }]), [old]).dropped).toMatchObject([{ why: 'older-term' }]);
    expect(judgeOrders(emptyLedger(), [taken, old]).dropped).toMatchObject([{ why: 'older-term' }]);
  });

  it('older than the newest of their object are dropped; commands are not', () => {
    const lab = newLab();
    const old = lab.node('node.start', 'a');
    const exec = lab.node('node.exec', 'a');
    const other = lab.node('node.start', 'b');
    const stop = lab.nextEntry().node('node.stop', 'a');
    const judged = judgeOrders(fold([{ r: 'orders', orders: [stop] }]), [old, exec, other]);
    expect(judged.accepted).toEqual([exec, other]);
    expect(judged.dropped).toMatchObject([{ why: 'older-than-held' }]);
  });
});

describe('ledger', () => {
  it('R05: keeps the last order of each object, in whatever order they are read', () => {
    const lab = newLab();
    const start = lab.node('node.start', 'a');
    const stop = lab.nextEntry().node('node.stop', 'a');
    const state = fold([{ r: 'orders', orders: [stop] }, { r: 'orders', orders: [start] }]);
    expect(state.orders.get(objectKey(objectOf(stop)))).toMatchObject({ id: stop.id });
  });

  it('forgets repairs and rests with a new order, and not with the same one read twice', () => {
    const lab = newLab();
    const order = lab.node('node.start', 'a');
    const key = objectKey(objectOf(order));
    const marks: LedgerRecord[] = [
      { r: 'repairs', lab: order.lab, kind: 'node', object: 'a', times: [1, 2] },
      { r: 'rest', lab: order.lab, kind: 'node', object: 'a', order: order.id, why: 'gave-up' },
    ];
    const state = fold([{ r: 'orders', orders: [order] }, ...marks, { r: 'orders', orders: [order] }]);
    expect(state.repairs.get(key)).toEqual([1, 2]);
    expect(state.rests.get(key)).toMatchObject({ why: 'gave-up' });
    fold([{ r: 'orders', orders: [lab.nextEntry().node('node.start', 'a')] }], state);
    expect(state.repairs.has(key)).toBe(false);
    expect(state.rests.has(key)).toBe(false);
  });

  it('says the same in its shortest form', () => {
    const lab = newLab();
    const orders = [lab.network('network.ensure'), lab.node('node.start', 'a'), lab.node('node.exec', 'a'), lab.link('link.ensure', 0, ['a:eth1', 'b:eth1'])];
    const [network, start, exec] = orders;
    if (network === undefined || start === undefined || exec === undefined) throw new Error('orders');
    const state = fold([
      { r: 'boot', id: 'boot-1' },
      { r: 'orders', orders },
      answer(network, 'network.ready'),
      { r: 'sent', id: `m${network.id}` },
      answer(start),
      { r: 'exec', lab: exec.lab, id: exec.id, index: 0, result: { command: 'x', target: 'container', exitCode: 0, stdout: '', stderr: '' } },
      { r: 'repairs', lab: start.lab, kind: 'node', object: 'a', times: [5] },
      { r: 'rest', lab: start.lab, kind: 'node', object: 'a', order: start.id, why: 'leave' },
      { r: 'engine-seen', nanos: '1.5' },
      { r: 'taken-up', id: exec.id, times: 2 },
      { r: 'taken-up', id: start.id, times: 2 },
      { r: 'found', labs: [LabId.parse('other')] },
    ]);
    expect([...state.takenUp]).toEqual([[exec.id, 2]]);
    const again = fold(compactLedger(state, host));
    expect(again).toEqual(state);
    expect([...again.unsent.keys()]).toEqual([`m${start.id}`]);
    expect([...again.open.keys()]).toEqual([exec.id, orders[3]?.id]);
  });

  it('keeps one line of a lab that is gone, and knows its old orders by it', () => {
    const lab = newLab();
    const prepare = lab.node('node.prepare', 'a');
    const remove = lab.nextEntry().node('node.remove', 'a');
    const network = lab.nextEntry().network('network.remove');
    const state = fold([{ r: 'found', labs: [LabId.parse('l')] }, { r: 'orders', orders: [prepare] }, answer(prepare), { r: 'orders', orders: [remove] }, answer(remove), { r: 'orders', orders: [network] }]);
    expect(isGone(state, LabId.parse('l'))).toBe(false);
    fold([answer(network, 'network.removed'), { r: 'sent', id: `m${prepare.id}` }, { r: 'sent', id: `m${remove.id}` }, { r: 'sent', id: `m${network.id}` }], state);
    expect(isGone(state, LabId.parse('l'))).toBe(true);
    expect(compactLedger(state, host)).toEqual([{ r: 'found', labs: [] }, { r: 'lab', lab: 'l', term: 1, newest: network.id, goneAt: network.id }]);
    const again = fold(compactLedger(state, host));
    expect(judgeOrders(again, [prepare]).dropped).toMatchObject([{ why: 'lab-gone' }]);
    expect(judgeOrders(again, [lab.nextEntry().node('node.prepare', 'a')]).accepted).toHaveLength(1);
  });
});
