// What was changed about nodes that go on as they are: their hosts hold older orders until they have answered newer ones.
import type { PendingEffect } from '../vocabulary/effect.ts';
import type { HostId, NodeId } from '../vocabulary/ids.ts';
import type { Change } from '../vocabulary/lab-plan.ts';
import { fenceAfterMs } from '../policy/retry-policy.ts';
import { addEffect } from './draft.ts';
import type { Draft } from './draft.ts';
import { overLogs } from './lab-state.ts';
import type { LabState } from './lab-state.ts';

/** Notes which nodes run by orders that say less than the lab does now: when their host ends them by itself, the MTU of their management interface. */
export function markUntold(draft: Draft, before: Pick<LabState, 'spec' | 'plan'>, changes: readonly Change[]): void {
  const { state } = draft;
  const isNew = (object: Change['object']): boolean => changes.some((change) => change.object === object && change.action === 'update');
  const fence = isNew('lab') && fenceAfterMs(before.spec?.placement) !== fenceAfterMs(state.spec?.placement);
  const mtu = isNew('mgmt') && before.plan?.mgmt.mtu !== state.plan?.mgmt.mtu;
  if (!fence && !mtu) return;
  for (const [id, record] of Object.entries(state.nodes)) {
    if (record.spec.runtime !== 'container' || record.machine.context.desired !== 'running') continue;
    const only = !fence && (record.untold === undefined || record.untold.only === 'mtu') ? { only: 'mtu' as const } : {};
    state.nodes[id as NodeId] = { ...record, untold: { since: overLogs(state.born, state.n), asked: null, ...only } };
  }
}

/** Orders a running node once more with what is new; a process that runs is left as it is. Returns whether it did. */
export function tellNode(draft: Draft, id: NodeId): boolean {
  const record = draft.state.nodes[id];
  if (record?.untold === undefined || (record.untold.asked !== null && draft.state.pending[record.untold.asked] !== undefined)) return false;
  if (Object.values(draft.state.pending).some((effect) => effect.target === id && effect.type.startsWith('node.') && effect.owed === undefined)) return false;
  const asked = addEffect(draft, { type: 'node.start', target: id, host: record.plan.host });
  draft.state.nodes[id] = { ...record, untold: { ...record.untold, asked } };
  return true;
}

/** An answer to an order of since then: whatever the host was told before, this it knows. Returns whether the node waited for it. */
export function noteTold(draft: Draft, { id: effectId, type, target }: PendingEffect): boolean {
  const record = draft.state.nodes[target as NodeId];
  if (record?.untold === undefined || !type.startsWith('node.') || type === 'node.exec' || entryOf(effectId) < record.untold.since) return false;
  const { untold: _told, ...rest } = record;
  draft.state.nodes[target as NodeId] = rest;
  return true;
}

/** Nodes of a lost host that may still run there and be started nowhere else: it never said that it will end them. */
export function boundTo(state: Pick<LabState, 'nodes' | 'lost'>, host: HostId): NodeId[] {
  if (state.lost[host] === undefined) return [];
  return Object.values(state.nodes).filter((node) => node.plan.host === host && node.untold !== undefined && node.untold.only === undefined).map((node) => node.spec.id).toSorted();
}

const entryOf = (id: PendingEffect['id']): number => Number(id.split('/').at(-2));
