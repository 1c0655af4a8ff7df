// One event -> what it does to the machines of a lab. Wishes here; reports of hosts in apply-observation.ts.
import type { HostId, LinkId, NodeId } from '../vocabulary/ids.ts';
import type { LabEvent } from '../vocabulary/event.ts';
import { crossingFault } from '../link/crossing.ts';
import { sendLab, sendLink, sendNode, setNetwork, addEffect } from './draft.ts';
import type { Draft } from './draft.ts';
import { askAgain } from './answers.ts';
import { applyDeploy } from './apply-deploy.ts';
import { applyHostForgotten, applyHostLost, applyHostReturned, applyMove, askOwed } from './apply-host.ts';
import { applyObservation } from './apply-observation.ts';
import { applyUnderlay } from './apply-underlay.ts';
import { applySaveRequest, giveUpSave } from './apply-save.ts';
import { splitDeadline } from './deadline-names.ts';
import { needsNetwork } from './lab-parts.ts';
import { applyHeldUp } from './stuck-nodes.ts';

/** Applies one recorded event. Never refuses: what an event cannot change, it leaves. Returns whether anything changed. */
export function applyEvent(draft: Draft, event: LabEvent): boolean {
  switch (event.type) {
    case 'LabDeployRequested':
      applyDeploy(draft, event);
      return true;
    case 'LabDestroyRequested':
      return applyDestroy(draft, event);
    case 'NodesStartRequested':
      return event.nodes.map((node) => sendNode(draft, node, { type: 'want.running' })).some(Boolean);
    case 'NodesStopRequested':
      return event.nodes.map((node) => sendNode(draft, node, { type: 'want.stopped' })).some(Boolean);
    case 'NodesRestartRequested':
      return event.nodes.map((node) => sendNode(draft, node, { type: 'want.restart' })).some(Boolean);
    case 'NodesSaveRequested':
      return applySaveRequest(draft, event.nodes);
    case 'RetryRequested':
      return [
        ...event.nodes.map((node) => sendNode(draft, node, { type: 'retry' })),
        ...event.links.map((link) => sendLink(draft, link, { type: 'retry' })),
        ...networkHosts(draft).map((host) => retryNetwork(draft, host)),
      ].some(Boolean);
    case 'LinkSet':
      if (event.impairment) sendLink(draft, event.link, { type: 'impairment.set', impairment: event.impairment });
      if (event.admin) sendLink(draft, event.link, { type: 'admin.set', admin: event.admin });
      draft.news.push(`link ${event.link} set ${event.admin ?? 'impairment'}`);
      return true;
    case 'TakenOver':
      draft.news.push(`supervisor ${event.supervisor} owns the lab (term ${event.term})`);
      return true;
    case 'DeadlinePassed':
      return applyDeadline(draft, event.name);
    case 'HostLost':
      return applyHostLost(draft, event);
    case 'HostReturned':
      return applyHostReturned(draft, event.host);
    case 'HostForgotten':
      return applyHostForgotten(draft, event.host);
    case 'NodesMoved':
      return applyMove(draft, event);
    case 'LeaveHeldUp':
      return applyHeldUp(draft, event);
    case 'VtepChanged':
      return applyUnderlay(draft, event);
    case 'Reported':
      return applyObservation(draft, event);
  }
}

function applyDestroy(draft: Draft, event: Extract<LabEvent, { type: 'LabDestroyRequested' }>): boolean {
  sendLab(draft, { type: 'destroy', cleanup: event.cleanup, keepMgmtNet: event.keepMgmtNet });
  // What a host owes is asked for until it is gone.
  for (const wait of Object.keys(draft.state.deadlines)) if (splitDeadline(wait)[0] !== 'owed') delete draft.state.deadlines[wait];
  for (const id of Object.keys(draft.state.links).toSorted()) sendLink(draft, id as keyof typeof draft.state.links, { type: 'want.absent' });
  for (const id of Object.keys(draft.state.nodes).toSorted()) {
    const record = draft.state.nodes[id as NodeId];
    if (record) draft.state.nodes[id as NodeId] = { ...record, next: null };
    sendNode(draft, id as NodeId, { type: 'want.absent' });
  }
  if (event.networks === 'beside') for (const host of networkHosts(draft)) removeNetworkBeside(draft, host);
  draft.news.push('destroy requested');
  return true;
}

/** Begins the removal of a host's network together with that of its nodes: the host ends it after theirs. */
function removeNetworkBeside(draft: Draft, host: HostId): void {
  const { nodes, networks, lost, owed } = draft.state;
  const stands = Object.values(nodes).some(({ plan, machine }) => plan.host === host && machine.value !== 'removing');
  if (stands || lost[host] !== undefined || networks[host]?.state === 'absent' || Object.values(owed).some((one) => one.host === host)) return;
  setNetwork(draft, host, { state: 'removing' });
  addEffect(draft, { type: 'network.remove', target: host, host });
}

function applyDeadline(draft: Draft, name: string): boolean {
  if (draft.state.deadlines[name] === undefined) return false;
  delete draft.state.deadlines[name];
  const [kind, target] = splitDeadline(name);
  if (kind === 'startup-delay' || kind === 'steady') draft.state.passed[name] = true;
  if (kind === 'retry-node') sendNode(draft, target as NodeId, { type: 'retry' });
  if (kind === 'retry-link') sendLink(draft, target as Parameters<typeof sendLink>[1], { type: 'retry' });
  // Logs of before the network had a part on each host name none.
  if (kind === 'retry-network') for (const host of networkHosts(draft)) if (target === '' || target === host) retryNetwork(draft, host);
  if (kind === 'crossing') failCrossing(draft, target as LinkId);
  if (kind === 'save') giveUpSave(draft, target as NodeId);
  if (kind === 'owed') askOwed(draft, target);
  if (kind === 'answer') askAgain(draft, target as HostId);
  return true;
}

const networkHosts = (draft: Draft): HostId[] => Object.keys(draft.state.networks).toSorted() as HostId[];

function retryNetwork(draft: Draft, host: HostId): boolean {
  const network = draft.state.networks[host];
  if (network?.state !== 'failed' || !network.mgmt) return false;
  const leaving = draft.state.lab.value === 'destroying';
  // It goes when all that stands on it is gone, not before.
  if (leaving && needsNetwork(draft.state, host)) return false;
  const removing = leaving || !needsNetwork(draft.state, host);
  setNetwork(draft, host, { state: removing ? 'removing' : 'ensuring' });
  addEffect(draft, { type: removing ? 'network.remove' : 'network.ensure', target: host, host });
  return true;
}

/** The two ends are made and no frame came through in time: that is a failure, though one that mends itself when the echo comes. */
function failCrossing(draft: Draft, id: LinkId): void {
  const record = draft.state.links[id];
  const fault = record ? crossingFault(record, draft.state.lost) : '';
  if (fault !== '') sendLink(draft, id, { type: 'failed', failure: { code: 'not-crossing', message: `link ${id}: ${fault}`, log: [] } });
}
