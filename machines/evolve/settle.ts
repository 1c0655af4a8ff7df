// After the events of an entry: opens every gate whose condition now holds, forgets what is gone, and adds up the lab.
import { crossingFault, farAway, hostOfSide, linkHosts, misfit, otherSide, SIDES } from '../link/crossing.ts';
import { vanishes } from '../plan/plan-tunnels.ts';
import type { HostId, LinkId, NodeId } from '../vocabulary/ids.ts';
import type { PendingEffect } from '../vocabulary/effect.ts';
import { CROSSING_MS } from '../policy/retry-policy.ts';
import { retryName, splitDeadline } from './deadline-names.ts';
import { savingOf } from './apply-save.ts';
import { armAnswers } from './answers.ts';
import { addEffect, armDeadline, orderLeg, sendLab, sendLink, sendNode, setNetwork } from './draft.ts';
import type { Draft } from './draft.ts';
import { giveUpForgotten, leaveForgotten } from './forgotten-hosts.ts';
import { lostFailure } from './apply-host.ts';
import { mgmtMisfit } from './apply-underlay.ts';
import type { LabState, LinkRecord } from './lab-state.ts';
import { unreached } from './mgmt-reach.ts';
import { dropEffectsOf, needsNetwork } from './lab-parts.ts';
import { QUICK_DEATH_MS } from '../node/node-machine.ts';
import { dropUnstuck } from './stuck-nodes.ts';
import { tellNode } from './untold.ts';
import { linkGate, linkWait, nodeWait, startGate, startupDelayName, steadyGate, steadyName, stepGate, stepsOf } from './waits.ts';

/** Runs to a fixed point: opening one gate may open the next. */
export function settle(draft: Draft): void {
  giveUpForgotten(draft);
  let moved = true;
  while (moved) {
    moved = false;
    for (const id of nodeIds(draft.state)) moved = settleNode(draft, id) || moved;
    for (const id of linkIds(draft.state)) moved = settleLink(draft, id) || moved;
  }
  dropIdleWaits(draft);
  dropUnstuck(draft);
  for (const host of Object.keys(draft.state.networks) as HostId[]) removeNetworkWhenLast(draft, host);
  leaveForgotten(draft);
  armAnswers(draft);
  sendLab(draft, { type: 'settled', outcome: addUp(draft.state), at: draft.at });
}

const nodeIds = (state: LabState): NodeId[] => Object.keys(state.nodes) as NodeId[];
const linkIds = (state: LabState): LinkId[] => Object.keys(state.links) as LinkId[];

function settleNode(draft: Draft, id: NodeId): boolean {
  const record = draft.state.nodes[id];
  if (!record) return false;
  switch (record.machine.value) {
    case 'absent':
      return record.machine.context.desired === 'absent' && forgetNode(draft, id);
    case 'waiting': {
      if (record.spec.startupDelaySeconds > 0 && !draft.state.passed[startupDelayName(record)]) {
        armDeadline(draft, startupDelayName(record), draft.at + record.spec.startupDelaySeconds * 1000);
      }
      return startGate(draft.state, record).open && sendNode(draft, id, { type: 'gate.opened' });
    }
    case 'configuring':
      return takeStep(draft, id);
    case 'running':
      return tellNode(draft, id);
    default:
      return false;
  }
}

function takeStep(draft: Draft, id: NodeId): boolean {
  const record = draft.state.nodes[id];
  if (!record) return false;
  const step = stepsOf(draft.state, record)[record.machine.context.step];
  if (!step) {
    if (steadyGate(draft.state, record).open) return sendNode(draft, id, { type: 'steps.finished' });
    armDeadline(draft, steadyName(record), draft.at + QUICK_DEATH_MS);
    return false;
  }
  if (step.kind === 'exec') {
    if (!execIsPending(draft, id)) orderExec(draft, id, [...step.commands]);
    return false;
  }
  return stepGate(draft.state, record, step).open && sendNode(draft, id, { type: 'step.done' });
}

function orderExec(draft: Draft, node: NodeId, commands: NonNullable<PendingEffect['commands']>): void {
  const record = draft.state.nodes[node];
  if (record) addEffect(draft, { type: 'node.exec', target: node, host: record.plan.host, commands });
}

const execIsPending = (draft: Draft, node: NodeId): boolean =>
  Object.values(draft.state.pending).some((effect) => effect.type === 'node.exec' && effect.target === node);

function settleLink(draft: Draft, id: LinkId): boolean {
  const record = draft.state.links[id];
  if (!record) return false;
  if (record.machine.value === 'absent' && record.machine.context.desired === 'absent') return forgetLink(draft, id);
  if (record.machine.value === 'waiting') return linkGate(draft.state, record).open && sendLink(draft, id, { type: 'gate.opened' });
  if (record.machine.value === 'joining' && awaitsLost(draft.state, record)) return sendLink(draft, id, { type: 'failed', failure: lostFailure(draft.state, linkHosts(record.plan)) });
  if (vanishes(record.plan) && isTried(draft.state, record)) return sendLink(draft, id, { type: 'failed', failure: { code: 'mtu-too-large', message: `link ${id}: ${misfit(record.plan)}`, log: [] } });
  return record.crossing !== undefined && (undoHalf(draft, record) || tellLegs(draft, id));
}

/** One end could not be made, and nothing tries it any more: the tunnel of the other one is taken back. */
function undoHalf(draft: Draft, { spec: { id }, plan, machine, crossing }: LinkRecord): boolean {
  const { lost, pending, deadlines } = draft.state;
  if (machine.value !== 'failed' || machine.context.desired !== 'present' || !crossing || crossing.undone !== undefined) return false;
  const side = SIDES.find((one) => crossing.legs[one] && !crossing.legs[otherSide(one)]);
  if (side === undefined || linkHosts(plan).some((host) => lost[host] !== undefined) || deadlines[retryName({ type: 'link.ensure', target: id })] !== undefined) return false;
  const far = hostOfSide(plan, otherSide(side));
  if (Object.values(pending).some((effect) => effect.type === 'link.ensure' && effect.target === id && effect.host === far)) return false;
  orderLeg(draft, id, side, true);
  return true;
}

const TRIED = new Set(['joining', 'up', 'down', 'repairing']);

/** Its hosts have answered all that they were ordered. */
function isTried({ pending }: LabState, { spec, machine }: LinkRecord): boolean {
  return TRIED.has(machine.value) && !Object.values(pending).some((effect) => effect.type === 'link.ensure' && effect.target === spec.id);
}

/** The host that is there has answered, and the other one is lost. */
function awaitsLost({ lost, pending }: LabState, { plan, spec }: LinkRecord): boolean {
  return linkHosts(plan).some((host) => lost[host] !== undefined) && !Object.values(pending).some((effect) => effect.type === 'link.ensure' && effect.target === spec.id && lost[effect.host] === undefined);
}

const CROSSING = new Set(['joining', 'up', 'down', 'repairing', 'failed']);

/** Each end that is made learns when the other one comes or goes; how long they may take to prove that frames pass has a deadline. */
function tellLegs(draft: Draft, id: LinkId): boolean {
  const record = draft.state.links[id];
  if (!record?.crossing || !CROSSING.has(record.machine.value)) return false;
  if (record.machine.value !== 'failed' && crossingFault(record, draft.state.lost) !== '') armDeadline(draft, `crossing/${id}`, draft.at + CROSSING_MS);
  for (const side of SIDES) {
    const { legs, told } = record.crossing;
    if (legs[side] && told[side] !== (farAway(record, side, draft.state.lost) === '')) {
      orderLeg(draft, id, side);
      return true;
    }
  }
  return false;
}

function forgetNode(draft: Draft, id: NodeId): boolean {
  delete draft.state.nodes[id];
  draft.touchedNodes.delete(id);
  draft.gone.push(id);
  dropEffectsOf(draft, id);
  return true;
}

function forgetLink(draft: Draft, id: LinkId): boolean {
  delete draft.state.links[id];
  draft.touchedLinks.delete(id);
  draft.gone.push(id);
  dropEffectsOf(draft, id);
  return true;
}

/** A retry is for something that has failed, a proof for the present process; whatever changed meanwhile needs none. */
function dropIdleWaits(draft: Draft): void {
  const { state } = draft;
  for (const name of Object.keys(state.deadlines)) {
    const [kind, target] = splitDeadline(name);
    const idle =
      (kind === 'retry-node' && state.nodes[target as NodeId]?.machine.value !== 'failed') ||
      (kind === 'retry-link' && state.links[target as LinkId]?.machine.value !== 'failed') ||
      (kind === 'retry-network' && target !== '' && state.networks[target as HostId]?.state !== 'failed') ||
      (kind === 'save' && savingOf(Object.values(state.pending), target) === undefined) ||
      (kind === 'owed' && state.owed[target] === undefined) ||
      (kind === 'crossing' && !isCrossingAwaited(state, target as LinkId)) ||
      (kind === 'steady' && !Object.values(state.nodes).some((node) => node.machine.value === 'configuring' && steadyName(node) === name));
    if (idle) delete state.deadlines[name];
  }
}

function isCrossingAwaited(state: LabState, id: LinkId): boolean {
  const record = state.links[id];
  return record !== undefined && (record.machine.value === 'joining' || record.machine.value === 'repairing') && crossingFault(record, state.lost) !== '';
}

function removeNetworkWhenLast(draft: Draft, host: HostId): void {
  const { state } = draft;
  const network = state.networks[host];
  if (!network || needsNetwork(state, host)) return;
  if (network.state === 'absent') {
    delete state.networks[host];
    return;
  }
  if (network.state === 'removing' || state.lost[host] !== undefined) return;
  // A removal that failed is tried again at its deadline; a network that could not be made is removed like any other.
  if (network.state === 'failed' && state.deadlines[retryName({ type: 'network.remove', target: host })] !== undefined) return;
  setNetwork(draft, host, { state: 'removing' });
  addEffect(draft, { type: 'network.remove', target: host, host });
}

const BUSY_NODE = new Set(['preparing', 'waiting', 'starting', 'configuring', 'stopping', 'removing', 'recovering']);
const BUSY_LINK = new Set(['waiting', 'joining', 'repairing', 'removing']);

/** What the parts add up to. A wait that cannot end by itself counts as a fault, not as being busy. */
export function addUp(state: LabState): 'busy' | 'good' | 'bad' | 'gone' {
  const networks = Object.entries(state.networks).filter(([host]) => state.lost[host as HostId] === undefined);
  let busy = networks.some(([, { state: value }]) => value === 'ensuring' || value === 'removing');
  let bad = Object.keys(state.lost).length > 0;
  const fail = (retry: string): void => {
    // What will be tried again by itself has not failed for good.
    if (state.deadlines[retry] === undefined) bad = true;
    else busy = true;
  };
  for (const [host, network] of networks) if (network.state === 'failed') fail(retryName({ type: 'network.ensure', target: host }));
  if (mgmtMisfit(state) !== '') bad = true;
  for (const { seen } of unreached(state)) {
    if (seen.echo === 'lost') bad = true;
    else busy = true;
  }
  for (const node of Object.values(state.nodes)) {
    if (node.machine.value === 'failed') fail(retryName({ type: 'node.start', target: node.spec.id }));
    else if (BUSY_NODE.has(node.machine.value)) {
      if (nodeWait(state, node).blocked) bad = true;
      else busy = true;
    } else if (node.machine.value === 'running' && node.untold !== undefined) busy = true;
  }
  for (const link of Object.values(state.links)) {
    if (link.machine.value === 'failed') fail(retryName({ type: 'link.ensure', target: link.spec.id }));
    else if (BUSY_LINK.has(link.machine.value)) {
      if (linkWait(state, link.spec.id).blocked) bad = true;
      else busy = true;
    }
  }
  if (busy) return 'busy';
  if (state.lab.value === 'destroying') {
    const gone = Object.keys(state.nodes).length === 0 && Object.keys(state.links).length === 0 && Object.keys(state.networks).length === 0 && Object.keys(state.owed).length === 0;
    return gone ? 'gone' : 'busy';
  }
  return bad ? 'bad' : 'good';
}
