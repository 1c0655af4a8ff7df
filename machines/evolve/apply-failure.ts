// An order that a host could not carry out -> what it means to its object, and when it is tried again.
import { NOT_CROSSED, sideOfHost } from '../link/crossing.ts';
import type { PendingEffect } from '../vocabulary/effect.ts';
import type { LinkId, NodeId } from '../vocabulary/ids.ts';
import type { Failure } from '../vocabulary/lab-view.ts';
import type { Observation } from '../vocabulary/observation.ts';
import { OWED_AGAIN_MS, retryDelayMs } from '../policy/retry-policy.ts';
import { noteUnsaved } from './apply-save.ts';
import { retryName } from './deadline-names.ts';
import { armDeadline, sendLink, sendNode, setNetwork } from './draft.ts';
import type { Draft } from './draft.ts';
import { owedKeyOf } from './lab-state.ts';

type Failed = Extract<Observation, { type: 'effect.failed' }> & { effect: PendingEffect | undefined };

/** Returns whether it was news. */
export function applyFailure(draft: Draft, failed: Failed): boolean {
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
