// What becomes of a lab when one of its hosts falls silent, comes back or gives its nodes away.
import { hostOfSide, linkHosts, SIDES } from '../link/crossing.ts';
import type { HostId, LinkId, NodeId } from '../vocabulary/ids.ts';
import type { LabEvent } from '../vocabulary/event.ts';
import type { Failure } from '../vocabulary/lab-view.ts';
import { ensureNetwork, moveLink, owe } from './apply-deploy.ts';
import { dropSavesOn } from './apply-save.ts';
import { deepEqual } from '../plan/deep-equal.ts';
import { addEffect, armDeadline, sendLink, sendNode } from './draft.ts';
import type { Draft } from './draft.ts';
import { oweGivenUp } from './forgotten-hosts.ts';
import type { LabState } from './lab-state.ts';
import { concerns, dropEffectsOn, plannedHosts, rejoinLinksOf } from './lab-parts.ts';
import { applyHeldUp, stuckOn } from './stuck-nodes.ts';
import { markUntold } from './untold.ts';

type Of<T extends LabEvent['type']> = Extract<LabEvent, { type: T }>;

const REMOVED = 'it was removed by hand (labwright host rm)';
export const LOST_CODE = 'host-lost';
export const moveName = (host: HostId): string => `move-from/${host}`;

/** That one of these hosts is lost, as the failure of what needs it. */
export function lostFailure({ lost }: Pick<LabState, 'lost'>, hosts: readonly HostId[]): Failure {
  const host = hosts.find((one) => lost[one] !== undefined);
  return { code: LOST_CODE, message: host === undefined ? '' : `host ${host} is lost: ${lost[host]}`, log: [] };
}

export function applyHostLost(draft: Draft, { host, reason }: Of<'HostLost'>): boolean {
  const { state } = draft;
  if (state.lost[host] !== undefined || !concerns(state, host)) return false;
  state.lost[host] = reason;
  dropSavesOn(draft, host);
  const failure = lostFailure(state, [host]);
  for (const [id, node] of Object.entries(state.nodes)) if (node.plan.host === host) sendNode(draft, id as NodeId, { type: 'host.lost', failure });
  for (const [id, link] of Object.entries(state.links)) {
    if (!linkHosts(link.plan).includes(host)) continue;
    forgetLegs(draft, id as LinkId, host);
    sendLink(draft, id as LinkId, { type: 'failed', failure });
  }
  const policy = state.spec?.placement?.onLostHost;
  if (typeof policy === 'object' && state.lab.value !== 'destroying') armDeadline(draft, moveName(host), draft.at + policy.moveAfterSeconds * 1000);
  draft.news.push(`host ${host} is lost: ${reason}; its nodes are unknown`);
  return true;
}

/** Its nodes stay unknown until the lab's policy or a deploy takes them elsewhere; what is only to be removed there is given up (forgotten-hosts.ts). */
export function applyHostForgotten(draft: Draft, host: HostId): boolean {
  const { state } = draft;
  if (state.forgotten[host] || !concerns(state, host)) return false;
  applyHostLost(draft, { type: 'HostLost', host, reason: REMOVED });
  state.lost[host] = REMOVED;
  state.forgotten[host] = true;
  return true;
}

/** First what is owed there, then a look at each node and link that still lives there: adopted as it is, or brought to what is wanted now. */
export function applyHostReturned(draft: Draft, host: HostId): boolean {
  const { state } = draft;
  if (state.lost[host] === undefined && state.givenUp[host] === undefined) return false;
  delete state.lost[host];
  if (state.forgotten[host] || state.givenUp[host]) oweGivenUp(draft, host);
  delete state.deadlines[moveName(host)];
  if (stuckOn(state, host).length > 0) applyHeldUp(draft, { type: 'LeaveHeldUp', host, stuck: [] });
  for (const key of Object.keys(state.owed)) if (state.owed[key]?.host === host) askOwed(draft, key);
  for (const [id, node] of Object.entries(state.nodes)) if (node.plan.host === host) sendNode(draft, id as NodeId, { type: 'host.returned' });
  for (const [id, link] of Object.entries(state.links)) {
    if (!linkHosts(link.plan).includes(host)) continue;
    // One whose other end is being made meanwhile: both are ordered.
    sendLink(draft, id as LinkId, { type: link.machine.value === 'joining' ? 'want.update' : 'retry' });
  }
  draft.news.push(`host ${host} is back`);
  return true;
}

/** Asks a host to remove what it keeps of an object that lives elsewhere. */
export function askOwed(draft: Draft, key: string): void {
  const owed = draft.state.owed[key];
  if (!owed || draft.state.lost[owed.host] !== undefined) return;
  addEffect(draft, { type: `${owed.kind}.remove`, target: owed.spec.id, host: owed.host, owed: true });
}

/** The nodes' old copies are fenced by their generation and owed to the old host. */
export function applyMove(draft: Draft, event: Of<'NodesMoved'>): boolean {
  const { state } = draft;
  const { spec, plan: before } = state;
  state.plan = event.plan;
  markUntold(draft, { spec, plan: before }, event.changes ?? []);
  for (const host of plannedHosts(event.plan)) ensureNetwork(draft, event.plan, host);
  for (const id of event.nodes) {
    const record = state.nodes[id];
    const plan = event.plan.nodes[id];
    if (!record || !plan) continue;
    dropEffectsOn(draft, id, record.plan.host);
    owe(draft, { kind: 'node', host: record.plan.host, spec: record.spec, plan: record.plan });
    state.nodes[id] = { ...record, spec: record.next?.spec ?? record.spec, plan, next: null };
    sendNode(draft, id, { type: 'host.moved' });
    rejoinLinksOf(draft, id);
  }
  for (const [id, link] of Object.entries(state.links)) {
    const plan = event.plan.links[id as LinkId];
    if (plan && !deepEqual(plan, link.plan)) moveLink(draft, id as LinkId, { spec: link.spec, plan });
  }
  draft.news.push(`nodes ${event.nodes.join(', ')} moved away from host ${event.from}`);
  return true;
}

/** What a host read back before it fell silent says nothing of now. */
function forgetLegs(draft: Draft, id: LinkId, host: HostId): void {
  const record = draft.state.links[id];
  if (!record?.crossing) return;
  const legs = { ...record.crossing.legs };
  for (const side of SIDES) if (hostOfSide(record.plan, side) === host) legs[side] = null;
  draft.state.links[id] = { ...record, crossing: { ...record.crossing, legs } };
}
