// Which report about a node, link or network was the newest: an older one that comes after it says nothing of the present. What an
// engine did is history, whenever it comes, and only once.
import type { PendingEffect } from '../vocabulary/effect.ts';
import type { HostId, LinkId, NodeId } from '../vocabulary/ids.ts';
import type { Observation } from '../vocabulary/observation.ts';
import type { Draft } from './draft.ts';
import { setNetwork } from './draft.ts';
import type { LabState } from './lab-state.ts';

/** One report of a host, with its place among all reports of all hosts; absent where an older supervisor handed it on. */
export type Heard = { readonly host: HostId; readonly observation: Observation; readonly position?: number | undefined };

type Subject = { readonly room: 'node'; readonly id: NodeId } | { readonly room: 'link'; readonly id: LinkId } | { readonly room: 'network' };

/** Whether something newer about the same object of the same host is folded in. */
export function isOutdated(state: LabState, heard: Heard, answered: PendingEffect | undefined): boolean {
  return heard.position !== undefined && heard.position < newest(state, heard, answered);
}

/**
 * Whether it is folded in itself, or something newer: then it came again. What answers an order that still waits never is.
 * @param state - before what came with it; `now` - with it, for a message may wait twice
 */
export function isRepeated(state: LabState, now: LabState, heard: Heard): boolean {
  const { observation, host } = heard;
  if (observation.type === 'node.engine') return isKnownHistory(state, host, observation) || isKnownHistory(now, host, observation);
  const { effectId } = observation;
  const answered = effectId ? state.pending[effectId] : undefined;
  return !answered && heard.position !== undefined && heard.position <= newest(state, heard, answered);
}

/** Notes that a report was folded in. */
export function noteHeard(draft: Draft, { host, observation, position }: Heard, answered: PendingEffect | undefined): void {
  if (observation.type === 'node.engine') return noteHistory(draft, host, observation);
  const subject = subjectOf(draft.state, observation, answered);
  if (position === undefined || !subject) return;
  const { nodes, links, networks } = draft.state;
  switch (subject.room) {
    case 'node': {
      const record = nodes[subject.id];
      if (record) nodes[subject.id] = { ...record, heard: position };
      return;
    }
    case 'link': {
      const record = links[subject.id];
      if (record) links[subject.id] = { ...record, heard: { ...record.heard, [host]: position } };
      return;
    }
    case 'network':
      if (networks[host]) setNetwork(draft, host, { heard: position });
  }
}

/** Twice what the engine does to a node in a deploy or a destroy: what comes again was told since the last supervisor died. */
const KEPT_OF_A_NODE = 8;
const KEPT_AT_LEAST = 64;
type EngineSeen = Extract<Observation, { type: 'node.engine' }>;

/** History holds whenever it comes, and may come again as another message: once the server has forgotten the first one. */
const historyKey = ({ at, node, generation, action }: EngineSeen): string => `${at} ${node}.${generation} ${action}`;

const isKnownHistory = (state: LabState, host: HostId, seen: EngineSeen): boolean => state.history?.[host]?.includes(historyKey(seen)) ?? false;

function noteHistory(draft: Draft, host: HostId, seen: EngineSeen): void {
  const { history, spec } = draft.state;
  const kept = Math.max(KEPT_AT_LEAST, KEPT_OF_A_NODE * (spec?.nodes.length ?? 0));
  draft.state.history = { ...history, [host]: [...(history?.[host] ?? []), historyKey(seen)].slice(-kept) };
}

function newest(state: LabState, { host, observation }: Heard, answered: PendingEffect | undefined): number {
  const subject = subjectOf(state, observation, answered);
  switch (subject?.room) {
    case 'node':
      return state.nodes[subject.id]?.heard ?? 0;
    case 'link':
      return state.links[subject.id]?.heard?.[host] ?? 0;
    case 'network':
      return state.networks[host]?.heard ?? 0;
    case undefined:
      return 0;
  }
}

/** History, and answers that belong to a step. */
const OF_NO_OBJECT: ReadonlySet<Observation['type']> = new Set(['node.engine', 'node.progress', 'node.exec-done', 'network.repaired', 'orphan.removed', 'orphan.left']);

/** What a report says the present state of; null when of nothing that is there. */
function subjectOf(state: LabState, seen: Observation, answered: PendingEffect | undefined): Subject | null {
  if (answered?.owed || OF_NO_OBJECT.has(seen.type)) return null;
  if (seen.type === 'effect.failed') return answered ? ofOrder(answered) : null;
  if ('link' in seen) return { room: 'link', id: seen.link };
  if (!('node' in seen)) return { room: 'network' };
  return state.nodes[seen.node]?.plan.generation === seen.generation ? { room: 'node', id: seen.node } : null;
}

function ofOrder({ type, target }: PendingEffect): Subject | null {
  if (type === 'node.exec') return null;
  if (type.startsWith('network.')) return { room: 'network' };
  // The target of an order names an object of its room.
  return type.startsWith('node.') ? { room: 'node', id: target as NodeId } : { room: 'link', id: target as LinkId };
}
