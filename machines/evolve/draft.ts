// One log entry in the making: a working copy of a lab's state, with the effects and news that its events cause.
import type { EffectId, EpochMs, HostId, LinkId, NodeId } from '../vocabulary/ids.ts';
import { EffectId as EffectIdSchema } from '../vocabulary/ids.ts';
import type { PendingEffect } from '../vocabulary/effect.ts';
import type { NodeEvent } from '../node/node-machine.ts';
import type { LinkEvent } from '../link/link-machine.ts';
import type { LabMachineEvent } from '../lab/lab-machine.ts';
import { dueIn } from './answers.ts';
import { farAway, hostOfSide, linkHosts, NOT_CROSSED, SIDES } from '../link/crossing.ts';
import type { Side } from '../link/crossing.ts';
import type { LabState, LinkRecord, NetworkRecord, NodeRecord, Owed } from './lab-state.ts';
import { NO_NETWORK, overLogs } from './lab-state.ts';
import { labStepper, linkStepper, nodeStepper } from './steppers.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export type Draft = {
  readonly state: Mutable<LabState> & {
    nodes: Record<NodeId, NodeRecord>;
    links: Record<LinkId, LinkRecord>;
    networks: Record<HostId, NetworkRecord>;
    lost: Record<HostId, string>;
    owed: Record<string, Owed>;
    forgotten: Record<HostId, true>;
    givenUp: Record<HostId, Readonly<Record<string, Owed>>>;
    pending: Record<EffectId, PendingEffect>;
    deadlines: Record<string, EpochMs>;
    passed: Record<string, true>;
  };
  readonly at: EpochMs;
  readonly answerWithinMs: number | undefined;
  readonly created: Set<EffectId>;
  readonly touchedNodes: Set<NodeId>;
  readonly touchedLinks: Set<LinkId>;
  readonly gone: string[];
  readonly news: string[];
  effects: number;
};

/** Opens entry `n` at time `at`; the state given is not changed. */
export function openDraft(state: LabState, entry: { n: number; at: EpochMs; term: number; answerWithinMs?: number | undefined }): Draft {
  return {
    state: {
      ...state, n: entry.n, term: entry.term, born: state.n === 0 ? Math.floor(entry.at / 1000) : state.born,
      nodes: { ...state.nodes }, links: { ...state.links }, networks: { ...state.networks }, lost: { ...state.lost }, owed: { ...state.owed }, forgotten: { ...state.forgotten }, givenUp: { ...state.givenUp }, pending: { ...state.pending },
      deadlines: { ...state.deadlines }, passed: { ...state.passed },
    },
    at: entry.at,
    answerWithinMs: entry.answerWithinMs,
    created: new Set(), touchedNodes: new Set(), touchedLinks: new Set(), gone: [], news: [], effects: 0,
  };
}

/** Steps a node's machine; returns false when the event meant nothing in its present state. */
export function sendNode(draft: Draft, id: NodeId, event: NodeEvent): boolean {
  const record = draft.state.nodes[id];
  if (!record) return false;
  const { next, intents, handled } = nodeStepper.step(record.machine, event);
  if (!handled) return false;
  draft.state.nodes[id] = { ...record, machine: next };
  draft.touchedNodes.add(id);
  for (const intent of intents) addEffect(draft, { type: intent.type, target: id, host: record.plan.host });
  return true;
}

/** Steps a link's machine; returns false when the event meant nothing in its present state. */
export function sendLink(draft: Draft, id: LinkId, event: LinkEvent): boolean {
  const record = draft.state.links[id];
  if (!record) return false;
  const { next, intents, handled } = linkStepper.step(record.machine, event);
  if (!handled) return false;
  draft.state.links[id] = { ...record, machine: next };
  draft.touchedLinks.add(id);
  for (const intent of intents) orderLink(draft, id, intent.type);
  return true;
}

/** An order to each host that has a part of the link; a lost one is asked when it is back. */
function orderLink(draft: Draft, id: LinkId, type: 'link.ensure' | 'link.remove'): void {
  const record = draft.state.links[id];
  if (!record) return;
  if (record.plan.far && type === 'link.ensure') SIDES.forEach((side) => orderLeg(draft, id, side));
  else for (const host of linkHosts(record.plan)) addEffect(draft, { type, target: id, host });
}

/** Orders one leg with what is known of its far end now; `undone` takes its tunnel back. */
export function orderLeg(draft: Draft, id: LinkId, side: Side, undone = false): void {
  const record = draft.state.links[id];
  if (!record) return;
  const { legs, told } = record.crossing ?? NOT_CROSSED;
  const there = farAway(record, side, draft.state.lost) === '';
  draft.state.links[id] = { ...record, crossing: { legs, told: { ...told, [side]: there }, ...(undone ? { undone: side } : {}) } };
  const host = hostOfSide(record.plan, side);
  if (draft.state.lost[host] === undefined) addEffect(draft, { type: 'link.ensure', target: id, host });
}

export function sendLab(draft: Draft, event: LabMachineEvent): boolean {
  const { next, handled } = labStepper.step(draft.state.lab, event);
  draft.state.lab = next;
  return handled;
}

export function setNetwork(draft: Draft, host: HostId, change: Partial<NetworkRecord>): void {
  draft.state.networks[host] = { ...(draft.state.networks[host] ?? NO_NETWORK), ...change };
}

/** Asks for an order; an older unanswered one of the same object on the same host is dropped, for the newest one says all. */
export function addEffect(draft: Draft, effect: Omit<PendingEffect, 'id'>): EffectId {
  for (const older of Object.values(draft.state.pending)) {
    if (older.target === effect.target && older.host === effect.host && older.owed === effect.owed && supersedes(effect.type, older.type)) dropEffect(draft, older.id);
  }
  draft.effects += 1;
  const id = EffectIdSchema.parse(`${draft.state.id}/${overLogs(draft.state.born, draft.state.n)}/${draft.effects}`);
  draft.state.pending[id] = { ...effect, id, ...dueIn(draft, effect.type) };
  draft.created.add(id);
  return id;
}

export function dropEffect(draft: Draft, id: EffectId): void {
  delete draft.state.pending[id];
  draft.created.delete(id);
}

/** Arms a named wait, or leaves an earlier one with the same name as it is. */
export function armDeadline(draft: Draft, name: string, at: EpochMs): void {
  draft.state.deadlines[name] ??= at;
}

const room = (type: PendingEffect['type']): string => type.slice(0, type.indexOf('.'));

function supersedes(newer: PendingEffect['type'], older: PendingEffect['type']): boolean {
  if (room(newer) !== room(older)) return false;
  if (newer === 'node.exec') return false;
  // What can be saved can be until the node is removed.
  if (newer === 'node.save' || older === 'node.save') return newer === 'node.remove' || newer === older;
  return older !== 'node.exec' || newer !== 'node.prepare';
}
