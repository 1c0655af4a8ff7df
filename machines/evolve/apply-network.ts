// What a host says of its part of the management network.
import type { HostId } from '../vocabulary/ids.ts';
import type { FarSeen, Observation } from '../vocabulary/observation.ts';
import { REPAIR_OFF } from '../vocabulary/repair-switches.ts';
import { deepEqual } from '../plan/deep-equal.ts';
import { setNetwork } from './draft.ts';
import type { Draft } from './draft.ts';
import { NO_NETWORK } from './lab-state.ts';
import type { NetworkRecord } from './lab-state.ts';
import { reachNews } from './mgmt-reach.ts';

export type NetworkSeen = Extract<Observation, { type: 'network.foreseen' | 'network.ready' | 'network.removed' | 'network.repaired' | 'network.drifted' | 'network.echo' }>;

/** Returns whether it was news. */
export function applyNetwork(draft: Draft, host: HostId, seen: NetworkSeen): boolean {
  const network = draft.state.networks[host] ?? NO_NETWORK;
  switch (seen.type) {
    case 'network.foreseen':
      if (network.state !== 'ensuring' || network.foreseen === true) return false;
      setNetwork(draft, host, { foreseen: true, foreign: seen.foreign });
      return true;
    case 'network.ready':
      if (network.state !== 'ensuring') return false;
      noteFar(draft, host, seen.far ?? []);
      setNetwork(draft, host, { state: 'ready', mgmt: network.mgmt && { ...network.mgmt, bridge: seen.bridge }, foreign: seen.foreign, failure: null, attempts: 0 });
      return true;
    case 'network.removed':
      noteFar(draft, host, []);
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
    case 'network.echo':
      return isProbed(draft, network) && noteFar(draft, host, seen.far);
  }
}

/** What is being removed falls silent at one end first. */
const isProbed = (draft: Draft, { state }: NetworkRecord): boolean => (state === 'ready' || state === 'ensuring') && draft.state.lab.value !== 'destroying';

/** Returns whether it differs from what the host said before. */
function noteFar(draft: Draft, host: HostId, far: readonly FarSeen[]): boolean {
  const before = draft.state.networks[host]?.far ?? [];
  if (deepEqual(before, far)) return false;
  draft.news.push(...reachNews(draft.state, host, far));
  setNetwork(draft, host, { far });
  return true;
}
