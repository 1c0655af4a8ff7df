// Flattens a wire into its host ends, so that reading, judging and making work on one shape for all kinds.
import { createHash } from 'node:crypto';
import { impairmentQdisc, type Qdisc } from './impairment-qdisc.ts';
import type { CarrierWish, HostEnd, InnerEnd, Wire, WireSide } from './wire.ts';

export type Redirect = { readonly index: number; readonly cookie: string; readonly to: string };

/** One veth pair as it is wanted: host end, inner end and what the host end is plugged into. */
export type HostPort = {
  readonly wireId: string;
  readonly side: WireSide;
  readonly device: string;
  readonly mark: string;
  readonly mtu: number;
  readonly carrier: CarrierWish;
  readonly inner: InnerEnd;
  readonly redirect?: Redirect;
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

const flattened = new WeakMap<Wire, readonly HostPort[]>();

/** The veth pairs of a wire; none for kinds whose device lives in the namespace only. Kept per wire: the cookies' hashes of a
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
        { ...portBase(wire, 'a', wire.a.host, wire.a.inner), redirect: redirectTo(wire.a.actionIndex, wire.a.host, wire.b.host) },
        { ...portBase(wire, 'b', wire.b.host, wire.b.inner), redirect: redirectTo(wire.b.actionIndex, wire.b.host, wire.a.host) },
      ];
    case 'bridge':
      return [{ ...portBase(wire, 'a', wire.host, wire.inner), bridge: wire.bridge, isolated: wire.isolated ?? false, ...macOf(wire) }];
    case 'host':
      return [{ ...portBase(wire, 'a', wire.host, wire.inner), silent: false, ...macOf(wire) }];
    case 'macvlan':
    case 'dummy':
    case 'vxlan':
      return [];
  }
}

/** Bridges of the host that a port or its inner end is plugged into; they must exist. */
export function hostBridgesOf(port: HostPort): readonly string[] {
  const innerBridge = port.inner.netns === 'host' ? port.inner.bridge : undefined;
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
  const base = { wireId: wire.id, side, device: host.device, mark: host.mark, mtu: wire.mtu, carrier: host.carrier ?? 'up', inner, isolated: false, silent: true } as const;
  return qdisc === undefined ? base : { ...base, qdisc };
}

function redirectTo(index: number, from: HostEnd, to: HostEnd): Redirect {
  return { index, cookie: redirectCookie(from.mark), to: to.device };
}

function macOf(wire: { readonly mac?: string }): { readonly mac?: string } {
  return wire.mac === undefined ? {} : { mac: wire.mac };
}
