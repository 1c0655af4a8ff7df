// Which hosts of a lab reach each other over its management network, as they say themselves.
import type { HostId } from '../vocabulary/ids.ts';
import type { FarSeen } from '../vocabulary/observation.ts';
import { plannedHosts } from './lab-parts.ts';
import type { LabState } from './lab-state.ts';

export type Unreached = { readonly host: HostId; readonly far: HostId; readonly seen: FarSeen };
type Told = Pick<LabState, 'plan' | 'lab' | 'lost' | 'networks'>;

/** Ways that are not known to carry frames, by host. Of lost hosts, and on the way out, nothing is asked. */
export function unreached(state: Told): Unreached[] {
  if (state.lab.value === 'destroying') return [];
  const hosts = hostsByAddress(state);
  return (Object.keys(state.networks) as HostId[]).toSorted().flatMap((host) => {
    const network = state.networks[host];
    if (network?.state !== 'ready' || state.lost[host] !== undefined) return [];
    return (network.far ?? []).flatMap((seen) => {
      const far = hosts.get(seen.remote);
      return far === undefined || state.lost[far] !== undefined || seen.echo === 'ok' ? [] : [{ host, far, seen }];
    });
  });
}

/** In words, each that is known to carry none. */
export function reachProblems(state: Told): string[] {
  return unreached(state).flatMap(({ host, far, seen }) => (seen.echo === 'lost' ? [`management network: host ${host} does not reach host ${far}: ${seen.reason ?? ''}`] : []));
}

/** In words, what of a host's ways has changed. */
export function reachNews(state: Told, host: HostId, now: readonly FarSeen[]): string[] {
  const hosts = hostsByAddress(state);
  const before = new Map(state.networks[host]?.far?.map(({ remote, echo }) => [remote, echo]));
  return now.flatMap(({ remote, echo, reason }) => {
    if (echo === 'untold' || before.get(remote) === echo) return [];
    const far = `host ${hosts.get(remote) ?? remote}`;
    if (echo === 'lost') return [`management network: host ${host} does not reach ${far}: ${reason ?? ''}`];
    return [`management network: host ${host} reaches ${far}${before.get(remote) === 'lost' ? ' again' : ''}`];
  });
}

/** Hosts that the lab lives on, by their addresses in the underlay. */
function hostsByAddress({ plan }: Told): ReadonlyMap<string, HostId> {
  if (!plan?.span) return new Map();
  const { hosts } = plan.span;
  return new Map(plannedHosts(plan).flatMap((host): [string, HostId][] => (hosts[host] ? [[hosts[host].vtep, host]] : [])));
}
