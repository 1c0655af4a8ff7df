// One report of a host -> what it says to the machine of the node, link or network it speaks of.
import type { PendingEffect } from '../vocabulary/effect.ts';
import { orphanWords } from '../vocabulary/observation.ts';
import { applyFailure } from './apply-failure.ts';
import { applyLinkReport, isOfAnotherPlan } from './apply-link-report.ts';
import { applyNetwork } from './apply-network.ts';
import { applyNodeReport, isSameProcess, noteEngineEvent } from './apply-node-report.ts';
import { dropEffect } from './draft.ts';
import type { Draft } from './draft.ts';
import { isOutdated, noteHeard } from './heard.ts';
import type { Heard } from './heard.ts';
import { owedKeyOf } from './lab-state.ts';
import { noteTold } from './untold.ts';

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
    return applyNodeReport(draft, seen) || answered !== undefined;
  }
  if ('link' in seen) {
    if (isOfAnotherPlan(draft.state.links[seen.link], host, seen)) return answered !== undefined;
    return applyLinkReport(draft, host, seen) || answered !== undefined;
  }
  if (seen.type === 'effect.failed') return applyFailure(draft, { ...seen, effect: answered });
  if (seen.type === 'orphan.removed' || seen.type === 'orphan.left') {
    draft.news.push(`host ${host}: ${orphanWords(seen)}`);
    return true;
  }
  return applyNetwork(draft, host, seen) || answered !== undefined;
}

/** The host that was left has removed what it kept. */
function settleOwed(draft: Draft, effect: PendingEffect): boolean {
  delete draft.state.owed[owedKeyOf(effect)];
  draft.news.push(`host ${effect.host} removed what it kept of ${effect.target}`);
  return true;
}
