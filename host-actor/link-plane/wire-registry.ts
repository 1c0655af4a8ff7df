// Remembers the ordered wires and what was last seen of their host ends, and finds an end by whatever an event names it by.
import { deviceOf } from './assess-ports.ts';
import { hostPortsOf, redirectsOf, type HostPort, type Redirect } from './host-ports.ts';
import type { KernelState } from './kernel-state.ts';
import type { Wire } from './wire.ts';

/** Last seen of a host end; absent from the registry = not there. */
export type SeenEnd = { readonly ifindex: number; readonly name: string; readonly adminUp: boolean; readonly carrier: boolean; readonly netnsId?: number; readonly peerIfindex?: number };

export type WireRegistry = {
  readonly wires: ReadonlyMap<string, Wire>;
  readonly put: (wire: Wire) => void;
  /** Another wire that has a device name, mark or action index of this one; two filters with one index would lead into one wire. */
  readonly rivalOf: (wire: Wire) => { readonly wireId: string; readonly what: string } | undefined;
  readonly drop: (wireId: string) => void;
  readonly portOfDevice: (device: string) => HostPort | undefined;
  readonly portOfIfindex: (ifindex: number) => HostPort | undefined;
  /** The end whose inner device has this index in the namespace of this id. */
  readonly portOfInner: (netnsId: number, ifindex: number) => HostPort | undefined;
  readonly seen: (port: HostPort) => SeenEnd | undefined;
  readonly note: (port: HostPort, seen: SeenEnd | undefined) => void;
  /** An event said that the redirect of this preference, or all of this end, were taken away. The kernel frees an action a moment
   *  later, so that a read right after the event still shows it: what the event said counts until the end is mended. */
  readonly noteRedirectLost: (port: HostPort, pref: number | undefined) => void;
  readonly takeLostRedirects: (port: HostPort) => readonly Redirect[];
  /** Takes over what was read of these wires. */
  readonly noteRead: (wires: readonly Wire[], state: KernelState) => void;
};

export function createWireRegistry(): WireRegistry {
  const wires = new Map<string, Wire>();
  const byDevice = new Map<string, HostPort>();
  const claims = new Map<string, string>();
  const byIfindex = new Map<number, HostPort>();
  const byInner = new Map<string, HostPort>();
  const seenEnds = new Map<string, SeenEnd>();
  const lostRedirects = new Map<string, readonly Redirect[]>();
  const innerKey = (netnsId: number, ifindex: number): string => `${netnsId}/${ifindex}`;

  const note = (port: HostPort, seen: SeenEnd | undefined): void => {
    const before = seenEnds.get(port.mark);
    if (before && byIfindex.get(before.ifindex)?.mark === port.mark) byIfindex.delete(before.ifindex);
    if (before?.netnsId !== undefined && before.peerIfindex !== undefined) byInner.delete(innerKey(before.netnsId, before.peerIfindex));
    if (!seen) {
      seenEnds.delete(port.mark);
      return;
    }
    seenEnds.set(port.mark, seen);
    byIfindex.set(seen.ifindex, port);
    if (seen.netnsId !== undefined && seen.peerIfindex !== undefined) byInner.set(innerKey(seen.netnsId, seen.peerIfindex), port);
  };
  const drop = (wireId: string): void => {
    const wire = wires.get(wireId);
    if (!wire) return;
    wires.delete(wireId);
    for (const port of hostPortsOf(wire)) {
      note(port, undefined);
      lostRedirects.delete(port.mark);
      if (byDevice.get(port.device)?.wireId === wireId) byDevice.delete(port.device);
      for (const claim of claimsOf(port)) if (claims.get(claim) === wireId) claims.delete(claim);
    }
  };
  const put = (wire: Wire): void => {
    const before = wires.get(wire.id);
    const lost = before ? hostPortsOf(before).flatMap((port): [string, readonly Redirect[]][] => [[port.mark, lostRedirects.get(port.mark) ?? []]]) : [];
    const kept = before ? new Map(hostPortsOf(before).map((port) => [port.mark, seenEnds.get(port.mark)])) : undefined;
    drop(wire.id);
    wires.set(wire.id, wire);
    for (const [mark, redirects] of lost) if (redirects.length > 0) lostRedirects.set(mark, redirects);
    for (const port of hostPortsOf(wire)) {
      byDevice.set(port.device, port);
      for (const claim of claimsOf(port)) claims.set(claim, wire.id);
      const seen = kept?.get(port.mark);
      if (seen) note(port, seen);
    }
  };
  return {
    wires,
    put,
    rivalOf: (wire) => {
      const taken = hostPortsOf(wire).flatMap(claimsOf).find((claim) => (claims.get(claim) ?? wire.id) !== wire.id);
      return taken === undefined ? undefined : { wireId: claims.get(taken) ?? '', what: taken };
    },
    drop,
    note,
    portOfDevice: (device) => byDevice.get(device),
    portOfIfindex: (ifindex) => byIfindex.get(ifindex),
    portOfInner: (netnsId, ifindex) => byInner.get(innerKey(netnsId, ifindex)),
    seen: (port) => seenEnds.get(port.mark),
    noteRedirectLost: (port, pref) => {
      const lost = redirectsOf(port).filter((redirect) => pref === undefined || redirect.pref === pref);
      if (lost.length > 0) lostRedirects.set(port.mark, [...(lostRedirects.get(port.mark) ?? []), ...lost]);
    },
    takeLostRedirects: (port) => {
      const lost = lostRedirects.get(port.mark) ?? [];
      lostRedirects.delete(port.mark);
      return lost;
    },
    noteRead: (read, state) => {
      for (const port of read.filter((wire) => wires.has(wire.id)).flatMap(hostPortsOf)) {
        const device = deviceOf(port, state);
        note(port, device);
      }
    },
  };
}

function claimsOf(port: HostPort): readonly string[] {
  const { tunnel } = port;
  const family = tunnel?.remote.includes(':') === true ? 'IPv6' : 'IPv4';
  return [
    `host end ${port.device}`,
    `mark ${port.mark}`,
    ...redirectsOf(port).map(({ index }) => `action index ${index}`),
    ...(tunnel ? [`VNI ${tunnel.vni} at UDP port ${tunnel.udpPort} over ${family}`] : []),
  ];
}
