// A deploy: each change of its plan told to the machine it concerns.
import type { HostId, LinkId, NodeId } from '../vocabulary/ids.ts';
import type { LabEvent } from '../vocabulary/event.ts';
import type { LinkSpec, NodeSpec } from '../vocabulary/lab-spec.ts';
import type { LabPlan, LinkPlan } from '../vocabulary/lab-plan.ts';
import { linkHosts } from '../link/crossing.ts';
import { addEffect, sendLab, sendLink, sendNode, setNetwork } from './draft.ts';
import type { Draft } from './draft.ts';
import { dropEffectsOn, mgmtOn, noteRemoved, plannedHosts, rejoinLinksOf } from './lab-parts.ts';
import { newLinkMachine, newNodeMachine, owedKey } from './lab-state.ts';
import type { Owed } from './lab-state.ts';
import { markUntold } from './untold.ts';

type Deploy = Extract<LabEvent, { type: 'LabDeployRequested' }>;

export function applyDeploy(draft: Draft, event: Deploy): void {
  sendLab(draft, { type: 'deploy', at: draft.at });
  const { spec, plan } = draft.state;
  draft.state.spec = event.spec;
  draft.state.plan = event.plan;
  markUntold(draft, { spec, plan }, event.changes);
  const nodes = new Map(event.spec.nodes.map((node) => [node.id, node]));
  const links = new Map(event.spec.links.map((link) => [link.id, link]));
  if (event.spec.nodes.length > 0) {
    for (const host of plannedHosts(event.plan)) ensureNetwork(draft, event.plan, host);
  }
  for (const change of event.changes) {
    if (change.object === 'node') changeNode(draft, { id: change.id as NodeId, action: change.action, spec: nodes.get(change.id as NodeId), plan: event.plan });
  }
  for (const change of event.changes) {
    if (change.object === 'link') changeLink(draft, { id: change.id as LinkId, action: change.action, spec: links.get(change.id as LinkId), plan: event.plan });
  }
  for (const node of event.spec.nodes) notePin(draft, node);
  draft.news.push(`deploy requested: ${event.changes.length} changes`);
}

/** Where the file wants a node that goes on as it is, which is no change of it. Labels that say so stay as its container bears them. */
function notePin(draft: Draft, { id, host }: NodeSpec): void {
  const record = draft.state.nodes[id];
  if (!record) return;
  const { host: before, ...rest } = (record.next ?? record).spec;
  if (before === host) return;
  const spec = { ...rest, ...(host === undefined ? {} : { host }) };
  draft.state.nodes[id] = record.next ? { ...record, next: { ...record.next, spec } } : { ...record, spec };
}

/** Orders a host's part of the management network, whether it has one already or not. */
export function ensureNetwork(draft: Draft, plan: LabPlan, host: HostId): void {
  setNetwork(draft, host, { state: 'ensuring', foreseen: false, mgmt: mgmtOn(plan, host), failure: null, attempts: 0 });
  addEffect(draft, { type: 'network.ensure', target: host, host });
}

type NodeChange = { id: NodeId; action: string; spec: NodeSpec | undefined; plan: LabPlan };

function changeNode(draft: Draft, { id, action, spec, plan }: NodeChange): void {
  const present = draft.state.nodes[id];
  const wanted = plan.nodes[id];
  if (action === 'remove') {
    sendNode(draft, id, { type: 'want.absent' });
    return;
  }
  if (!spec || !wanted) return;
  if (!present) draft.state.nodes[id] = { spec, plan: wanted, next: null, machine: newNodeMachine() };
  else if (action === 'recreate' || action === 'add') {
    draft.state.nodes[id] = { ...present, next: { spec, plan: wanted } };
    sendNode(draft, id, { type: 'want.recreate' });
    rejoinLinksOf(draft, id);
    return;
  }
  sendNode(draft, id, { type: 'want.running' });
}

type LinkChange = { id: LinkId; action: string; spec: LinkSpec | undefined; plan: LabPlan };

function changeLink(draft: Draft, { id, action, spec, plan }: LinkChange): void {
  const present = draft.state.links[id];
  const wanted = plan.links[id];
  if (action === 'remove') {
    sendLink(draft, id, { type: 'want.absent' });
    return;
  }
  if (!spec || !wanted) return;
  if (present && linkHosts(present.plan).join() !== linkHosts(wanted).join()) {
    moveLink(draft, id, { spec, plan: wanted });
    return;
  }
  draft.state.links[id] = { ...present, spec, plan: wanted, machine: present?.machine ?? newLinkMachine() };
  sendLink(draft, id, { type: present && action === 'update' ? 'want.update' : 'want.present' });
}

/** The link comes to stand on other hosts: those it leaves are to remove their part, those that stay are told the new one. */
export function moveLink(draft: Draft, id: LinkId, to: { spec: LinkSpec; plan: LinkPlan }): void {
  const present = draft.state.links[id];
  if (!present) return;
  for (const host of linkHosts(present.plan).filter((one) => !linkHosts(to.plan).includes(one))) {
    dropEffectsOn(draft, id, host);
    owe(draft, { kind: 'link', host, spec: present.spec, plan: present.plan });
  }
  const { crossing: _before, ...rest } = present;
  draft.state.links[id] = { ...rest, ...to };
  sendLink(draft, id, { type: 'want.rejoin' });
  // A removal that was under way goes on as what the left hosts owe.
  noteRemoved(draft, id);
}

/** What a host is to remove of an object that does not live there any more; asked at once, or when the host is back. */
export function owe(draft: Draft, owed: Owed): void {
  const key = owedKey(owed.host, owed.kind, owed.spec.id);
  draft.state.owed[key] = owed;
  if (draft.state.lost[owed.host] === undefined) addEffect(draft, { type: `${owed.kind}.remove`, target: owed.spec.id, host: owed.host, owed: true });
}
