// Judges what was read against what is wanted: the faults of each host end, and the state of a wire.
import { isIPv6, SocketAddress } from 'node:net';
import type { DeviceRead, KernelState } from './kernel-state.ts';
import { hostBridgesOf, isSwitched, redirectsOf, type HostPort, type Redirect } from './host-ports.ts';
import { SHAPING_KINDS } from './impairment-qdisc.ts';
import type { EndState, TunnelEnd, TunnelRead, WireFault, WireFaultKind, WireState } from './wire.ts';

/** Group that a host end bears from its making until its mark is on: how a half-made one is told from a foreign device. */
export const HALF_MADE_GROUP = '1819738112';

/** Faults after which the device must be removed and made again. */
export const REMAKE: ReadonlySet<WireFaultKind> = new Set(['end-half-made', 'end-stale', 'wrong-vni', 'wrong-udp-port']);
/** Faults that nobody but a person can mend. */
export const REFUSALS: ReadonlySet<WireFaultKind> = new Set(['name-taken', 'bridge-missing', 'index-taken', 'switch-away', 'port-taken', 'vlan-taken', 'plane-full']);
/** Faults on the switch, which joining the wire's ports again mends. */
export const REJOIN: ReadonlySet<WireFaultKind> = new Set(['unplugged', 'unbound', 'wrong-vlan', 'flow-missing', 'flow-wrong']);
/** Master of the ports of a kernel datapath; those of a userspace datapath have none. */
const SWITCH_MASTER = 'ovs-system';

/** The device that bears the mark of a port exactly, under whatever name. */
export function deviceOf(port: HostPort, state: KernelState): DeviceRead | undefined {
  return state.byMark.get(port.mark);
}

/** All that differs between a wanted host end and the kernel. */
export function portFaults(port: HostPort, state: KernelState): readonly WireFault[] {
  const fault = (kind: WireFaultKind, detail?: string): WireFault => ({ side: port.side, kind, ...(detail === undefined ? {} : { detail }) });
  const device = deviceOf(port, state);
  const refusals = refusalsOf(port, state).map(([kind, detail]) => fault(kind, detail));
  if (!device) {
    const named = state.devices.get(port.device);
    if (!named) return [...refusals, ...switchFaults(port, undefined, state), fault('end-missing')];
    return [...refusals, isHalfMade(named) ? fault('end-half-made') : fault('name-taken', `a device ${port.device} exists without our mark`)];
  }
  const kinds: [WireFaultKind, boolean, string?][] = [
    ['end-stale', isStale(port, device, state)],
    ['end-renamed', device.name !== port.device, device.name],
    ['wrong-master', !hasMaster(port, device.master) || (port.bridge !== undefined && device.isolated !== port.isolated), device.master ?? 'none'],
    ['wrong-mtu', port.mtu !== undefined && device.mtu !== port.mtu, String(device.mtu)],
    ['talks-ipv6', port.silent && device.addrGenMode !== undefined && device.addrGenMode !== 'none'],
    ['wrong-impairment', port.qdisc === undefined ? SHAPING_KINDS.has(device.qdisc) : device.qdisc !== port.qdisc.kind, device.qdisc],
    ['end-down', port.carrier === 'up' && !device.adminUp],
    ['end-up', port.carrier === 'down' && device.adminUp],
  ];
  const own = kinds.filter(([, differs]) => differs).map(([kind, , detail]) => fault(kind, detail));
  const tunnel = port.tunnel && device.tunnel && tunnelFault(port.tunnel, device.tunnel);
  const redirects = new Set(redirectsOf(port).flatMap((redirect) => redirectFault(redirect, state) ?? []));
  return [...refusals, ...own, ...(tunnel ? [fault(tunnel.kind, tunnel.detail)] : []), ...[...redirects].map((kind) => fault(kind)), ...switchFaults(port, device, state)];
}

function switchFaults(port: HostPort, device: DeviceRead | undefined, { switched }: KernelState): readonly WireFault[] {
  if (!isSwitched(port)) return [];
  return switched?.faultsOf(port, device?.ifindex) ?? [{ side: port.side, kind: 'switch-away', detail: 'this host-actor was told of no Open vSwitch' }];
}

/** Whether a device is a port of what it should be a port of. */
export function hasMaster(port: HostPort, master: string | undefined): boolean {
  return master === port.bridge || (port.switchPort !== undefined && master === SWITCH_MASTER);
}

/** What differs between a wanted tunnel and what a read or an event says of it. */
export function tunnelFault(wanted: TunnelEnd, read: TunnelRead): { readonly kind: WireFaultKind; readonly detail: string } | undefined {
  if (read.vni !== wanted.vni) return { kind: 'wrong-vni', detail: String(read.vni) };
  if (read.udpPort !== wanted.udpPort) return { kind: 'wrong-udp-port', detail: String(read.udpPort) };
  if (wanted.parent !== undefined && read.parent !== undefined && read.parent !== wanted.parent) return { kind: 'end-stale', detail: `leaves by ${read.parent}` };
  const [remoteDiffers, localDiffers] = [!isSameAddress(read.remote, wanted.remote), wanted.local !== undefined && !isSameAddress(read.local, wanted.local)];
  if (!remoteDiffers && !localDiffers) return undefined;
  const detail = `from ${read.local || 'any address'} to ${read.remote || 'nowhere'}`;
  // Addresses of one family are changed in place, those of the other need another socket.
  return { kind: read.remote !== '' && isIPv6(read.remote) === isIPv6(wanted.remote) ? 'wrong-remote' : 'end-stale', detail };
}

function isSameAddress(one: string, other: string): boolean {
  return one === other || (isIPv6(one) && isIPv6(other) && canonical(one) === canonical(other));
}

function canonical(ipv6: string): string {
  return new SocketAddress({ address: ipv6, family: 'ipv6' }).address;
}

/** State of a wire from its ports' faults; joined = nothing is missing or wrong except what somebody may have wished. */
export function wireState(ports: readonly HostPort[], state: KernelState, id: string): WireState {
  const faults = ports.flatMap((port) => portFaults(port, state));
  const ends = ports.map((port) => endState(port, state));
  const joined = faults.length === 0 && ports.length > 0;
  return { id, joined, up: joined && ends.every((end) => end.carrier), ends, faults };
}

function endState(port: HostPort, state: KernelState): EndState {
  const device = deviceOf(port, state);
  if (!device) return { side: port.side, device: port.device, present: false, adminUp: false, carrier: false };
  return {
    side: port.side,
    device: device.name,
    present: true,
    ifindex: device.ifindex,
    mtu: device.mtu,
    adminUp: device.adminUp,
    carrier: device.carrier,
    ...(device.peerIfindex === undefined ? {} : { peerIfindex: device.peerIfindex }),
    ...(device.netnsId === undefined ? {} : { netnsId: device.netnsId }),
    ...(device.master === undefined ? {} : { master: device.master }),
    ...(device.tunnel === undefined ? {} : { tunnel: device.tunnel }),
  };
}

function refusalsOf(port: HostPort, state: KernelState): readonly [WireFaultKind, string][] {
  const found: [WireFaultKind, string][] = [];
  for (const bridge of hostBridgesOf(port)) if (!state.devices.has(bridge)) found.push(['bridge-missing', `no bridge ${bridge} on this host`]);
  for (const redirect of redirectsOf(port)) {
    const taken = state.redirects.get(redirect.index);
    if (taken && taken.cookie !== redirect.cookie) found.push(['index-taken', `action index ${taken.index} redirects to ${taken.toDevice} for somebody else`]);
  }
  return found;
}

/** Made by us and not yet marked when we were stopped. */
export function isHalfMade(device: DeviceRead): boolean {
  return device.group === HALF_MADE_GROUP && device.altnames.length === 0;
}

/** A namespace may have been replaced by another of the same name while something still held the old one. */
function isStale(port: HostPort, device: DeviceRead, state: KernelState): boolean {
  if (port.inner === undefined) return device.tunnel === undefined;
  const { netns } = port.inner;
  if (netns === 'host') return device.netnsId !== undefined;
  if (device.netnsId === undefined) return true;
  return 'name' in netns && state.netnsNames.get(device.netnsId)?.has(netns.name) !== true;
}

/** What is wrong with one redirect as it was read. */
export function redirectFault(redirect: Redirect, state: KernelState): WireFaultKind | undefined {
  const found = state.redirects.get(redirect.index);
  if (!found || found.bound === 0) return 'redirect-missing';
  if (found.cookie !== redirect.cookie) return undefined;
  if (found.toDevice === '*') return 'redirect-dead';
  return found.toDevice === redirect.to ? undefined : 'redirect-wrong';
}
