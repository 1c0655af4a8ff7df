// Decides what an event of the kernel means for the wires: something to mend, a carrier that changed, or nothing.
import { hasMaster, tunnelFault } from './assess-ports.ts';
import type { SwitchDrift } from './cross-connect.ts';
import { redirectsOf, type HostPort } from './host-ports.ts';
import type { LinkEvent, TcEvent } from './monitor-line.ts';
import type { WireFaultKind, WireSide } from './wire.ts';
import type { WireRegistry } from './wire-registry.ts';

export type DriftKind = 'end-deleted' | 'clsact-lost' | 'redirect-lost' | 'switch-returned' | WireFaultKind;

/** A wire is not as ordered. `found: 'sweep'` = no event told, a full read did. */
export type WireDrift = {
  readonly wireId: string;
  readonly side: WireSide;
  readonly what: DriftKind;
  /** Epoch milliseconds. */
  readonly detectedAt: number;
  readonly found: 'event' | 'sweep';
};

/** Carrier of a host end as its node or the plane changed it. */
export type CarrierEvent = { readonly wireId: string; readonly side: WireSide; readonly carrier: boolean; readonly detectedAt: number };

export type Finding = { readonly port: HostPort; readonly drift?: DriftKind; readonly carrier?: boolean };

/** What a link event in the host's namespace means. Notes what it shows. An event about an end under an index that is not the
 *  one last seen is a leftover of a former device or somebody's new one: `end-renamed` stands for "look at it". */
export function findLinkDrift(registry: WireRegistry, event: LinkEvent): Finding | undefined {
  const port = registry.portOfIfindex(event.ifindex) ?? registry.portOfDevice(event.name);
  if (!port) return undefined;
  const seen = registry.seen(port);
  if (event.deleted) {
    if (seen?.ifindex !== event.ifindex) return undefined;
    registry.note(port, undefined);
    return { port, drift: 'end-deleted' };
  }
  if (!seen || (event.dying && seen.ifindex === event.ifindex)) return undefined;
  if (seen.ifindex !== event.ifindex) return { port, drift: 'end-renamed' };
  registry.note(port, { ...seen, name: event.name, adminUp: event.adminUp, carrier: event.carrier });
  const drift = attributeDrift(port, event, seen.adminUp);
  return { port, ...(drift === undefined ? {} : { drift }), ...(event.carrier === seen.carrier ? {} : { carrier: event.carrier }) };
}

/** What an event of an inner end means: its admin state is its host end's carrier. The host end's own event may come a second
 *  later, or never when the state was back by then (the kernel gathers carrier changes), so this one is what counts. */
export function findInnerCarrier(registry: WireRegistry, port: HostPort, event: LinkEvent): Finding | undefined {
  const seen = registry.seen(port);
  if (!seen || event.deleted || event.dying) return undefined;
  const carrier = event.adminUp && seen.adminUp;
  if (carrier === seen.carrier) return undefined;
  registry.note(port, { ...seen, carrier });
  return { port, carrier };
}

/** What an event of tc means. */
export function findTcDrift(registry: WireRegistry, event: TcEvent): Finding | undefined {
  const port = registry.portOfDevice(event.device);
  if (!port || redirectsOf(port).length === 0 || registry.seen(port) === undefined) return undefined;
  registry.noteRedirectLost(port, event.pref);
  return { port, drift: event.kind === 'clsact-deleted' ? 'clsact-lost' : 'redirect-lost' };
}

/** What an event of the switch means. */
export function findSwitchDrift(registry: WireRegistry, device: string, drift: SwitchDrift): Finding | undefined {
  const port = registry.portOfDevice(device);
  return port?.switchPort === undefined ? undefined : { port, drift };
}

function attributeDrift(port: HostPort, event: LinkEvent, wasUp: boolean): DriftKind | undefined {
  if (event.name !== port.device) return 'end-renamed';
  if (event.adminUp !== wasUp) {
    if (port.carrier === 'up' && !event.adminUp) return 'end-down';
    if (port.carrier === 'down' && event.adminUp) return 'end-up';
  }
  if (!hasMaster(port, event.master)) return 'wrong-master';
  if (port.mtu !== undefined && event.mtu !== port.mtu) return 'wrong-mtu';
  return port.tunnel && event.tunnel && tunnelFault(port.tunnel, event.tunnel)?.kind;
}
