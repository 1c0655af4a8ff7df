// A deploy: each change of its plan told to the machine it concerns.
import type { LinkId, NodeId } from '../vocabulary/ids.ts';
import type { LabEvent } from '../vocabulary/event.ts';
import type { LinkSpec, NodeSpec } from '../vocabulary/lab-spec.ts';
import type { LabPlan } from '../vocabulary/lab-plan.ts';
import { addEffect, sendLab, sendLink, sendNode, setNetwork } from './draft.ts';
import type { Draft } from './draft.ts';
import { networkHost, rejoinLinksOf } from './lab-parts.ts';
import { newLinkMachine, newNodeMachine } from './lab-state.ts';

type Deploy = Extract<LabEvent, { type: 'LabDeployRequested' }>;

export function applyDeploy(draft: Draft, event: Deploy): void {
  sendLab(draft, { type: 'deploy', at: draft.at });
  draft.state.spec = event.spec;
  draft.state.plan = event.plan;
  const nodes = new Map(event.spec.nodes.map((node) => [node.id, node]));
  const links = new Map(event.spec.links.map((link) => [link.id, link]));
  if (event.spec.nodes.length > 0) {
    setNetwork(draft, { state: 'ensuring', foreseen: false, mgmt: event.plan.mgmt, failure: null, attempts: 0 });
    addEffect(draft, { type: 'network.ensure', target: '', host: networkHost(draft) });
  }
  for (const change of event.changes) {
    if (change.object === 'node') changeNode(draft, { id: change.id as NodeId, action: change.action, spec: nodes.get(change.id as NodeId), plan: event.plan });
  }
  for (const change of event.changes) {
    if (change.object === 'link') changeLink(draft, { id: change.id as LinkId, action: change.action, spec: links.get(change.id as LinkId), plan: event.plan });
  }
  draft.news.push(`deploy requested: ${event.changes.length} changes`);
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
  draft.state.links[id] = { spec, plan: wanted, machine: present?.machine ?? newLinkMachine() };
  sendLink(draft, id, { type: present && action === 'update' ? 'want.update' : 'want.present' });
}
