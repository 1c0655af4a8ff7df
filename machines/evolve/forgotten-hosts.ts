// Hosts that people removed: what is only to be removed there is given up, so that nothing waits for a host that nobody expects back.
import { linkHosts } from '../link/crossing.ts';
import type { HostId, LinkId, NodeId } from '../vocabulary/ids.ts';
import { GIVEN_UP } from '../vocabulary/lab-view.ts';
import { ensureNetwork } from './apply-deploy.ts';
import { dropEffect, sendLink, sendNode, setNetwork } from './draft.ts';
import type { Draft } from './draft.ts';
import { concerns, isPlannedOn, mgmtOn, needsNetwork, rejoinLinksOf } from './lab-parts.ts';
import { owedKey } from './lab-state.ts';
import type { Owed } from './lab-state.ts';

/** Settles all that waits for a removal on a host that was forgotten. What nodes there are still wanted stay unknown. */
export function giveUpForgotten(draft: Draft): void {
  for (const host of Object.keys(draft.state.forgotten).toSorted() as HostId[]) giveUpOn(draft, host);
}

/** A host that nothing stands on any more is out of the lab's mind, but for what it may bring back. */
export function leaveForgotten(draft: Draft): void {
  const { state } = draft;
  for (const host of Object.keys(state.forgotten) as HostId[]) {
    if (!needsNetwork(state, host)) delete state.networks[host];
    if (concerns(state, host)) continue;
    delete state.lost[host];
    delete state.forgotten[host];
  }
}

/** The host is back: it owes what was given up, and its part of the management network is what is wanted now. */
export function oweGivenUp(draft: Draft, host: HostId): void {
  const { state } = draft;
  Object.assign(state.owed, state.givenUp[host]);
  delete state.forgotten[host];
  delete state.givenUp[host];
  if (!state.plan) return;
  if (isPlannedOn(state, host)) ensureNetwork(draft, state.plan, host);
  else setNetwork(draft, host, { state: 'ready', mgmt: mgmtOn(state.plan, host) });
}

function giveUpOn(draft: Draft, host: HostId): void {
  const { state } = draft;
  // Its queue is gone; what is wanted there is looked at anew should it come back.
  for (const effect of Object.values(state.pending)) if (effect.host === host) dropEffect(draft, effect.id);
  const given: string[] = [];
  const giveUp: GiveUp = (owed) => {
    state.givenUp[host] = { ...state.givenUp[host], [owedKey(host, owed.kind, owed.spec.id)]: owed };
    given.push(owed.spec.id);
  };
  for (const [key, owed] of Object.entries(state.owed)) {
    if (owed.host !== host) continue;
    giveUp(owed);
    delete state.owed[key];
  }
  for (const id of Object.keys(state.nodes).toSorted() as NodeId[]) giveUpNode(draft, id, host, giveUp);
  for (const id of Object.keys(state.links).toSorted() as LinkId[]) giveUpLink(draft, id, host, giveUp);
  if (given.length > 0) draft.news.push(`${GIVEN_UP} what host ${host} held of ${given.join(', ')}: it was removed by hand`);
}

type GiveUp = (owed: Owed) => void;

/** One that is to go is gone, one that is planned elsewhere begins there. */
function giveUpNode(draft: Draft, id: NodeId, host: HostId, giveUp: GiveUp): void {
  const record = draft.state.nodes[id];
  if (record?.plan.host !== host) return;
  const isToGo = record.machine.context.desired === 'absent' && record.machine.value !== 'absent';
  const { next } = record;
  if (!isToGo && (next === null || next.plan.host === host)) return;
  giveUp({ kind: 'node', host, spec: record.spec, plan: record.plan });
  if (next) draft.state.nodes[id] = { ...record, spec: next.spec, plan: next.plan, next: null };
  sendNode(draft, id, { type: 'host.moved' });
  rejoinLinksOf(draft, id);
}

/** Gone as soon as its other host has said so, or at once where it has none. */
function giveUpLink(draft: Draft, id: LinkId, host: HostId, giveUp: GiveUp): void {
  const record = draft.state.links[id];
  if (record?.machine.value !== 'removing' || !linkHosts(record.plan).includes(host)) return;
  if (draft.state.givenUp[host]?.[owedKey(host, 'link', id)]?.plan !== record.plan) giveUp({ kind: 'link', host, spec: record.spec, plan: record.plan });
  if (!Object.values(draft.state.pending).some((effect) => effect.type === 'link.remove' && effect.target === id && !effect.owed)) sendLink(draft, id, { type: 'removed' });
}
