// Tables of what on the hosts belongs to nobody, and of what became of it.
import type { HostOrphans, Orphan, RemovedOrphans } from '../../machines/vocabulary/orphan.ts';
import { renderDuration } from '../render-duration.ts';
import { renderTable } from './table.ts';

/** One line an object. */
export function renderOrphans(hosts: readonly HostOrphans[]): string {
  return renderTable(['Host', 'Kind', 'Name', 'Made for', 'Without owner'], hosts.flatMap(({ host, orphans }) => orphans.map((orphan) => [...head(host, orphan), `${renderDuration(orphan.seenForMs)}${orphan.ofLiveLab ? ' (goes by itself)' : ''}`])));
}

export function renderRemovedOrphans(hosts: readonly RemovedOrphans[]): string {
  const rows = hosts.flatMap(({ host, orphans, outcomes }) => {
    const byId = new Map(outcomes.map((one) => [one.id, one]));
    return orphans.map((orphan) => [...head(host, orphan), WORDS[byId.get(orphan.id)?.outcome ?? 'kept'], byId.get(orphan.id)?.reason ?? '']);
  });
  return renderTable(['Host', 'Kind', 'Name', 'Made for', 'Outcome', 'Reason'], rows);
}

const WORDS = { removed: 'removed', 'would-remove': 'would be removed', kept: 'stays' } as const;

function head(host: string, { kind, name, lab, node, network }: Orphan): string[] {
  const owner = lab === undefined ? (network === undefined ? '' : `network ${network}`) : node === undefined ? `lab ${lab}` : `node ${node} of lab ${lab}`;
  return [host, kind, name, owner];
}
