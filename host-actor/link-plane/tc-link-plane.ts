// The link plane on plain kernel means: veth host ends, cross-connected by tc ingress redirects.
import type { Logger } from 'pino';
import { wireState } from './assess-ports.ts';
import { wireIssues } from './check-wire.ts';
import { ensureJoined } from './ensure-wires.ts';
import { hostPortsOf, isSwitched } from './host-ports.ts';
import { ensureInnerDevices, isInnerDeviceWire, readInnerDeviceStates, removeInnerDevices } from './inner-devices.ts';
import { impairmentQdisc } from './impairment-qdisc.ts';
import { createKeyedLock } from './keyed-lock.ts';
import { choosePlane } from './choose-plane.ts';
import { keepChecksums } from './compute-checksums.ts';
import type { CrossConnect } from './cross-connect.ts';
import type { KernelState } from './kernel-state.ts';
import { LinkPlaneError } from './link-plane-error.ts';
import type { CarrierChange, EnsureReport, LinkPlane } from './link-plane.ts';
import { mendRedirects } from './mend-redirects.ts';
import { readDevices, readKernelState } from './read-kernel-state.ts';
import { removeDevices } from './remove-devices.ts';
import { commandIn } from './run-tool.ts';
import { nameTunnelHolders } from './tunnel-holders.ts';
import { createToolShells } from './tool-shells.ts';
import { isLeg, probeLegs } from './echo-probe.ts';
import { createProbeSender } from './probe-sender.ts';
import { readUnderlays } from './read-underlay.ts';
import { createInnerStore, wiresByNetns } from './inner-store.ts';
import { watchWires, type Watch } from './watch-wires.ts';
import { createWireRegistry } from './wire-registry.ts';
import type { CarrierWish, PlaneName, Wire, WireSide, WireState } from './wire.ts';
import type { WireOutcome } from './wire-outcome.ts';
import { createNamespaces, type NamespaceOrder } from './namespaces.ts';
import { namespaceMarksIn } from './namespace-marks.ts';

export type TcLinkPlaneOptions = {
  /** Name or path of the namespace in which host ends live; absent = our own. */
  readonly hostNetns?: string;
  /** Folder for what must survive a restart of ours: marks of namespaces, last read inner ends. */
  readonly stateDir: string;
  readonly log: Logger;
  /** Joins the wires of plane ovs; without it they are refused. */
  readonly crossConnect?: CrossConnect;
  /** Plane of wires that name none; tc by default. */
  readonly defaultPlane?: PlaneName;
};

export type TcLinkPlane = LinkPlane;

/** A plane that has done nothing yet. */
export function createTcLinkPlane(options: TcLinkPlaneOptions): TcLinkPlane {
  const { log, crossConnect } = options;
  const choose = choosePlane(options.defaultPlane ?? 'tc');
  const run = createToolShells(options.hostNetns);
  const sendProbes = createProbeSender(options.hostNetns);
  const lock = createKeyedLock();
  const registry = createWireRegistry();
  const known = registry.wires;
  const changedAt = new Map<string, number>();
  const inner = createInnerStore(run, `${options.stateDir}/inner`);
  const namespaces = createNamespaces(run, namespaceMarksIn(`${options.stateDir}/netns`));

  const read = async (wires: readonly Wire[]): Promise<KernelState> => {
    const switched = wires.flatMap(hostPortsOf).filter(isSwitched);
    if (switched.length === 0 || !crossConnect) return readKernelState(run, wires);
    const [kernel, onSwitch] = await Promise.all([readKernelState(run, wires), crossConnect.read(switched)]);
    return { ...kernel, switched: onSwitch };
  };

  const claimedMarks = (): ReadonlySet<string> => new Set([...known.values()].flatMap((wire) => hostPortsOf(wire).map((port) => port.mark)));
  /** Removals of orphans, one after another. A wire that is ordered meanwhile waits for them, so that it never adopts a device that goes. */
  let removing: Promise<void> = Promise.resolve();
  const removeUnclaimed = async (marks: readonly string[]): Promise<void> => {
    const claimed = claimedMarks();
    const orphans = marks.filter((mark) => !claimed.has(mark));
    await crossConnect?.part(orphans);
    const state = await readDevices(run);
    await removeDevices(run, orphans.flatMap((mark) => state.byMark.get(mark) ?? []), state.devices.values());
  };

  const changing = new Set<string>();
  const watches = new Set<Watch>();
  const shapedAs = new Map<string, string>();
  const computing = new Set<string>();

  /** Holds the wires for a change; what is seen of them meanwhile is our own doing up to the change's last read. */
  const change = <T extends { readonly readAt: number }>(wireIds: readonly string[], work: () => Promise<T>): Promise<T> =>
    lock.hold(wireIds, async () => {
      for (const id of wireIds) changing.add(id);
      let readAt = 0;
      try {
        const result = await work();
        readAt = result.readAt;
        return result;
      } finally {
        for (const id of wireIds) changing.delete(id);
        for (const watching of watches) watching.settled(wireIds, readAt);
      }
    });

  const ensureUsable = async (ordered: readonly Wire[], namespaceOrders: readonly NamespaceOrder[]): Promise<EnsureReport & { readonly readAt: number }> => {
    const rivals = new Map<string, WireOutcome>();
    for (const wire of ordered) {
      const rival = registry.rivalOf(wire);
      if (rival) rivals.set(wire.id, { ok: false, error: rivalError(wire, rival) });
      else registry.put(wire);
    }
    const wires = ordered.filter((wire) => !rivals.has(wire.id));
    await removing;
    // What was on the switch and is no more would be joined twice.
    await crossConnect?.release([...wires.flatMap(formerMarksOf), ...wires.flatMap(hostPortsOf).flatMap((port) => (isSwitched(port) ? [] : [port.mark]))]);
    const [ensured] = await Promise.all([namespaces.ensure(namespaceOrders), inner.load(wires)]);
    const extraInner = ensured.loopbackDown.map((netns) => ({ netns, lines: [{ owner: netns, text: 'link set dev lo up' }] }));
    const mended = await mendRedirects(run, registry, wires);
    const innerDevices = await ensureInnerDevices(run, wires.filter(isInnerDeviceWire));
    const result = await ensureJoined(run, { wires: wires.filter((wire) => !isInnerDeviceWire(wire)), extraInner, inner, isRedirectLost: mended.isRedirectLost, mended: mended.wires, shapedAs, read, join: crossConnect?.join });
    const [unsummed] = await Promise.all([keepChecksums(run, wires, result.outcomes, computing), namespaces.noteLoopbacksUp(ensured.loopbackDown)]);
    registry.noteRead(wires, result.kernel);
    for (const port of wires.filter(({ id }) => result.outcomes.get(id)?.ok).flatMap(hostPortsOf)) {
      if (port.qdisc) shapedAs.set(port.mark, port.qdisc.words);
      else shapedAs.delete(port.mark);
    }
    const now = Date.now();
    for (const [wireId, outcome] of result.outcomes) if (!outcome.ok || outcome.changed) changedAt.set(wireId, now);
    const made = await nameTunnelHolders(run, wires, new Map([...result.outcomes, ...innerDevices.outcomes]));
    return { outcomes: new Map([...rivals, ...made, ...unsummed]), namespaces: ensured.failed, linesRun: result.linesRun + innerDevices.linesRun + ensured.made.length, readAt: result.readAt };
  };

  const ensureWires: TcLinkPlane['ensureWires'] = async (given, namespaceOrders = []) => {
    const wires = given.map(choose);
    const refused = new Map<string, WireOutcome>();
    for (const wire of wires) {
      const error = refuse(wire);
      if (error) refused.set(wire.id, { ok: false, error });
    }
    const usable = wires.filter((wire) => !refused.has(wire.id));
    const report = await change([...idsOf(usable), ...namespaceOrders.map(({ name }) => `netns ${name}`)], () => ensureUsable(usable, namespaceOrders));
    return { ...report, outcomes: new Map([...refused, ...report.outcomes]) };
  };

  const removeWiresAsGiven = (wires: readonly Wire[]): Promise<void> =>
    lock.hold(idsOf(wires), async () => {
      for (const wire of wires) {
        registry.drop(wire.id);
        changedAt.delete(wire.id);
        computing.delete(wire.id);
      }
      const marks = [...wires.flatMap(hostPortsOf).map(({ mark }) => mark), ...wires.flatMap(formerMarksOf)];
      // Before the devices: a switch must not join what comes next under their names.
      await crossConnect?.part(marks);
      const state = await readDevices(run);
      await removeDevices(run, marks.flatMap((mark) => state.byMark.get(mark) ?? []), state.devices.values());
      await removeInnerDevices(run, wires.filter(isInnerDeviceWire));
      await inner.forget(wires);
    });

  const snapshotInner = async (wireIds: readonly string[] = [...known.keys()]): Promise<void> => {
    const wires = wireIds.flatMap((id) => known.get(id) ?? []);
    // One namespace after another, so that a repair never waits for the reading of a whole host.
    for (const [netns, own] of wiresByNetns(wires)) {
      await lock.hold(idsOf(own), async () => {
        const there = own.filter((wire) => known.has(wire.id));
        if (there.length > 0) await inner.snapshot(there, netns);
      });
    }
  };

  return {
    ensureWires,
    removeWiresAsGiven,
    removeWires: (wireIds) => removeWiresAsGiven(wireIds.flatMap((id) => known.get(id) ?? [])),
    readWires: async (given) => {
      const asked = given?.map(choose) ?? [...known.values()];
      const wires = asked.filter((wire) => !isInnerDeviceWire(wire));
      const [state, innerDevices] = await Promise.all([read(wires), readInnerDeviceStates(run, asked.filter(isInnerDeviceWire))]);
      return new Map([...wires.map((wire): [string, WireState] => [wire.id, wireState(hostPortsOf(wire), state, wire.id)]), ...innerDevices]);
    },
    readOrphans: async (markPrefix) => {
      const [state, ports] = await Promise.all([readDevices(run), crossConnect?.readPorts().catch(() => []) ?? []]);
      const claimed = claimedMarks();
      const marked = new Map([
        ...ports.map(({ mark, device }) => [mark, { device, ifindex: 0, isPair: false }] as const),
        ...[...state.byMark].map(([mark, { name, ifindex, kind }]) => [mark, { device: name, ifindex, isPair: kind === 'veth' }] as const),
      ]);
      return [...marked].flatMap(([mark, end]) => (mark.startsWith(markPrefix) && !claimed.has(mark) ? [{ ...end, mark }] : []));
    },
    removeOrphans: (marks) => {
      const removed = removing.then(() => removeUnclaimed(marks));
      removing = removed.catch(() => undefined);
      return removed;
    },
    setCarrier: (changes) => change([...new Set(changes.map(({ wireId }) => wireId))], () => ensureUsable(applyCarrier(known, changes), [])),
    repairWire: async (wireId) => {
      const wire = known.get(wireId);
      const outcome = wire && (await ensureWires([wire])).outcomes.get(wireId);
      if (!outcome) throw unknownWire(wireId);
      return outcome;
    },
    snapshotInner,
    forgetInner: (wires, netns) => lock.hold(idsOf(wires), () => inner.forget(wires, { netns })),
    watch: async (listeners, signal) => {
      // The shells are there before the first fault: a repair reads with two programs at once.
      await Promise.all([run({ program: 'true', args: [] }), run({ program: 'true', args: [] })]);
      const watching = await watchWires({
        ...listeners,
        signal,
        registry,
        inHost: (program, args) => commandIn(options.hostNetns, program, args),
        read,
        watchSwitch: crossConnect?.watch,
        isBusy: (wireId) => changing.has(wireId),
        lastChange: (wireId) => changedAt.get(wireId) ?? 0,
        onInner: (wireIds) => snapshotInner(wireIds).catch((err: unknown) => log.warn({ err }, 'inner ends could not be read')),
        onGap: (reason) => log.warn({ reason }, 'link events may have been missed, all wires are read'),
      });
      watches.add(watching);
      signal.addEventListener('abort', () => watches.delete(watching), { once: true });
      await snapshotInner();
      return { sweep: watching.sweep };
    },
    probe: (wireIds) => probeLegs(run, sendProbes, wireIds.flatMap((id) => known.get(id) ?? []).filter(isLeg)),
    readUnderlays: (remotes, by) => readUnderlays(run, remotes, by),
    readSwitchPorts: async () => (await crossConnect?.readPorts()) ?? [],
    namespaces,
  };
}

const formerMarksOf = (wire: Wire): readonly string[] => wire.formerMarks ?? [];

function idsOf(wires: readonly Wire[]): readonly string[] {
  return wires.map((wire) => wire.id);
}

function unknownWire(wireId: string): LinkPlaneError {
  return new LinkPlaneError('unknown-wire', `wire ${wireId} has not been ordered`, { wireId });
}

function rivalError(wire: Wire, rival: { readonly wireId: string; readonly what: string }): LinkPlaneError {
  return new LinkPlaneError('invalid-wire', `link cannot be made: ${rival.what} belongs to wire ${rival.wireId} (wire ${wire.id})`, { wireId: wire.id, rival: rival.wireId });
}

function refuse(wire: Wire): LinkPlaneError | undefined {
  const issues = wireIssues(wire);
  if (issues.length > 0) return new LinkPlaneError('invalid-wire', `link cannot be made: ${issues.join('; ')} (wire ${wire.id})`, { wireId: wire.id });
  if (wire.kind !== 'joined' && wire.kind !== 'vxlan' && impairmentQdisc(wire.impairment, wire.mtu)) {
    return new LinkPlaneError('not-supported-yet', `only links between two nodes, and to a tunnel, can be impaired (wire ${wire.id})`, { wireId: wire.id });
  }
  if (isInnerDeviceWire(wire) && wire.inner.netns === 'host') return new LinkPlaneError('invalid-wire', `a ${wire.kind} link needs a node's namespace (wire ${wire.id})`, { wireId: wire.id });
  return undefined;
}

function applyCarrier(known: ReadonlyMap<string, Wire>, changes: readonly CarrierChange[]): readonly Wire[] {
  const changed = new Map<string, Wire>();
  for (const { wireId, side, carrier } of changes) {
    const wire = changed.get(wireId) ?? known.get(wireId);
    if (!wire) throw unknownWire(wireId);
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
    case 'inner-vxlan':
      return wire;
  }
}
