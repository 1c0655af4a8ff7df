// Configurations that are read out before their nodes are made anew: asked for, answered, given up.
import type { HostId, NodeId } from '../vocabulary/ids.ts';
import type { Observation } from '../vocabulary/observation.ts';
import type { PendingEffect } from '../vocabulary/effect.ts';
import { SAVE_WITHIN_MS } from '../policy/retry-policy.ts';
import { saveName } from './deadline-names.ts';
import { addEffect, armDeadline, dropEffect } from './draft.ts';
import type { Draft } from './draft.ts';
import type { LabState, NodeSave } from './lab-state.ts';

/** Whether any node is being saved now. */
export const isSaving = (state: Pick<LabState, 'pending'>): boolean => Object.values(state.pending).some((effect) => effect.type === 'node.save');

/** The order under which a node is being saved. */
export const savingOf = (orders: readonly PendingEffect[], node: string): PendingEffect | undefined =>
  orders.find((effect) => effect.type === 'node.save' && effect.target === node);

export function applySaveRequest(draft: Draft, nodes: readonly NodeId[]): boolean {
  for (const id of nodes) {
    const record = draft.state.nodes[id];
    if (!record) continue;
    addEffect(draft, { type: 'node.save', target: id, host: record.plan.host });
    armDeadline(draft, saveName(id), draft.at + SAVE_WITHIN_MS);
    draft.touchedNodes.add(id);
  }
  draft.news.push(`nodes ${nodes.join(', ')} are to be made anew: their configuration is saved first`);
  return true;
}

export function applySaved(draft: Draft, { node, files, problem }: Extract<Observation, { type: 'node.saved' }>): boolean {
  return noteSave(draft, node, { files, ...(problem === undefined ? {} : { problem }) });
}

/** The order failed, or its time is over: the node is made anew all the same. */
export function noteUnsaved(draft: Draft, node: NodeId, problem: string): boolean {
  return noteSave(draft, node, { files: [], problem });
}

export function giveUpSave(draft: Draft, node: NodeId): void {
  const effect = savingOf(Object.values(draft.state.pending), node);
  if (!effect) return;
  dropEffect(draft, effect.id);
  noteUnsaved(draft, node, `host ${effect.host} has not saved it within ${SAVE_WITHIN_MS / 1000} s`);
}

/** A lost host saves nothing; when it is back, it is asked anew if need be. */
export function dropSavesOn(draft: Draft, host: HostId): void {
  for (const effect of Object.values(draft.state.pending)) if (effect.type === 'node.save' && effect.host === host) dropEffect(draft, effect.id);
}

function noteSave(draft: Draft, id: NodeId, outcome: Pick<NodeSave, 'files' | 'problem'>): boolean {
  const record = draft.state.nodes[id];
  if (!record) return false;
  draft.state.nodes[id] = { ...record, save: { ...outcome, host: record.plan.host, generation: record.plan.generation, at: draft.at } };
  draft.touchedNodes.add(id);
  draft.news.push(outcome.problem === undefined ? `node ${id}: its configuration is saved` : `node ${id}: its configuration is not saved${outcome.files.length === 0 ? '' : ' whole'}: ${outcome.problem}`);
  return true;
}
