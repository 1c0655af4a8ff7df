// Asks the far hosts of management tunnels whether they send a frame of full size back, once the tunnel itself was read back as wanted.
import { awaitAnswers, nothingBack } from '../link-plane/echo-probe.ts';
import type { EchoResult } from '../link-plane/echo-probe.ts';
import type { SendProbes } from '../link-plane/probe-sender.ts';
import type { HostShell } from './host-shell.ts';
import type { MgmtState } from './mgmt-network-state.ts';
import { wantedTunnels } from './mgmt-tunnel.ts';
import type { TunnelsRead } from './mgmt-tunnel.ts';
import { countFilter, readFilters } from './tunnel-filters.ts';

/** The way from this host to one other host of a management network, for the labs that have nodes on both. */
export interface MgmtPath {
  readonly id: string;
  readonly network: string;
  readonly device: string;
  readonly vni: number;
  readonly udpPort: number;
  readonly mtu: number;
  readonly local: string;
  readonly remote: string;
  readonly labs: readonly string[];
}

/** `isDrifted`: a tunnel was not as wanted, so that it is to be repaired. */
export interface PathsProbed { readonly results: ReadonlyMap<string, EchoResult>; readonly isDrifted: boolean }

/** Sorted by network and remote. */
export function mgmtPaths(state: MgmtState): MgmtPath[] {
  return wantedTunnels(state).flatMap(({ network, device, vni, udpPort, mtu, local, remotes }) => remotes.map((remote) => ({
    id: `${network}\t${remote}`, network, device, vni, udpPort, mtu, local, remote,
    labs: state.labs.filter((lab) => lab.network === network && lab.tunnel?.remotes.includes(remote)).map(({ lab }) => lab),
  })));
}

/** Probes all at once. @param read - the tunnels of the host, as read back just now */
export async function probePaths({ shell, send, read }: { shell: HostShell; send: SendProbes; read: TunnelsRead }, paths: readonly MgmtPath[]): Promise<PathsProbed> {
  const results = new Map<string, EchoResult>();
  const lost = (path: MgmtPath, reason: string): void => void results.set(path.id, { echo: 'lost', reason });
  const faultOf = (path: MgmtPath): string | undefined => read.faults.find(({ device }) => device === path.device)?.fault;
  for (const path of paths) {
    const fault = read.taken.includes(path.device) ? `${path.device} on this host was not made by us` : faultOf(path);
    if (fault !== undefined) lost(path, fault);
  }
  const ready = paths.filter(({ id }) => !results.has(id));
  const before = await readCounts(shell, ready);
  const failures = await send(ready.map(({ vni, mtu, local, remote, udpPort }) => ({ vni, mtu, remote, udpPort, local, pair: { from: local, to: remote } })));
  for (const [index, path] of ready.entries()) if (failures.has(index)) lost(path, `no probe could be sent to ${path.remote}: ${failures.get(index) ?? ''}`);
  const sent = ready.filter((_path, index) => !failures.has(index));
  const answered = await awaitAnswers(sent, before, (waiting) => readCounts(shell, waiting));
  for (const path of sent) {
    if (answered.has(path.id)) results.set(path.id, { echo: 'ok' });
    else lost(path, nothingBack(path));
  }
  return { results, isDrifted: paths.some((path) => faultOf(path) !== undefined) };
}

async function readCounts(shell: HostShell, paths: readonly MgmtPath[]): Promise<ReadonlyMap<string, number>> {
  const devices = [...new Set(paths.map(({ device }) => device))];
  const reads = new Map(await Promise.all(devices.map(async (device) => [device, await readFilters(shell, device)] as const)));
  return new Map(paths.flatMap((path): [string, number][] => {
    const { cookie } = countFilter(path, path.remote);
    const counter = reads.get(path.device)?.find((one) => one.cookie === cookie);
    return counter === undefined ? [] : [[path.id, counter.packets]];
  }));
}
