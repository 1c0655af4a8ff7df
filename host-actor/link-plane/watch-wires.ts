// Watches the kernel for whatever happens to our wires and says so at once; a full read follows whenever events may have been lost.
import { wireState } from './assess-ports.ts';
import type { CrossConnect } from './cross-connect.ts';
import { findInnerCarrier, findLinkDrift, findSwitchDrift, findTcDrift, type CarrierEvent, type DriftKind, type Finding, type WireDrift } from './find-drift.ts';
import { hostPortsOf, type HostPort } from './host-ports.ts';
import type { KernelState } from './kernel-state.ts';
import { parseIpMonitorLine, parseTcMonitorLine } from './monitor-line.ts';
import { runMonitor } from './monitor-child.ts';
import type { Wire } from './wire.ts';
import type { WireRegistry } from './wire-registry.ts';

export type WatchListeners = {
  readonly onDrift: (drift: WireDrift) => void;
  readonly onCarrier?: (event: CarrierEvent) => void;
  /** A device of the host that belongs to no wire has changed: an underlay may be among them. */
  readonly onDevice?: (name: string) => void;
  /** Resolves when a look into nodes is worth its cost: while a lab is made, nearly all that changes there is its making. */
  readonly whenCalm?: () => Promise<void>;
};

export type WatchInput = WatchListeners & {
  readonly signal: AbortSignal;
  readonly registry: WireRegistry;
  /** A program and its arguments as they are called in the host's namespace. */
  readonly inHost: (program: string, args: readonly string[]) => { readonly program: string; readonly args: readonly string[] };
  readonly read: (wires: readonly Wire[]) => Promise<KernelState>;
  /** Whether we are changing this wire right now: what is seen of it meanwhile is our own doing. */
  readonly isBusy: (wireId: string) => boolean;
  /** When we last changed it (epoch ms); lines about that may still be on their way. */
  readonly lastChange: (wireId: string) => number;
  /** Watches the switch that joins what no redirect joins. */
  readonly watchSwitch?: CrossConnect['watch'] | undefined;
  /** Something changed inside the namespace of these wires; never rejects. */
  readonly onInner: (wireIds: readonly string[]) => Promise<void>;
  readonly onGap: (why: string) => void;
};

export type Watch = {
  /** Our change of these wires is over; whatever was seen of them since `readAt`, the beginning of its last read, is looked at. */
  readonly settled: (wireIds: readonly string[], readAt: number) => void;
  /** Reads all wires and reports what differs. */
  readonly sweep: () => Promise<void>;
};

/** 32 MiB, for a burst of thousands of devices; the default loses events at a thousand. */
const RECEIVE_BUFFER = '33554432';
/** A drift seen this soon after our own change is confirmed by a read before it is believed. */
const OWN_ECHO_MS = 2_000;
/** Interfaces are read when nothing has changed for so long, at the latest after the longer time. */
const INNER_SETTLE_MS = 1_000;
const INNER_LATEST_MS = 5_000;

/** Starts the monitors, waits until they listen, and reads everything once. */
export async function watchWires(input: WatchInput): Promise<Watch> {
  const { registry } = input;
  const { report, settled } = createReporter(input);
  const inner = collectInner(input);
  const gap = collectGaps(input, () => sweep(input, report));
  const onIpLine = (line: string): void => {
    const event = parseIpMonitorLine(line);
    if (!event) return;
    if (event.netnsId === undefined) {
      if (event.kind !== 'link') return;
      const finding = findLinkDrift(registry, event);
      report(finding);
      if (!finding && !registry.portOfDevice(event.name)) input.onDevice?.(event.name);
      return;
    }
    const port = registry.portOfInner(event.netnsId, event.ifindex);
    if (!port) return;
    if (event.kind === 'link') report(findInnerCarrier(registry, port, event));
    inner(port);
  };
  const onTcLine = (line: string): void => {
    const event = parseTcMonitorLine(line);
    if (event) report(findTcDrift(registry, event));
  };
  const monitors = [
    { ...input.inHost('ip', ['-rcvbuf', RECEIVE_BUFFER, '-d', '-o', 'monitor', 'all-nsid', 'link', 'address']), onLine: onIpLine },
    { ...input.inHost('tc', ['monitor']), onLine: onTcLine },
  ];
  input.watchSwitch?.({ onDrift: (device, drift) => report(findSwitchDrift(registry, device, drift)), onGap: gap }, input.signal);
  await Promise.all(monitors.map((monitor) => runMonitor({ ...monitor, onGap: gap, signal: input.signal })));
  await sweep(input, report);
  return { sweep: () => sweep(input, report), settled };
}

type Report = (finding: Finding | undefined, found?: WireDrift['found']) => void;

function createReporter(input: WatchInput): { readonly report: Report; readonly settled: Watch['settled'] } {
  const late = new Map<string, { readonly port: HostPort; readonly drift: DriftKind; readonly at: number }>();
  const emit = (port: HostPort, what: DriftKind, found: WireDrift['found'], detectedAt: number): void => {
    input.onDrift({ wireId: port.wireId, side: port.side, what, detectedAt, found });
  };
  const confirm = async (port: HostPort, what: DriftKind, detectedAt: number): Promise<void> => {
    const wire = input.registry.wires.get(port.wireId);
    if (!wire) return;
    const state = await input.read([wire]);
    if (input.isBusy(port.wireId) || !input.registry.wires.has(port.wireId)) return;
    input.registry.noteRead([wire], state);
    if (!wireState(hostPortsOf(wire), state, wire.id).joined) emit(port, what, 'event', detectedAt);
  };
  const look = (port: HostPort, drift: DriftKind, at: number): void => {
    confirm(port, drift, at).catch((cause: unknown) => input.onGap(`a wire could not be read back: ${String(cause)}`));
  };
  const report: Report = (finding, found = 'event') => {
    if (!finding) return;
    const { port, drift, carrier } = finding;
    const detectedAt = Date.now();
    if (input.isBusy(port.wireId)) {
      late.set(port.wireId, { port, drift: drift ?? 'end-down', at: detectedAt });
      return;
    }
    // A tunnel always has carrier, whatever is wrong with it.
    if (carrier !== undefined && !port.tunnel) input.onCarrier?.({ wireId: port.wireId, side: port.side, carrier, detectedAt });
    if (drift === undefined) return;
    // We never take a redirect from a device that stays, so its loss is nobody's echo; and a read would not show it yet.
    const sure = found === 'sweep' || drift === 'switch-returned' || drift === 'redirect-lost' || drift === 'clsact-lost';
    const echo = detectedAt - input.lastChange(port.wireId) < OWN_ECHO_MS || drift === 'end-renamed';
    if (sure || !echo) emit(port, drift, found, detectedAt);
    else look(port, drift, detectedAt);
  };
  const settled: Watch['settled'] = (wireIds, readAt) => {
    for (const wireId of wireIds) {
      const seen = late.get(wireId);
      late.delete(wireId);
      if (!seen || seen.at < readAt) continue;
      if (seen.drift === 'redirect-lost' || seen.drift === 'clsact-lost') emit(seen.port, seen.drift, 'event', seen.at);
      else look(seen.port, seen.drift, seen.at);
    }
  };
  return { report, settled };
}

async function sweep(input: WatchInput, report: Report): Promise<void> {
  const wires = [...input.registry.wires.values()].filter((wire) => !input.isBusy(wire.id) && hostPortsOf(wire).length > 0);
  if (wires.length === 0) return;
  const startedAt = Date.now();
  const state = await input.read(wires);
  // What was changed while we read is known better by whoever changed it.
  const calm = wires.filter((wire) => !input.isBusy(wire.id) && input.lastChange(wire.id) < startedAt && input.registry.wires.has(wire.id));
  const before = new Map(calm.flatMap(hostPortsOf).map((port) => [port.mark, input.registry.seen(port)?.carrier]));
  input.registry.noteRead(calm, state);
  for (const wire of calm) {
    const ports = hostPortsOf(wire);
    for (const port of ports) {
      const carrier = input.registry.seen(port)?.carrier;
      const was = before.get(port.mark);
      if (carrier !== undefined && was !== undefined && carrier !== was) report({ port, carrier }, 'sweep');
    }
    for (const fault of wireState(ports, state, wire.id).faults) {
      const port = ports.find(({ side }) => side === fault.side);
      if (port) report({ port, drift: fault.kind }, 'sweep');
    }
  }
}

/** Gaps come in bursts; one full read answers all that came before it. */
function collectGaps(input: WatchInput, read: () => Promise<void>): (why: string) => void {
  let running = false;
  let again = false;
  const loop = async (): Promise<void> => {
    running = true;
    do {
      again = false;
      await read().catch((cause: unknown) => input.onGap(`the wires could not be read: ${String(cause)}`));
    } while (again && !input.signal.aborted);
    running = false;
  };
  return (why) => {
    input.onGap(why);
    again = true;
    if (!running) void loop();
  };
}

/** An interface is configured by several commands; they are waited for before it is read, for each read starts a process. */
function collectInner(input: WatchInput): (port: HostPort) => void {
  let waiting = new Set<string>();
  let since = 0;
  let timer: NodeJS.Timeout | undefined;
  let handing = false;
  const later = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void hand(), Math.max(0, Math.min(INNER_SETTLE_MS, since + INNER_LATEST_MS - performance.now()))).unref();
  };
  // Taken when it is calm, and one batch after another, so that each namespace is read once.
  const hand = async (): Promise<void> => {
    if (handing) return;
    handing = true;
    await input.whenCalm?.();
    const batch = [...waiting];
    waiting = new Set();
    if (!input.signal.aborted && batch.length > 0) await input.onInner(batch);
    handing = false;
    if (waiting.size > 0) later();
  };
  return (port) => {
    if (input.isBusy(port.wireId)) return;
    if (waiting.size === 0) since = performance.now();
    waiting.add(port.wireId);
    later();
  };
}
