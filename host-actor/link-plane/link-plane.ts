// What every link plane does, whatever joins the ends of its wires.
import type { EchoResult } from './echo-probe.ts';
import type { SwitchPortRead } from './cross-connect.ts';
import type { LinkPlaneError } from './link-plane-error.ts';
import type { NamespaceOrder, Namespaces } from './namespaces.ts';
import type { Underlay } from './read-underlay.ts';
import type { Watch, WatchListeners } from './watch-wires.ts';
import type { CarrierWish, Wire, WireSide, WireState } from './wire.ts';
import type { WireOutcome } from './wire-outcome.ts';

export type EnsureReport = {
  readonly outcomes: ReadonlyMap<string, WireOutcome>;
  /** Namespaces that could not be had. */
  readonly namespaces: ReadonlyMap<string, LinkPlaneError>;
  /** Batch lines run; 0 when everything was there. */
  readonly linesRun: number;
};

export type CarrierChange = { readonly wireId: string; readonly side: WireSide; readonly carrier: CarrierWish };

/** Devices, and ports of a switch, that bear a mark of ours and belong to no wire that the plane was told of. `isPair`: its other end may be in a node. */
export type OrphanEnd = { readonly device: string; readonly mark: string; readonly ifindex: number; readonly isPair: boolean };

/** Makes wires and namespaces on one host and keeps sight of them; planes differ in what joins the two ends of a wire. */
export type LinkPlane = {
  /** Makes namespaces (with `lo` up) and wires; what is there and right is not touched. Absent wires stay as they are. */
  readonly ensureWires: (wires: readonly Wire[], namespaces?: readonly NamespaceOrder[]) => Promise<EnsureReport>;
  /** Removes wires by id and forgets them; absent is success. */
  readonly removeWires: (wireIds: readonly string[]) => Promise<void>;
  /** Removes the wires as given, also when the plane has not been told of them before. */
  readonly removeWiresAsGiven: (wires: readonly Wire[]) => Promise<void>;
  /** All wires that the plane was told of, or just those given, read back. */
  readonly readWires: (given?: readonly Wire[]) => Promise<ReadonlyMap<string, WireState>>;
  /** Marked host ends whose mark starts with the prefix and that no known wire claims. */
  readonly readOrphans: (markPrefix: string) => Promise<readonly OrphanEnd[]>;
  /** Removes host ends by their exact marks; what a wire claims by then stays. */
  readonly removeOrphans: (marks: readonly string[]) => Promise<void>;
  /** Raises or lowers host ends; a lowered one gives its node NO-CARRIER within a millisecond. */
  readonly setCarrier: (changes: readonly CarrierChange[]) => Promise<EnsureReport>;
  /** Brings one wire back to what was ordered: both directions, then one flap of the neighbour's carrier. The same as ensuring it again.
   *  @throws {LinkPlaneError} `unknown-wire`. */
  readonly repairWire: (wireId: string) => Promise<WireOutcome>;
  /** Reads MTU, MAC, addresses and routes of the wires' inner ends (all wires by default), to be put back when one is made again.
   *  While the plane watches, it also does so by itself after each change of an address or interface inside a node. */
  readonly snapshotInner: (wireIds?: readonly string[]) => Promise<void>;
  /** Forgets what was read of the wires' ends in these namespaces, so that the next making is a fresh one (a node made anew by order). */
  readonly forgetInner: (wires: readonly Wire[], netns: readonly string[]) => Promise<void>;
  /** Watches until the signal; resolves when it listens and everything was read once. */
  readonly watch: (listeners: WatchListeners, signal: AbortSignal) => Promise<Pick<Watch, 'sweep'>>;
  /** Probes the far ends of legs: whether a frame of full size comes back. Wires that cannot be probed are left out. */
  readonly probe: (wireIds: readonly string[]) => Promise<ReadonlyMap<string, EchoResult>>;
  /** By which device and address packets to these addresses leave; those without a route are left out. */
  readonly readUnderlays: (remotes: readonly string[], by?: string) => Promise<ReadonlyMap<string, Underlay>>;
  /** Ports of ours on a switch with the VLAN each was given: what leases are recovered from. None where no switch is used. */
  readonly readSwitchPorts: () => Promise<readonly SwitchPortRead[]>;
  readonly namespaces: Namespaces;
};
