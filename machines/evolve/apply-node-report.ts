// What a host says of a node -> what it means to the node's machine.
import type { NodeId } from '../vocabulary/ids.ts';
import type { Failure } from '../vocabulary/lab-view.ts';
import type { Observation } from '../vocabulary/observation.ts';
import { REPAIR_OFF } from '../vocabulary/repair-switches.ts';
import { applySaved } from './apply-save.ts';
import { dropEffect, sendNode } from './draft.ts';
import type { Draft } from './draft.ts';
import { rejoinLinksOf } from './lab-parts.ts';
import { hasSandbox } from './waits.ts';

export type NodeSeen = Exclude<Extract<Observation, { node: NodeId }>, { type: 'node.engine' }>;

/** Returns whether it was news. */
export function applyNodeReport(draft: Draft, seen: NodeSeen): boolean {
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

/** It runs as before: only its order is another one, and what is known of it (its health, its steps) still holds. */
export function isSameProcess(draft: Draft, seen: NodeSeen): boolean {
  const { value, context } = draft.state.nodes[seen.node]?.machine ?? {};
  return seen.type === 'node.started' && value === 'running' && seen.pid !== undefined && seen.pid === context?.pid && seen.runtimeId === context.runtimeId;
}

/** History only: the last words about a container come when its node is gone or made anew, and still have their entry. */
export function noteEngineEvent(draft: Draft, seen: Extract<Observation, { type: 'node.engine' }>): boolean {
  draft.news.push(`node ${seen.node}: engine says ${seen.action}${seen.exitCode === undefined ? '' : ` (exit code ${seen.exitCode})`}`);
  return true;
}
