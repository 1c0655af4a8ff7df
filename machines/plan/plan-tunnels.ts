// Links and management networks across hosts: tunnel numbers, addresses of both ends, and the MTU that fits between them.
import type { HostId } from '../vocabulary/ids.ts';
import type { Rejection } from '../vocabulary/command.ts';
import type { HostUnderlay } from '../vocabulary/host-facts.ts';
import type { TunnelLease } from '../vocabulary/lab-plan.ts';

/** IANA's port of VXLAN (RFC 7348). */
export const VXLAN_PORT = 4789;
/** Bytes that a tunnel adds: outer Ethernet payload less the inner packet. */
const OVERHEAD = { ipv4: 50, ipv6: 70 } as const;

/** A lab's tunnel numbers: its own 12 bits, then a count; those of other labs and of the file are left out. */
export function tunnelNumbers(labNumber: number, first: number, taken: ReadonlySet<number>): { take(): number | null; next(): number } {
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

/** What a tunnel over this underlay carries in one piece. */
export const tunnelMtu = (underlay: HostUnderlay): number => underlay.mtu - (underlay.address.includes(':') ? OVERHEAD.ipv6 : OVERHEAD.ipv4);

export type Fit = { readonly ok: true; readonly mtu: number; readonly fragmented: boolean } | { readonly ok: false; readonly rejection: Rejection };

/**
 * What both ends of a link can carry over these underlays. Unset = the largest that needs no fragments. A set one travels in
 * fragments over IPv4; over IPv6 larger packets would vanish, so it is refused.
 */
export function fitMtu(link: { id: string; mtu?: number | undefined }, a: HostUnderlay, b: HostUnderlay): Fit {
  const isV6 = a.address.includes(':') || b.address.includes(':');
  const largest = Math.min(tunnelMtu(a), tunnelMtu(b));
  if (link.mtu === undefined || link.mtu <= largest) return { ok: true, mtu: link.mtu ?? largest, fragmented: false };
  if (!isV6) return { ok: true, mtu: link.mtu, fragmented: true };
  const message = `link ${link.id} asks for an MTU of ${link.mtu}; over the IPv6 underlay between its hosts ${largest} is the most that arrives: set mtu to ${largest} or less, or keep both nodes on one host`;
  return { ok: false, rejection: { code: 'mtu-too-large', message, details: { link: link.id, mtu: link.mtu, largest } } };
}

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
