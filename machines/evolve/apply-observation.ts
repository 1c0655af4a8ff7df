// One report of a host -> what it says to the machine of the node, link or network it speaks of.
import type { HostId } from '../vocabulary/ids.ts';
import type { Observation } from '../vocabulary/observation.ts';
import { REPAIR_OFF } from '../vocabulary/repair-switches.ts';
import type { PendingEffect } from '../vocabulary/effect.ts';
import { applyFailure } from './apply-failure.ts';
import { applyLinkReport, isOfAnotherPlan } from './apply-link-report.ts';
import { applyNodeReport, isSameProcess, noteEngineEvent } from './apply-node-report.ts';
import { dropEffect, setNetwork } from './draft.ts';
import type { Draft } from './draft.ts';
import { isOutdated, noteHeard } from './heard.ts';
import type { Heard } from './heard.ts';
import { NO_NETWORK, owedKeyOf } from './lab-state.ts';
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
  return applyNetworkReport(draft, host, seen) || answered !== undefined;
}

/** The host that was left has removed what it kept. */
function settleOwed(draft: Draft, effect: PendingEffect): boolean {
  delete draft.state.owed[owedKeyOf(effect)];
  draft.news.push(`host ${effect.host} removed what it kept of ${effect.target}`);
  return true;
}

type NetworkSeen = Extract<Observation, { type: 'network.foreseen' | 'network.ready' | 'network.removed' | 'network.repaired' | 'network.drifted' }>;

function applyNetworkReport(draft: Draft, host: HostId, seen: NetworkSeen): boolean {
  const network = draft.state.networks[host] ?? NO_NETWORK;
  switch (seen.type) {
    case 'network.foreseen':
      if (network.state !== 'ensuring' || network.foreseen === true) return false;
      setNetwork(draft, host, { foreseen: true, foreign: seen.foreign });
      return true;
    case 'network.ready':
      if (network.state !== 'ensuring') return false;
      setNetwork(draft, host, { state: 'ready', mgmt: network.mgmt && { ...network.mgmt, bridge: seen.bridge }, foreign: seen.foreign, failure: null, attempts: 0 });
      return true;
    case 'network.removed':
      setNetwork(draft, host, { state: 'absent', mgmt: null, failure: null, attempts: 0 });
      return true;
    case 'network.drifted':
      if (network.state !== 'ready') return false;
      draft.news.push(`management network drifted: ${seen.what}; ${seen.why}`);
      setNetwork(draft, host, { state: 'failed', failure: { code: REPAIR_OFF, message: `${seen.what}; ${seen.why}`, log: [] } });
      return true;
    case 'network.repaired':
      draft.news.push(`management network repaired: ${seen.what}`);
      return true;
  }
}
