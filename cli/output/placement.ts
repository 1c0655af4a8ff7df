// Where the nodes of a plan go, why there, and what room that leaves on each host.
import type { HostShare, PlacementView } from '../../machines/vocabulary/placement.ts';
import { renderTable } from './table.ts';

/** One table of nodes, one of hosts that get some. CPU is what may still be given away, in cores. */
export function renderPlacement({ nodes, hosts, linksAcross }: PlacementView): string {
  return [
    renderTable(['Node', 'Host', 'Why there'], nodes.map(({ node, host, reason }) => [node, host, reason])),
    renderTable(['Host', 'Nodes of the lab', 'CPU left', 'Memory left', 'Disk left', 'Ports left'], hosts.map(hostRow)),
    ...(linksAcross > 0 ? [`${linksAcross} ${linksAcross === 1 ? 'link runs' : 'links run'} between hosts`] : []),
  ].join('\n');
}

function hostRow({ host, nodes, free }: HostShare): string[] {
  const gib = (mib: number | null): string => known(mib, (value) => `${(value / 1024).toFixed(1)} GiB`);
  return [host, String(nodes), known(free.cpuMillis, (millis) => (millis / 1000).toFixed(1)), gib(free.memoryMiB), gib(free.diskMiB), known(free.ports, String)];
}

/** Unknown, or without limit. */
const known = (value: number | null, text: (value: number) => string): string => (value === null ? '-' : text(value));
