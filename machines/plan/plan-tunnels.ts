// Links and management networks across hosts: tunnel numbers, addresses of both ends, and the MTU that fits between them.
import type { HostId } from '../vocabulary/ids.ts';
import type { Rejection } from '../vocabulary/command.ts';
import type { HostUnderlay } from '../vocabulary/host-facts.ts';
import type { LinkPlan, TunnelLease } from '../vocabulary/lab-plan.ts';

/** IANA's port of VXLAN (RFC 7348). */
export const VXLAN_PORT = 4789;
/** Bytes that a tunnel adds: outer Ethernet payload less the inner packet. */
const OVERHEAD = { ipv4: 50, ipv6: 70 } as const;

/** A lab's tunnel numbers: its own 12 bits, then a count; those of other labs, of the file and of others' tunnels on the hosts are left out. */
export function tunnelNumbers(labNumber: number, first: number, taken: Pick<ReadonlySet<number>, 'has'>): { take(): number | null; next(): number } {
  let count = first;
  return {
    next: () => count,
    take() {
      for (; count < 4096; count += 1) {
        const vni = labNumber * 4096 + count;
        if (taken.has(vni)) continue;
        count += 1;
        return vni;
      }
      return null;
    },
  };
}

type Path = Pick<HostUnderlay, 'address' | 'mtu'>;

/** What a tunnel over this underlay carries in one piece. */
export const tunnelMtu = (underlay: Path): number => underlay.mtu - (underlay.address.includes(':') ? OVERHEAD.ipv6 : OVERHEAD.ipv4);

/** `whole`: the most that arrives in one piece. What is larger travels in fragments, or vanishes unless `arrives`. */
export type Fit = { readonly mtu: number; readonly whole: number; readonly fragmented: boolean; readonly arrives: boolean };

/**
 * What both ends of a link can carry over these underlays. Unset = the largest that needs no fragments. A set one travels in
 * fragments over IPv4; over IPv6 larger packets vanish.
 */
export function fitMtu(wanted: number | undefined, a: Path, b: Path): Fit {
  const isV6 = a.address.includes(':') || b.address.includes(':');
  const whole = Math.min(tunnelMtu(a), tunnelMtu(b));
  const mtu = wanted ?? whole;
  return { mtu, whole, fragmented: mtu > whole && !isV6, arrives: mtu <= whole || !isV6 };
}

/** Whether the largest packets of the link are lost in the underlay, as far as the plan knows. */
export const vanishes = ({ mtu, far }: LinkPlan): boolean => far?.tunnel.whole !== undefined && mtu > far.tunnel.whole && !far.tunnel.fragmented;

/** Whether a deploy gives the link another MTU: the file leaves it open, and what it was does not arrive any more. */
export const isToFit = (plan: LinkPlan, { mtu }: { readonly mtu?: number | undefined }): boolean => mtu === undefined && vanishes(plan);

const MGMT_MTU = 1500;

/** Over hosts, what fits their tunnels whole: a bridge drops larger packets that must not be fragmented. One host, one underlay at most. */
export function fitMgmtMtu(wanted: number | undefined, underlays: readonly Path[]): { readonly mtu: number; readonly largest: number } {
  const largest = underlays.length < 2 ? Infinity : Math.min(...underlays.map(tunnelMtu));
  return { mtu: wanted ?? Math.min(MGMT_MTU, largest), largest };
}

export const mgmtTooLarge = ({ mtu, largest, hosts }: { mtu: number; largest: number; hosts: readonly HostId[] }): string =>
  `mgmt.mtu is ${mtu}; between hosts ${hosts.toSorted().join(', ')} ${largest} is the most that passes whole: set mgmt.mtu to ${largest} or less, leave it out, or pin all nodes to one host`;

/** Why two hosts cannot be joined by a tunnel, or their underlays. */
export function underlaysOf(a: { id: HostId; underlay?: HostUnderlay | undefined }, b: { id: HostId; underlay?: HostUnderlay | undefined }): { a: HostUnderlay; b: HostUnderlay } | Rejection {
  const without = [a, b].find((host) => !host.underlay);
  if (without || !a.underlay || !b.underlay) return { code: 'no-underlay', message: `host ${without?.id} has not told an address at which other hosts reach it: set LABWRIGHT_UNDERLAY_ADDRESS there`, details: { host: without?.id } };
  if (a.underlay.address.includes(':') === b.underlay.address.includes(':')) return { a: a.underlay, b: b.underlay };
  return { code: 'no-underlay', message: `hosts ${a.id} (${a.underlay.address}) and ${b.id} (${b.underlay.address}) have addresses of different families: no tunnel joins them`, details: { hosts: [a.id, b.id] } };
}

/** Numbers of one tunnel end, taken from the lab's ports. */
export const tunnelLease = (port: () => { device: string; index: number }): TunnelLease => {
  const [own, reflect, count] = [port(), port(), port()];
  return { device: own.device, index: own.index, reflect: reflect.index, count: count.index };
};
