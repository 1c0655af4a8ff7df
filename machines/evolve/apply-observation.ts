// One report of a host -> what it says to the machine of the node, link or network it speaks of.
import type { Failure } from '../vocabulary/lab-view.ts';
import { crossingFault, farAway, linkHosts, NOT_CROSSED, sideOfHost, SIDES } from '../link/crossing.ts';
import type { LegSeen, Side } from '../link/crossing.ts';
import type { HostId, LinkId, NodeId } from '../vocabulary/ids.ts';
import type { Observation } from '../vocabulary/observation.ts';
import { REPAIR_OFF } from '../vocabulary/repair-switches.ts';
import type { PendingEffect } from '../vocabulary/effect.ts';
import { OWED_AGAIN_MS, retryDelayMs } from '../policy/retry-policy.ts';
import { applyNetwork } from './apply-network.ts';
import { applySaved, noteUnsaved } from './apply-save.ts';
import { retryName } from './deadline-names.ts';
import { armDeadline, dropEffect, sendLink, sendNode, setNetwork } from './draft.ts';
import type { Draft } from './draft.ts';
import { isOutdated, noteHeard } from './heard.ts';
import type { Heard } from './heard.ts';
import { noteRemoved, rejoinLinksOf } from './lab-parts.ts';
import { owedKeyOf } from './lab-state.ts';
import type { LinkRecord } from './lab-state.ts';
import { noteTold } from './untold.ts';
import { hasSandbox } from './waits.ts';

/** Returns whether the observation was news; what was not is not recorded. */
export function applyObservation(draft: Draft, heard: Heard): boolean {
  const seen = heard.observation;
  const answered = seen.effectId ? draft.state.pending[seen.effectId] : undefined;
  if (seen.effectId && !answered) return false;
  if (answered) dropEffect(draft, answered.id);
  // Its order is answered; what it saw was before what is known now.
  if (isOutdated(draft.state, heard, answered)) return answered !== undefined;
  const isNews = apply(draft, heard, answered);
  if (isNews) noteHeard(draft, heard, answered);
  return isNews;
}

function apply(draft: Draft, { host, observation: seen }: Heard, answered: PendingEffect | undefined): boolean {
  if (answered?.owed && seen.type !== 'effect.failed') return settleOwed(draft, answered);
  if (seen.type === 'node.engine') return noteEngineEvent(draft, seen);
  if ('node' in seen) {
    if (draft.state.nodes[seen.node]?.plan.generation !== seen.generation) return answered !== undefined;
    if (answered && noteTold(draft, answered) && isSameProcess(draft, seen)) return true;
    return applyNode(draft, seen) || answered !== undefined;
  }
  if ('link' in seen) {
    if (isOfAnotherPlan(draft.state.links[seen.link], host, seen)) return answered !== undefined;
    return applyLink(draft, host, seen) || answered !== undefined;
  }
  if (seen.type === 'effect.failed') return applyFailure(draft, { ...seen, effect: answered });
  return applyNetwork(draft, host, seen) || answered !== undefined;
}

/** It runs as before: only its order is another one, and what is known of it (its health, its steps) still holds. */
function isSameProcess(draft: Draft, seen: NodeSeen): boolean {
  const { value, context } = draft.state.nodes[seen.node]?.machine ?? {};
  return seen.type === 'node.started' && value === 'running' && seen.pid !== undefined && seen.pid === context?.pid && seen.runtimeId === context.runtimeId;
}

/** The host that was left has removed what it kept. */
function settleOwed(draft: Draft, effect: PendingEffect): boolean {
  delete draft.state.owed[owedKeyOf(effect)];
  draft.news.push(`host ${effect.host} removed what it kept of ${effect.target}`);
  return true;
}

type NodeSeen = Exclude<Extract<Observation, { node: NodeId }>, { type: 'node.engine' }>;
type LinkSeen = Extract<Observation, { link: LinkId }>;

function applyNode(draft: Draft, seen: NodeSeen): boolean {
  const id = seen.node;
  switch (seen.type) {
    case 'node.prepared':
      return sendNode(draft, id, { type: 'prepared', runtimeId: seen.runtimeId ?? null });
    case 'node.started':
      return applyStarted(draft, seen);
    case 'node.stopped':
      return sendNode(draft, id, { type: 'stopped' });
    case 'node.died':
      return applyDied(draft, seen);
    case 'node.removed':
      return applyRemoved(draft, id);
    case 'node.unplugged':
      draft.news.push(`node ${id}: the host gave up repairing: ${seen.message}`);
      return sendNode(draft, id, { type: 'unplugged', failure: { code: seen.code, message: seen.message, log: [] } });
    case 'node.health':
      return draft.state.nodes[id]?.machine.context.health !== seen.status && sendNode(draft, id, { type: 'health', status: seen.status });
    case 'node.exec-done':
      for (const result of seen.results) if (result.exitCode !== 0) draft.news.push(`node ${id}: "${result.command}" ended with exit code ${result.exitCode}`);
      return sendNode(draft, id, { type: 'executed', results: seen.results });
    case 'node.saved':
      return applySaved(draft, seen);
    case 'node.progress':
      return false;
  }
}

/** History only: the last words about a container come when its node is gone or made anew, and still have their entry. */
function noteEngineEvent(draft: Draft, seen: Extract<Observation, { type: 'node.engine' }>): boolean {
  draft.news.push(`node ${seen.node}: engine says ${seen.action}${seen.exitCode === undefined ? '' : ` (exit code ${seen.exitCode})`}`);
  return true;
}

function applyStarted(draft: Draft, seen: Extract<Observation, { type: 'node.started' }>): boolean {
  const record = draft.state.nodes[seen.node];
  // Started, and read back without a process: what became of it is on its way.
  if (record?.spec.runtime === 'container' && seen.pid === undefined) return false;
  const before = record?.machine.context;
  const isNews = sendNode(draft, seen.node, {
    type: 'started', runtimeId: seen.runtimeId ?? null, pid: seen.pid ?? null, at: seen.startedAt, repaired: seen.cause === 'repair',
  });
  if (!isNews) return false;
  // Commands that were on their way into the process before would count for this one.
  if (draft.state.nodes[seen.node]?.machine.context.step === 0) dropExecOf(draft, seen.node);
  if (seen.cause !== 'order') draft.news.push(`node ${seen.node} runs again (${seen.cause})`);
  if (!hasSandbox(draft.state, seen.node) && before?.pid !== seen.pid) rejoinLinksOf(draft, seen.node);
  return true;
}

function dropExecOf(draft: Draft, node: NodeId): void {
  for (const effect of Object.values(draft.state.pending)) if (effect.type === 'node.exec' && effect.target === node) dropEffect(draft, effect.id);
}

function applyDied(draft: Draft, seen: Extract<Observation, { type: 'node.died' }>): boolean {
  const failure: Failure = {
    code: seen.oomKilled ? 'out-of-memory' : 'process-exited',
    message: `process of node ${seen.node} ended with exit code ${seen.exitCode}${seen.oomKilled ? ' (out of memory)' : ''}`,
    log: seen.log,
  };
  draft.news.push(`${failure.message}; ${NEXT[seen.next]}`);
  if (seen.next === 'restart') return sendNode(draft, seen.node, { type: 'died', failure, at: seen.at });
  if (seen.why !== undefined) return sendNode(draft, seen.node, { type: 'gave-up', failure: { ...failure, code: REPAIR_OFF, message: `${failure.message}; ${seen.why}` } });
  if (seen.next === 'leave') return sendNode(draft, seen.node, { type: 'left', failure, clean: seen.exitCode === 0 });
  return sendNode(draft, seen.node, { type: 'gave-up', failure: { ...failure, code: 'repair-budget-spent', message: `${failure.message} too often; the host stopped restarting it` } });
}

const NEXT = { restart: 'the host restarts it', leave: 'its restart policy leaves it', 'gave-up': 'the host gave up' } as const;

function applyRemoved(draft: Draft, id: NodeId): boolean {
  const record = draft.state.nodes[id];
  if (!record) return false;
  // The next generation is in place before the machine asks for its preparation.
  if (record.next && record.machine.value === 'removing') draft.state.nodes[id] = { ...record, spec: record.next.spec, plan: record.next.plan, next: null };
  return sendNode(draft, id, { type: 'removed' });
}

/** What a host says of a link that it has no part of any more, or of how the link was before its plan was made anew. A removal is an answer, and counts. */
function isOfAnotherPlan(record: LinkRecord | undefined, host: HostId, seen: LinkSeen): boolean {
  if (!record || seen.type === 'link.removed') return false;
  const { generation } = record.plan;
  const isOlder = generation !== undefined && seen.generation !== undefined && seen.generation !== generation;
  return isOlder || !linkHosts(record.plan).includes(host);
}

function applyLink(draft: Draft, host: HostId, seen: LinkSeen): boolean {
  const id = seen.link;
  if (draft.state.links[id]?.plan.far && seen.type !== 'link.removed') return applyLeg(draft, host, seen);
  const failure = (code: string, message: string): Failure => ({ code, message, log: [] });
  switch (seen.type) {
    case 'link.joined':
      return sendLink(draft, id, { type: 'joined', carrierA: seen.carrier.a, carrierB: seen.carrier.b, adminUp: seen.adminUp, held: seen.held });
    case 'link.repaired':
      draft.news.push(`link ${id} repaired: ${seen.what}`);
      return sendLink(draft, id, { type: 'repaired', carrierA: seen.carrier.a, carrierB: seen.carrier.b, adminUp: seen.adminUp, held: seen.held });
    case 'link.carrier': {
      const context = draft.state.links[id]?.machine.context;
      if (!context || (context.carrierA === seen.carrier.a && context.carrierB === seen.carrier.b)) return false;
      return sendLink(draft, id, { type: 'carrier', carrierA: seen.carrier.a, carrierB: seen.carrier.b });
    }
    case 'link.lost':
      draft.news.push(`link ${id} lost: ${seen.what}`);
      return sendLink(draft, id, { type: 'lost', failure: failure('drifted', seen.what) });
    case 'link.gave-up':
      draft.news.push(`link ${id}: the host gave up repairing: ${seen.message}`);
      return sendLink(draft, id, { type: 'gave-up', failure: failure(seen.code, seen.message) });
    case 'link.removed':
      return noteRemoved(draft, id);
  }
}

type LegNews = Exclude<LinkSeen, { type: 'link.removed' }>;

/** One end of a link across hosts: remembered, and told to the link's machine once both ends say the same. */
function applyLeg(draft: Draft, host: HostId, seen: LegNews): boolean {
  const record = draft.state.links[seen.link];
  if (!record) return false;
  const side = sideOfHost(record.plan, host);
  const before = (record.crossing ?? NOT_CROSSED).legs[side];
  const leg = legOf(before, side, seen);
  if (JSON.stringify(leg) === JSON.stringify(before)) return seen.type === 'link.joined' || seen.type === 'link.repaired' ? tellCrossing(draft, seen) : false;
  const crossing = record.crossing ?? NOT_CROSSED;
  draft.state.links[seen.link] = { ...record, crossing: { ...crossing, legs: { ...crossing.legs, [side]: leg } } };
  draft.touchedLinks.add(seen.link);
  if (seen.type === 'link.lost') draft.news.push(`link ${seen.link}: host ${host} lost its end: ${seen.what}`);
  if (seen.type === 'link.repaired') draft.news.push(`link ${seen.link}: host ${host} repaired its end: ${seen.what}`);
  // The end that could not be made is there after all: the other one is wanted again.
  if (leg !== null && crossing.undone !== undefined && crossing.undone !== side) sendLink(draft, seen.link, { type: 'retry' });
  if (seen.type === 'link.gave-up') sendLink(draft, seen.link, { type: 'gave-up', failure: { code: seen.code, message: seen.message, log: [] } });
  tellCrossing(draft, seen);
  return true;
}

function legOf(before: LegSeen | null, side: Side, seen: LegNews): LegSeen | null {
  if (seen.type === 'link.lost' || seen.type === 'link.gave-up') return null;
  if (seen.type === 'link.carrier') return before && { ...before, carrier: seen.carrier[side] };
  // Without a tunnel it is a port that waits in the dark, and no leg.
  return seen.tunnel ? { adminUp: seen.adminUp, carrier: seen.carrier[side], held: seen.held, tunnel: seen.tunnel } : null;
}

/** Whether the link's machine made anything of what both ends say now. */
function tellCrossing(draft: Draft, seen: LegNews): boolean {
  const record = draft.state.links[seen.link];
  if (!record) return false;
  const fault = crossingFault(record, draft.state.lost);
  const { value } = record.machine;
  if (fault !== '') return (value === 'up' || value === 'down') && sendLink(draft, seen.link, { type: 'lost', failure: { code: 'not-crossing', message: fault, log: [] } });
  const [a, b] = [record.crossing?.legs.a, record.crossing?.legs.b];
  if (!a || !b || !isSettled(draft, seen.link)) return false;
  const held = [...new Set([...a.held, ...b.held])].toSorted();
  return sendLink(draft, seen.link, { type: seen.type === 'link.repaired' ? 'repaired' : 'joined', adminUp: a.adminUp && b.adminUp, carrierA: a.carrier, carrierB: b.carrier, held });
}

/** Both ends have answered the last order, and it told them truly of each other. */
function isSettled(draft: Draft, id: LinkId): boolean {
  const record = draft.state.links[id];
  if (!record) return false;
  const hosts = linkHosts(record.plan);
  const pending = Object.values(draft.state.pending).some((effect) => effect.type === 'link.ensure' && effect.target === id && hosts.includes(effect.host));
  return !pending && SIDES.every((side) => record.crossing?.told[side] === (farAway(record, side, draft.state.lost) === ''));
}

type Failed = Extract<Observation, { type: 'effect.failed' }> & { effect: PendingEffect | undefined };

function applyFailure(draft: Draft, failed: Failed): boolean {
  const { effect } = failed;
  if (!effect) return false;
  if (effect.type === 'node.save') return noteUnsaved(draft, effect.target as NodeId, failed.message);
  const failure: Failure = { code: failed.code, message: failed.message, log: failed.log };
  draft.news.push(`${effect.type} ${effect.target} failed: ${failed.message}`);
  if (effect.owed) return retryOwed(draft, effect);
  if (effect.type === 'node.exec') return failExec(draft, effect, failure);
  if (effect.type.startsWith('node.')) sendNode(draft, effect.target as NodeId, { type: 'failed', failure });
  if (effect.type.startsWith('link.')) failLink(draft, effect, failure);
  if (effect.type.startsWith('network.')) setNetwork(draft, effect.host, { state: 'failed', failure, attempts: (draft.state.networks[effect.host]?.attempts ?? 0) + 1 });
  planRetry(draft, { effect, retryable: failed.retryable });
  return true;
}

/** The end that could not be made is not there; the other one is told so, and shows its node no carrier. */
function failLink(draft: Draft, effect: PendingEffect, failure: Failure): void {
  const id = effect.target as LinkId;
  const record = draft.state.links[id];
  if (record?.plan.far) {
    const side = sideOfHost(record.plan, effect.host);
    const crossing = record.crossing ?? NOT_CROSSED;
    draft.state.links[id] = { ...record, crossing: { ...crossing, legs: { ...crossing.legs, [side]: null } } };
  }
  sendLink(draft, id, { type: 'failed', failure: record?.plan.far ? { ...failure, message: `host ${effect.host}: ${failure.message}` } : failure });
}

/** What is ours on a host must go, however long the host takes. */
function retryOwed(draft: Draft, effect: PendingEffect): boolean {
  armDeadline(draft, `owed/${owedKeyOf(effect)}`, draft.at + OWED_AGAIN_MS);
  return true;
}

/** Commands that could not even be tried count as failed commands: they do not fail the node. */
function failExec(draft: Draft, effect: PendingEffect, failure: Failure): boolean {
  const results = (effect.commands ?? []).map(({ command, target }) => ({ command, target, exitCode: -1, stdout: '', stderr: failure.message }));
  return sendNode(draft, effect.target as NodeId, { type: 'executed', results });
}

function planRetry(draft: Draft, { effect, retryable }: { effect: PendingEffect; retryable: boolean }): void {
  const removing = effect.type.endsWith('.remove');
  if (!retryable && !removing) return;
  const delay = retryDelayMs(attemptsOf(draft, effect), { removing });
  if (delay === null) return;
  armDeadline(draft, retryName(effect), draft.at + delay);
}

function attemptsOf(draft: Draft, effect: PendingEffect): number {
  if (effect.type.startsWith('node.')) return draft.state.nodes[effect.target as NodeId]?.machine.context.attempts ?? 1;
  if (effect.type.startsWith('link.')) return draft.state.links[effect.target as LinkId]?.machine.context.attempts ?? 1;
  return draft.state.networks[effect.host]?.attempts ?? 1;
}
