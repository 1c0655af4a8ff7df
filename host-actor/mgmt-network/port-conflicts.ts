// Finds out who already answers on the host ports that a lab wants to publish.
import type { PublishedPort } from '../../machines/vocabulary/lab-spec.ts';
import type { HostShell } from './host-shell.ts';
import type { MgmtState } from './mgmt-network-state.ts';

/** A listening socket of the host; `address` is `*` where it listens on all. */
export interface Listener { readonly protocol: 'tcp' | 'udp'; readonly address: string; readonly port: number; readonly process: string | undefined; readonly pid: number | undefined }

export interface PortConflict { readonly port: PublishedPort; readonly holder: string }

/**
 * Ports of a lab that somebody else holds: another lab on this host, or a program that listens there. Two labs may share
 * a port on different addresses. Ports of the lab itself, and listeners of this process, are no conflict.
 */
export function portConflicts(lab: string, ports: readonly PublishedPort[], state: MgmtState, listeners: readonly Listener[]): PortConflict[] {
  const others = state.labs.filter((other) => other.lab !== lab)
    .flatMap((other) => other.nodes.flatMap((node) => node.ports.map((port) => ({ port, holder: `node ${node.node} of lab ${other.lab}` }))));
  return ports.filter((port) => port.hostPort !== 0).flatMap((port) => {
    const same = others.find((other) => other.port.protocol === port.protocol && other.port.hostPort === port.hostPort && addressesMeet(other.port.hostIp, port.hostIp));
    if (same) return [{ port, holder: same.holder }];
    const listener = listeners.find((one) => one.protocol === port.protocol && one.port === port.hostPort && one.pid !== process.pid && addressesMeet(one.address, port.hostIp));
    return listener ? [{ port, holder: `${listener.process ?? 'a program'}${listener.pid === undefined ? '' : ` (pid ${listener.pid})`} on ${listener.address}` }] : [];
  });
}

/** All TCP and UDP listeners of the host. */
export async function readListeners(shell: HostShell, signal?: AbortSignal): Promise<Listener[]> {
  const output = await shell.try('ss', ['-H', '-l', '-n', '-t', '-u', '-p'], { signal });
  return output.exitCode === 0 ? parseListeners(output.stdout) : [];
}

/** Reads the output of `ss -Hlntup`. */
export function parseListeners(text: string): Listener[] {
  return text.split('\n').flatMap((line) => {
    const [protocol, , , , local = '', , users = ''] = line.trim().split(/\s+/);
    const place = /^(.*):(\d+)$/.exec(local);
    if ((protocol !== 'tcp' && protocol !== 'udp') || place?.[1] === undefined) return [];
    const user = /"([^"]+)",pid=(\d+)/.exec(users);
    const address = place[1].replace(/^\[|\]$/g, '').replace(/%.*$/, '');
    return [{ protocol, address, port: Number(place[2]), process: user?.[1], pid: user?.[2] === undefined ? undefined : Number(user[2]) }];
  });
}

function addressesMeet(a: string | undefined, b: string | undefined): boolean {
  const [one, other] = [families(a), families(b)];
  return one.some((x) => other.some((y) => x.family === y.family && (x.any || y.any || x.address === y.address)));
}

function families(address: string | undefined): { family: 4 | 6; any: boolean; address: string }[] {
  if (address === undefined || address === '' || address === '*') return [{ family: 4, any: true, address: '' }, { family: 6, any: true, address: '' }];
  const family = address.includes(':') ? 6 : 4;
  return [{ family, any: address === '0.0.0.0' || address === '::', address }];
}
