// The batch lines of ip and tc: one function for each thing that is made, so that every word order is in one place.
import { HALF_MADE_GROUP } from './assess-ports.ts';
import { ECHO_MAGIC } from './echo-frame.ts';
import type { HostPort, Redirect, VethPort } from './host-ports.ts';
import type { DummyWire, InnerEnd, InnerRoute, InnerVxlanWire, MacvlanWire, NetnsRef, TunnelEnd, VxlanPath } from './wire.ts';

/** What the inner end had when it was last read, where that is to be put back. */
export type BornWith = { readonly mac?: string; readonly mtu?: number };

/** How a namespace is written after `netns` in a line and after `-n`; nothing for the plane's own. */
export function netnsWord(ref: NetnsRef): string | undefined {
  if (ref === 'host') return undefined;
  return 'name' in ref ? ref.name : ref.path;
}

/** Both ends of a veth. The inner end comes first: `up` works on the first device only, so it is up at birth, while the host end is down. */
export function addPortLine(port: VethPort, born: BornWith = {}): string {
  const netns = netnsWord(port.inner.netns);
  const mac = born.mac ?? port.inner.mac;
  return words(
    `link add dev ${port.inner.interface}`,
    netns && `netns ${netns}`,
    `up mtu ${born.mtu ?? port.mtu}`,
    mac && `address ${mac}`,
    `type veth peer name ${port.device} mtu ${port.mtu}`,
    port.mac && `address ${port.mac}`,
    `group ${HALF_MADE_GROUP}`,
  );
}

/** A VXLAN device on the host; down, and in no state to be taken for a wire before its mark is on. */
export function addTunnelLine(port: Pick<HostPort, 'device' | 'mtu'>, tunnel: VxlanPath & Pick<TunnelEnd, 'foreign'>): string {
  return words(`link add dev ${port.device}`, port.mtu !== undefined && `mtu ${port.mtu}`, `group ${HALF_MADE_GROUP}`, pathWords(tunnel), !tunnel.foreign && 'nolearning', 'df unset');
}

/** Before it is up: with the kernel's default a tunnel has an IPv6 address, and talks into the lab, in the moment that it comes up. */
export function silenceLine(device: string): string {
  return `link set dev ${device} addrgenmode none`;
}

/** Points a tunnel at another address in place; filters and interface index stay. The port must not be named here. */
export function repointLine(port: HostPort, { vni, remote, local }: TunnelEnd): string {
  return words(`link set dev ${port.device} type vxlan id ${vni} remote ${remote}`, local && `local ${local}`);
}

/** Opens a tunnel's socket, which fails when the UDP port is somebody else's. */
export function openTunnelLine(port: Pick<HostPort, 'device'>): string {
  return `link set dev ${port.device} up group default`;
}

function pathWords({ vni, udpPort, remote, local, parent, srcPort }: VxlanPath): string {
  return words(`type vxlan id ${vni}`, local && `local ${local}`, `remote ${remote}`, parent && `dev ${parent}`, `dstport ${udpPort}`, srcPort !== undefined && `srcport ${srcPort} ${srcPort + 1}`);
}

/** A macvlan, which takes the MTU of its parent, a dummy, or a VXLAN device that sends by the host, born in the namespace. */
export function addInnerDeviceLine(wire: MacvlanWire | DummyWire | InnerVxlanWire): string {
  const { inner } = wire;
  const netns = netnsWord(inner.netns);
  return words(
    `link add dev ${inner.interface}`,
    wire.kind === 'macvlan' && `link ${wire.parent}`,
    netns && `netns ${netns}`,
    (wire.kind === 'dummy' || (wire.kind === 'inner-vxlan' && wire.fixedMtu)) && `mtu ${wire.mtu}`,
    inner.mac && `address ${inner.mac}`,
    `group ${HALF_MADE_GROUP}`,
    innerTypeWords(wire),
  );
}

function innerTypeWords(wire: MacvlanWire | DummyWire | InnerVxlanWire): string {
  switch (wire.kind) {
    case 'macvlan':
      return `type macvlan mode ${wire.mode}`;
    case 'dummy':
      return 'type dummy';
    case 'inner-vxlan':
      return pathWords(wire.path);
  }
}

/** Last line of a device that lives inside a namespace only; run there. */
export function finishInnerDeviceLine(device: string): string {
  return `link set dev ${device} up group default`;
}

/** The mark; not allowed inside `link add`. */
export function markLine(device: string, mark: string): string {
  return `link property add dev ${device} altname ${mark}`;
}

export function unmarkLine(device: string, mark: string): string {
  return `link property del dev ${device} altname ${mark}`;
}

/** Last line of a host end: plugged in, silent, out of the half-made group, and up or down as wished. */
export function finishPortLine(port: HostPort): string {
  return words(
    `link set dev ${port.device} ${port.carrier}`,
    port.silent && 'addrgenmode none',
    'group default',
    // A switch takes its ports and gives them up by itself.
    port.bridge === undefined ? port.switchPort === undefined && 'nomaster' : `master ${port.bridge}`,
  );
}

export function isolateLine(port: HostPort): string {
  return `link set dev ${port.device} type bridge_slave isolated ${port.isolated ? 'on' : 'off'}`;
}

/** Shapes what leaves a host end towards its node, or stops shaping. */
export function shapeLine(port: HostPort): string {
  return port.qdisc === undefined ? `qdisc del dev ${port.device} root` : `qdisc replace dev ${port.device} root ${port.qdisc.words}`;
}

/** A redirect of what comes in at a device, with its own number and owner. Needs clsact on the device. */
export function redirectLine(device: string, redirect: Redirect): string {
  const { echo } = redirect;
  const protocol = echo === undefined ? 'all' : `0x${echo.etherType.toString(16)}`;
  // Nodes may speak an experimental ethertype too: only frames that begin as our probes do are taken out.
  const match = echo === undefined ? 'match u32 0 0' : matchWords([ECHO_MAGIC, echo.vni]);
  return (
    `filter add dev ${device} ingress protocol ${protocol} pref ${redirect.pref} u32 ${match} ` +
    `action mirred egress redirect dev ${redirect.to} index ${redirect.index} cookie ${redirect.cookie}`
  );
}

/** Matches frames that begin with these words, after their ethertype. */
export function matchWords(wanted: readonly number[]): string {
  return wanted.map((word, index) => `match u32 0x${word.toString(16)} 0xffffffff at ${4 * index}`).join(' ');
}

/** Points the redirect that exists at its target again, in place: the kernel never does so by itself when the target was made anew,
 *  and a filter deleted and added again may meet its old action, not yet freed, under the same index. */
export function rebindLine(redirect: Redirect): string {
  return `actions replace action mirred egress redirect dev ${redirect.to} index ${redirect.index} cookie ${redirect.cookie}`;
}

/** Lines inside the namespace for an end just made: bridge port, addresses, routes. Addresses are leased, so none is probed for. */
export function innerSetupLines(inner: InnerEnd): readonly string[] {
  const device = inner.interface;
  return [
    ...(inner.altname === undefined ? [] : [markLine(device, inner.altname)]),
    ...(innerBridgeLine(inner) === undefined ? [] : [`link set dev ${inner.bridge} up`]),
    ...(inner.bridge === undefined ? [] : [`link set dev ${device} master ${inner.bridge}`]),
    ...(inner.addresses ?? []).map((address) => words(`address replace ${address} dev ${device}`, address.includes(':') && 'nodad')),
    ...(inner.routes ?? []).map((route) => routeLine(device, route)),
  ];
}

/** The bridge inside a namespace; fails harmlessly when it is there. A bridge of the host is a person's, and never made here. */
export function innerBridgeLine(inner: InnerEnd): string | undefined {
  return inner.bridge === undefined || inner.netns === 'host' ? undefined : `link add dev ${inner.bridge} type bridge`;
}

function routeLine(device: string, route: InnerRoute): string {
  return words(`route replace ${route.to}`, route.via && `via ${route.via}`, `dev ${device}`, route.metric !== undefined && `metric ${route.metric}`);
}

function words(...parts: readonly (string | false | undefined)[]): string {
  return parts.filter((part) => part !== false && part !== undefined && part !== '').join(' ');
}
