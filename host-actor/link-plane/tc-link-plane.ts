// The link plane on plain kernel means: veth host ends, cross-connected by tc ingress redirects.
import type { Logger } from 'pino';
import { wireState, deviceOf } from './assess-ports.ts';
import { wireIssues } from './check-wire.ts';
import { ensureJoined } from './ensure-wires.ts';
import { hostPortsOf } from './host-ports.ts';
import { createKeyedLock } from './keyed-lock.ts';
import type { DeviceRead } from './kernel-state.ts';
import { LinkPlaneError } from './link-plane-error.ts';
import { readAll, readKernelState } from './read-kernel-state.ts';
import { removeDevices } from './remove-devices.ts';
import { toolRunnerIn } from './run-tool.ts';
import type { CarrierWish, Wire, WireSide, WireState } from './wire.ts';
import type { WireOutcome } from './wire-outcome.ts';
import { createNamespaces, type NamespaceOrder, type Namespaces } from './namespaces.ts';
import { namespaceMarksIn } from './namespace-marks.ts';

export type TcLinkPlaneOptions = {
  /** Name or path of the namespace in which host ends live; absent = our own. */
  readonly hostNetns?: string;
  /** Folder for what must survive a restart of ours: marks of namespaces, last read inner ends. */
  readonly stateDir: string;
  readonly log: Logger;
};

export type EnsureReport = {
  readonly outcomes: ReadonlyMap<string, WireOutcome>;
  /** Namespaces that could not be had. */
  readonly namespaces: ReadonlyMap<string, LinkPlaneError>;
  /** Batch lines run; 0 when everything was there. */
  readonly linesRun: number;
};

export type CarrierChange = { readonly wireId: string; readonly side: WireSide; readonly carrier: CarrierWish };

/** Devices that bear a mark of ours and belong to no wire that the plane was told of. */
export type OrphanEnd = { readonly device: string; readonly mark: string; readonly ifindex: number };

export type TcLinkPlane = {
  /** Makes namespaces (with `lo` up) and wires; what is there and right is not touched. Absent wires stay as they are. */
  readonly ensureWires: (wires: readonly Wire[], namespaces?: readonly NamespaceOrder[]) => Promise<EnsureReport>;
  /** Removes wires by id and forgets them; absent is success. */
  readonly removeWires: (wireIds: readonly string[]) => Promise<void>;
  /** Removes the wires as given, also when the plane has not been told of them before. */
  readonly removeWiresAsGiven: (wires: readonly Wire[]) => Promise<void>;
  /** All wires that the plane was told of, read back. */
  readonly readWires: () => Promise<ReadonlyMap<string, WireState>>;
  /** Marked host ends whose mark starts with the prefix and that no known wire claims. */
  readonly readOrphans: (markPrefix: string) => Promise<readonly OrphanEnd[]>;
  /** Removes host ends by their exact marks. */
  readonly removeOrphans: (marks: readonly string[]) => Promise<void>;
  /** Raises or lowers host ends; a lowered one gives its node NO-CARRIER within a millisecond. */
  readonly setCarrier: (changes: readonly CarrierChange[]) => Promise<EnsureReport>;
  readonly namespaces: Namespaces;
};

/** A plane that has done nothing yet. */
export function createTcLinkPlane(options: TcLinkPlaneOptions): TcLinkPlane {
  const run = toolRunnerIn(options.hostNetns);
  const lock = createKeyedLock();
  const known = new Map<string, Wire>();
  const namespaces = createNamespaces(namespaceMarksIn(`${options.stateDir}/netns`));

  const ensureWires: TcLinkPlane['ensureWires'] = async (wires, namespaceOrders = []) => {
    const refused = new Map<string, WireOutcome>();
    for (const wire of wires) {
      const error = refuse(wire);
      if (error) refused.set(wire.id, { ok: false, error });
    }
    const usable = wires.filter((wire) => !refused.has(wire.id));
    return lock.hold(usable.map((wire) => wire.id), async () => {
      for (const wire of usable) known.set(wire.id, wire);
      const ensured = await namespaces.ensure(namespaceOrders);
      const extraInner = ensured.loopbackDown.map((netns) => ({ netns, lines: [{ owner: netns, text: 'link set dev lo up' }] }));
      const result = await ensureJoined(run, { wires: usable, extraInner });
      await namespaces.noteLoopbacksUp(ensured.loopbackDown);
      return { outcomes: new Map([...refused, ...result.outcomes]), namespaces: ensured.failed, linesRun: result.linesRun + ensured.made.length };
    });
  };

  const removeWiresAsGiven = async (wires: readonly Wire[]): Promise<void> => {
    await lock.hold(wires.map((wire) => wire.id), async () => {
      for (const wire of wires) known.delete(wire.id);
      const state = await readAll(run);
      const ports = wires.flatMap(hostPortsOf);
      await removeDevices(run, ports.flatMap((port) => deviceOf(port, state) ?? []), state.devices.values());
    });
  };

  return {
    ensureWires,
    removeWiresAsGiven,
    removeWires: (wireIds) => removeWiresAsGiven(wireIds.flatMap((id) => known.get(id) ?? [])),
    readWires: async () => {
      const wires = [...known.values()];
      const state = await readKernelState(run, wires);
      return new Map(wires.map((wire) => [wire.id, wireState(hostPortsOf(wire), state, wire.id)]));
    },
    readOrphans: async (markPrefix) => {
      const state = await readAll(run);
      const claimed = new Set([...known.values()].flatMap((wire) => hostPortsOf(wire).map((port) => port.mark)));
      return [...state.byMark].flatMap(([mark, device]) => (mark.startsWith(markPrefix) && !claimed.has(mark) ? [{ device: device.name, mark, ifindex: device.ifindex }] : []));
    },
    removeOrphans: async (marks) => {
      const state = await readAll(run);
      const devices = marks.flatMap((mark): DeviceRead[] => {
        const device = state.byMark.get(mark);
        return device ? [device] : [];
      });
      await removeDevices(run, devices, state.devices.values());
    },
    setCarrier: (changes) => ensureWires(applyCarrier(known, changes)),
    namespaces,
  };
}

function refuse(wire: Wire): LinkPlaneError | undefined {
  const issues = wireIssues(wire);
  if (issues.length > 0) return new LinkPlaneError('invalid-wire', `link cannot be made: ${issues.join('; ')} (wire ${wire.id})`, { wireId: wire.id });
  if (wire.kind === 'vxlan' || wire.kind === 'macvlan' || wire.kind === 'dummy') {
    return new LinkPlaneError('not-supported-yet', `links of kind ${wire.kind} cannot be made yet (wire ${wire.id})`, { wireId: wire.id });
  }
  return undefined;
}

function applyCarrier(known: ReadonlyMap<string, Wire>, changes: readonly CarrierChange[]): readonly Wire[] {
  const changed = new Map<string, Wire>();
  for (const { wireId, side, carrier } of changes) {
    const wire = changed.get(wireId) ?? known.get(wireId);
    if (!wire) throw new LinkPlaneError('unknown-wire', `carrier of wire ${wireId} cannot be set: no such wire has been ordered`, { wireId });
    changed.set(wireId, withCarrier(wire, side, carrier));
  }
  return [...changed.values()];
}

function withCarrier(wire: Wire, side: WireSide, carrier: CarrierWish): Wire {
  switch (wire.kind) {
    case 'joined':
      return side === 'a' ? { ...wire, a: { ...wire.a, host: { ...wire.a.host, carrier } } } : { ...wire, b: { ...wire.b, host: { ...wire.b.host, carrier } } };
    case 'bridge':
    case 'host':
    case 'vxlan':
      return { ...wire, host: { ...wire.host, carrier } };
    case 'macvlan':
    case 'dummy':
      return wire;
  }
}
