// What a node or link still waits for before it may go on; pure questions about the folded state.
import { linkHosts } from '../link/crossing.ts';
import type { HostId, LinkId, NodeId } from '../vocabulary/ids.ts';
import type { LinkEnd, Stage, StageName } from '../vocabulary/lab-spec.ts';
import { bootSteps } from '../node/boot-steps.ts';
import type { BootStep } from '../node/boot-steps.ts';
import { NO_NETWORK, owedKey } from './lab-state.ts';
import type { LabState, LinkRecord, NodeRecord } from './lab-state.ts';

/** `wait` names what is missing in words; `blocked` is a wait that cannot end by itself. */
export type Gate = { readonly open: true } | { readonly open: false; readonly wait: string; readonly blocked: boolean };

type Labs = Pick<LabState, 'nodes' | 'links' | 'passed' | 'spec' | 'networks' | 'lost' | 'owed'>;
const OPEN: Gate = { open: true };
const closed = (wait: string, blocked: boolean): Gate => ({ open: false, wait, blocked });

/** Nodes of a link, in order, without repetition. */
export function linkNodes(link: LinkRecord): NodeId[] {
  return [...new Set([...endNodes(link.spec.a), ...endNodes(link.spec.b)])];
}

function endNodes(end: LinkEnd): readonly NodeId[] {
  if (end.at === 'node' || end.at === 'bridge') return [end.node];
  if (end.at === 'node-bridge') return [end.inside, end.node];
  return [];
}

/**
 * Whether the node's interfaces live in a namespace that we make before its process exists. Not so where the management
 * network is somebody else's: then the engine attaches the node, and its links are made after each start.
 */
export function hasSandbox(state: Labs, id: NodeId): boolean {
  const node = state.nodes[id];
  if (!node || node.spec.runtime !== 'container') return false;
  const { network } = node.spec;
  if (network.mode === 'sandbox') return state.networks[node.plan.host]?.foreign !== true;
  return network.mode === 'none' || (network.mode === 'node' && network.node !== id && hasSandbox(state, network.node));
}

export function healthAwaited(state: Labs, id: NodeId): boolean {
  return (state.spec?.nodes ?? []).some((other) =>
    Object.values(other.stages).some((stage) => stage?.waitFor.some((wait) => wait.node === id && wait.stage === 'healthy')));
}

export function stepsOf(state: Labs, record: NodeRecord): BootStep[] {
  return bootSteps(record.spec, { healthAwaited: record.spec.healthcheck !== undefined && healthAwaited(state, record.spec.id) });
}

export const startupDelayName = (record: NodeRecord): string => `startup-delay/${record.spec.id}/${record.plan.generation}`;

/** May the created node's process be started? */
export function startGate(state: Labs, record: NodeRecord): Gate {
  const stage = record.spec.stages.create;
  const gate = stage ? stageGate(state, stage.waitFor) : OPEN;
  if (!gate.open) return gate;
  if (record.spec.startupDelaySeconds > 0 && !state.passed[startupDelayName(record)]) {
    return closed(`startup-delay of ${record.spec.startupDelaySeconds} s`, false);
  }
  if (!hasSandbox(state, record.spec.id)) return OPEN;
  return linksGate(state, record.spec.id, { onlyEarly: true });
}

/** Have all links of the node been settled, one way or the other? */
export function linksGate(state: Labs, id: NodeId, options: { onlyEarly: boolean }): Gate {
  const unsettled = linksOf(state, id).find(
    (link) =>
      link.machine.context.desired === 'present' &&
      (link.machine.value === 'joining' || (link.machine.value === 'waiting' && !linkBlocked(state, link))) &&
      (!options.onlyEarly || linkNodes(link).every((node) => hasSandbox(state, node) || state.nodes[node]?.spec.runtime !== 'container')),
  );
  if (!unsettled) return OPEN;
  return closed(`link ${unsettled.spec.id}`, false);
}

export function linksOf(state: Labs, id: NodeId): LinkRecord[] {
  return Object.values(state.links).filter((link) => isAtNode(link, id));
}

/** Whether an end of the link is at the node. */
export const isAtNode = ({ spec }: LinkRecord, id: NodeId): boolean => isEndOf(spec.a, id) || isEndOf(spec.b, id);

function isEndOf(end: LinkEnd, id: NodeId): boolean {
  if (end.at === 'node-bridge') return end.inside === id || end.node === id;
  return (end.at === 'node' || end.at === 'bridge') && end.node === id;
}

/** Have the other nodes finished the stages that are waited for? */
export function stageGate(state: Labs, waitFor: Stage['waitFor']): Gate {
  for (const wait of waitFor) {
    const other = state.nodes[wait.node];
    if (other && !stageDone(state, other, wait.stage)) {
      return closed(`stage ${wait.stage} of node ${wait.node}`, isDead(other));
    }
  }
  return OPEN;
}

function stageDone(state: Labs, record: NodeRecord, stage: StageName): boolean {
  const { value, context } = record.machine;
  if (stage === 'exit') return value === 'exited' || value === 'stopped' || value === 'failed';
  if (value === 'running' || value === 'exited') return true;
  if (value !== 'configuring' && value !== 'recovering') return false;
  const index = stepsOf(state, record).findIndex((step) => step.kind === 'done' && step.stage === stage);
  return context.step > index;
}

const DEAD = new Set(['failed', 'stopped', 'unknown']);
const isDead = (record: NodeRecord): boolean => DEAD.has(record.machine.value);

export const hostWords = (host: HostId, why: string): string => `host ${host}, which is lost (${why})`;

const isOnMgmt = ({ spec }: LinkRecord): boolean => [spec.a, spec.b].some((end) => end.at === 'mgmt-net');

/** May the link be ordered? Both ends must have a namespace to be put into. Where one host of two is lost, the other makes its end: its node is to find it there. */
export function linkGate(state: Labs, link: LinkRecord): Gate {
  const hosts = linkHosts(link.plan);
  const lost = hosts.find((host) => state.lost[host] !== undefined);
  const there = hosts.filter((host) => state.lost[host] === undefined);
  if (lost !== undefined && there.length === 0) return closed(hostWords(lost, state.lost[lost] ?? ''), true);
  // Its removal would come after the order to make it, and take the new one away.
  const owing = hosts.find((host) => state.owed[owedKey(host, 'link', link.spec.id)] !== undefined);
  if (owing !== undefined) return closed(`host ${owing} to remove what it kept of it`, owing === lost);
  // Whose the network is decides in which namespace a node lives.
  for (const host of there) {
    const network = state.networks[host] ?? NO_NETWORK;
    // A port of its bridge has to wait until there is one, and its name is read back.
    const isEnough = network.state === 'ensuring' && network.foreseen === true && !isOnMgmt(link);
    if (network.state !== 'ready' && !isEnough) return closed('the management network', network.state === 'failed');
  }
  for (const id of linkNodes(link)) {
    const node = state.nodes[id];
    if (!node) continue;
    const { value } = node.machine;
    const early = hasSandbox(state, id) || node.spec.runtime !== 'container';
    const ready = early ? value !== 'absent' && value !== 'removing' : value === 'configuring' || value === 'running';
    if (!ready) return closed(`node ${id}`, isDead(node));
  }
  return OPEN;
}

function linkBlocked(state: Labs, link: LinkRecord): boolean {
  const gate = linkGate(state, link);
  return !gate.open && gate.blocked;
}

/** What the node waits for at its present boot step. */
export function stepGate(state: Labs, record: NodeRecord, step: BootStep): Gate {
  switch (step.kind) {
    case 'gate':
      return stageGate(state, step.waitFor);
    case 'links':
      return linksGate(state, record.spec.id, { onlyEarly: false });
    case 'healthy':
      return record.machine.context.health === 'healthy' ? OPEN : closed(`health check (${record.machine.context.health})`, record.machine.context.health === 'unhealthy');
    case 'exec':
      return closed('exec', false);
    case 'done':
      return OPEN;
  }
}

/** The wait of a node whose process died soon after a start: named after the present start. */
export const steadyName = (record: NodeRecord): string => `steady/${record.spec.id}/${record.machine.context.startedAt ?? 0}`;

/** Has a node that died soon after a start lived long enough this time? */
export function steadyGate(state: Labs, record: NodeRecord): Gate {
  return !record.machine.context.unsteady || state.passed[steadyName(record)] ? OPEN : closed('proof that its process stays', false);
}

/** In words, for people; empty when the node waits for nothing. */
export function nodeWait(state: Labs, record: NodeRecord): { wait: string; blocked: boolean } {
  const gate = presentGate(state, record);
  return gate.open ? { wait: '', blocked: false } : { wait: gate.wait, blocked: gate.blocked };
}

function presentGate(state: Labs, record: NodeRecord): Gate {
  if (record.machine.value === 'waiting') return startGate(state, record);
  if (record.machine.value !== 'configuring') return OPEN;
  const step = stepsOf(state, record)[record.machine.context.step];
  return step ? stepGate(state, record, step) : steadyGate(state, record);
}

export function linkWait(state: Labs, id: LinkId): { wait: string; blocked: boolean } {
  const link = state.links[id];
  if (!link || link.machine.value !== 'waiting') return { wait: '', blocked: false };
  const gate = linkGate(state, link);
  return gate.open ? { wait: '', blocked: false } : { wait: gate.wait, blocked: gate.blocked };
}
