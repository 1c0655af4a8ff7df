// Flattens a wire into its host ends, so that reading, judging and making work on one shape for all kinds.
import { createHash } from 'node:crypto';
import type { PortOnSwitch, SwitchPort } from './cross-connect.ts';
import { ECHO_SOURCE } from './echo-frame.ts';
import { impairmentQdisc, type Qdisc } from './impairment-qdisc.ts';
import type { CarrierWish, EchoPart, HostEnd, InnerEnd, PlaneName, TunnelEnd, VxlanWire, Wire, WireSide } from './wire.ts';

/** A redirect of what comes in at a device: everything, or with `echo` only the probes of that ethertype and VNI. */
export type Redirect = { readonly index: number; readonly cookie: string; readonly to: string; /** The smaller one is tried first. */ readonly pref: number; readonly echo?: { readonly etherType: number; readonly vni: number } };

/** One device of the host as it is wanted, with what it is plugged into: the host end of a veth pair, or a tunnel. */
export type HostPort = {
  readonly wireId: string;
  readonly side: WireSide;
  readonly device: string;
  readonly mark: string;
  readonly alias?: string;
  /** Undefined = whatever the kernel chose. */
  readonly mtu: number | undefined;
  readonly carrier: CarrierWish;
  /** Of a veth pair. */
  readonly inner?: InnerEnd;
  /** Of a VXLAN device. */
  readonly tunnel?: TunnelEnd;
  readonly redirect?: Redirect;
  /** In place of a redirect, on plane ovs. */
  readonly switchPort?: SwitchPort;
  /** Redirects of the echo probe: what comes back is counted, what the far end asks is sent back. */
  readonly probes?: readonly Redirect[];
  readonly bridge?: string;
  readonly isolated: boolean;
  /** What shapes the frames that leave towards the node. */
  readonly qdisc?: Qdisc;
  readonly mac?: string;
  /** A user's own interface on the host keeps the kernel's IPv6 behaviour; everything else must stay silent. */
  readonly silent: boolean;
};

/** Cookie of a redirect: `lw` and 14 bytes of the hash of the mark of the end whose frames it takes; at most 16 bytes fit. */
export function redirectCookie(mark: string): string {
  return `6c77${createHash('sha256').update(mark).digest('hex').slice(0, 28)}`;
}

/** A port that is the host end of a veth pair. */
export type VethPort = HostPort & { readonly inner: InnerEnd; readonly mtu: number };

export function isVethPort(port: HostPort): port is VethPort {
  return port.inner !== undefined && port.mtu !== undefined;
}

/** A port that a switch joins to its opposite. */
export type SwitchedPort = HostPort & PortOnSwitch;

export function isSwitched(port: HostPort): port is SwitchedPort {
  return port.switchPort !== undefined;
}

/** All redirects of a port. */
export function redirectsOf(port: HostPort): readonly Redirect[] {
  return [...(port.probes ?? []), ...(port.redirect ? [port.redirect] : [])];
}

/** Preference of redirects that take everything; probes sit below. */
const REDIRECT_PREF = 10;
const REFLECT_PREF = 2;
const COUNT_PREF = 3;
/** Experimental ethertypes (IEEE 802): each side sends its own, which comes back to it. */
export const ECHO_ETHER_TYPE = { first: 0x88b5, second: 0x88b6 } as const;
const OTHER_ROLE = { first: 'second', second: 'first' } as const;

const flattened = new WeakMap<Wire, readonly HostPort[]>();

/** The host's devices of a wire; none for kinds whose device lives in the namespace only. Kept per wire: the cookies' hashes of a
 *  thousand wires, made anew at each of the many steps of an order, cost more than reading the kernel. */
export function hostPortsOf(wire: Wire): readonly HostPort[] {
  const known = flattened.get(wire);
  if (known) return known;
  const ports = flatten(wire);
  flattened.set(wire, ports);
  return ports;
}

function flatten(wire: Wire): readonly HostPort[] {
  switch (wire.kind) {
    case 'joined':
      return [
        { ...portBase(wire, 'a', wire.a.host, wire.a.inner), ...joinedTo(wire, wire.a.actionIndex, wire.a.host, wire.b.host) },
        { ...portBase(wire, 'b', wire.b.host, wire.b.inner), ...joinedTo(wire, wire.b.actionIndex, wire.b.host, wire.a.host) },
      ];
    case 'bridge':
      return [{ ...portBase(wire, 'a', wire.host, wire.inner), bridge: wire.bridge, isolated: wire.isolated ?? false, ...macOf(wire) }];
    case 'host':
      return [{ ...portBase(wire, 'a', wire.host, wire.inner), silent: false, ...macOf(wire) }];
    case 'vxlan':
      return [{ ...portBase(wire, 'a', wire.host, wire.inner), ...joinedTo(wire, wire.actionIndex, wire.host, wire.tunnel) }, tunnelPort(wire)];
    case 'macvlan':
    case 'dummy':
    case 'inner-vxlan':
      return [];
  }
}

function tunnelPort(wire: VxlanWire): HostPort {
  const { tunnel } = wire;
  const qdisc = tunnel.echo === undefined ? impairmentQdisc(wire.impairment, wire.mtu) : undefined;
  return {
    wireId: wire.id,
    side: 'b',
    device: tunnel.device,
    mark: tunnel.mark,
    mtu: tunnel.foreign ? undefined : wire.mtu,
    carrier: 'up',
    isolated: false,
    silent: true,
    tunnel,
    ...joinedTo(wire, tunnel.actionIndex, tunnel, wire.host, tunnel.echo),
    probes: echoRedirects(tunnel, wire.plane),
    ...(tunnel.alias === undefined ? {} : { alias: tunnel.alias }),
    ...(qdisc === undefined ? {} : { qdisc }),
  };
}

function echoRedirects({ echo, vni, device, mark }: TunnelEnd, plane: PlaneName | undefined): readonly Redirect[] {
  if (!echo) return [];
  const [asked, answered] = [ECHO_ETHER_TYPE[OTHER_ROLE[echo.role]], ECHO_ETHER_TYPE[echo.role]];
  const reflect = { index: echo.reflectIndex, cookie: redirectCookie(`${mark} reflect`), to: device, pref: REFLECT_PREF, echo: { etherType: asked, vni } };
  const count = { index: echo.countIndex, cookie: redirectCookie(`${mark} count`), to: 'lo', pref: COUNT_PREF, echo: { etherType: answered, vni } };
  // On plane ovs the switch itself sends back, which proves that it lives.
  return plane === 'ovs' ? [count] : [reflect, count];
}

/** Bridges of the host that a port or its inner end is plugged into; they must exist. */
export function hostBridgesOf(port: HostPort): readonly string[] {
  const innerBridge = port.inner?.netns === 'host' ? port.inner.bridge : undefined;
  return [port.bridge, innerBridge].filter((bridge) => bridge !== undefined);
}

/** All inner ends of a wire with their sides. */
export function innerEndsOf(wire: Wire): readonly { readonly side: WireSide; readonly inner: InnerEnd }[] {
  if (wire.kind !== 'joined') return [{ side: 'a', inner: wire.inner }];
  return [
    { side: 'a', inner: wire.a.inner },
    { side: 'b', inner: wire.b.inner },
  ];
}

function portBase(wire: Wire, side: WireSide, host: HostEnd, inner: InnerEnd): HostPort {
  const qdisc = impairmentQdisc(wire.impairment, wire.mtu);
  const base = { wireId: wire.id, side, device: host.device, mark: host.mark, mtu: wire.mtu, carrier: host.carrier ?? 'up', inner, isolated: false, silent: true, ...(host.alias === undefined ? {} : { alias: host.alias }) } as const;
  return qdisc === undefined ? base : { ...base, qdisc };
}

/** What joins one end to the other: a redirect, or the switch. */
function joinedTo(wire: Wire, index: number, from: Pick<HostEnd, 'mark'>, to: Pick<HostEnd, 'device'>, echo?: EchoPart): Pick<HostPort, 'redirect' | 'switchPort'> {
  if (wire.plane !== 'ovs') return { redirect: redirectTo(index, from, to) };
  return {
    switchPort: {
      to: to.device,
      ...(wire.vlan === undefined ? {} : { vlan: wire.vlan }),
      ...(echo === undefined ? {} : { echo: { source: ECHO_SOURCE, asked: ECHO_ETHER_TYPE[OTHER_ROLE[echo.role]], answered: ECHO_ETHER_TYPE[echo.role] } }),
    },
  };
}

function redirectTo(index: number, from: Pick<HostEnd, 'mark'>, to: Pick<HostEnd, 'device'>): Redirect {
  return { index, cookie: redirectCookie(from.mark), to: to.device, pref: REDIRECT_PREF };
}

function macOf(wire: { readonly mac?: string }): { readonly mac?: string } {
  return wire.mac === undefined ? {} : { mac: wire.mac };
}
