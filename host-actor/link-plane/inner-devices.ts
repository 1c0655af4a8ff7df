// Links whose device lives inside the namespace only: macvlan on an interface of the host, dummy, and a VXLAN device that sends by the host.
import { isHalfMade } from './assess-ports.ts';
import { queryInner, runInnerBatches } from './inner-batches.ts';
import { kernelState, parseIpOutput, type DeviceRead } from './kernel-state.ts';
import { LinkPlaneError } from './link-plane-error.ts';
import { absentNamespaces } from './absent-namespaces.ts';
import { addInnerDeviceLine, finishInnerDeviceLine, innerBridgeLine, innerSetupLines, markLine, netnsWord } from './render-lines.ts';
import { runBatch, type BatchLine } from './run-batch.ts';
import type { RunTool } from './run-tool.ts';
import type { DummyWire, InnerVxlanWire, MacvlanWire, Wire, WireState } from './wire.ts';
import { lineError, namespaceMissingError, type WireOutcome } from './wire-outcome.ts';

export type InnerDeviceWire = MacvlanWire | DummyWire | InnerVxlanWire;
export type InnerDeviceResult = { readonly outcomes: ReadonlyMap<string, WireOutcome>; readonly linesRun: number };

export function isInnerDeviceWire(wire: Wire): wire is InnerDeviceWire {
  return wire.kind === 'macvlan' || wire.kind === 'dummy' || wire.kind === 'inner-vxlan';
}

/** Makes the devices that are missing, with addresses and routes; idempotent. */
export async function ensureInnerDevices(run: RunTool, wires: readonly InnerDeviceWire[]): Promise<InnerDeviceResult> {
  if (wires.length === 0) return { outcomes: new Map(), linesRun: 0 };
  const [before, parents] = await Promise.all([readInnerDevices(run, wires), readParents(run, wires)]);
  const absent = absentNamespaces(wires);
  const errors = new Map<string, LinkPlaneError>();
  const make: InnerDeviceWire[] = [];
  const halfMade: InnerDeviceWire[] = [];
  for (const wire of wires) {
    const found = before.get(wire.id);
    const netns = netnsWord(wire.inner.netns) ?? '';
    if (absent.has(netns)) errors.set(wire.id, namespaceMissingError(wire, netns));
    else if (isWithoutParent(wire, parents)) errors.set(wire.id, parentMissing(wire));
    else if (!found) make.push(wire);
    else if (isHalfMade(found)) halfMade.push(wire);
    else if (!found.altnames.includes(wire.mark)) errors.set(wire.id, nameTaken(wire));
  }
  await runInside(run, halfMade, (wire) => [`link del dev ${wire.inner.interface}`]);
  const making = [...make, ...halfMade];
  const result = await runBatch(run, 'ip', making.map((wire) => ({ owner: wire.id, text: addInnerDeviceLine(wire) })));
  for (const failure of result.failures) errors.set(failure.owner, lineError(failure));
  const made = making.filter((wire) => !errors.has(wire.id));
  const failures = await runInside(run, made, (wire) => [...(innerBridgeLine(wire.inner) === undefined ? [] : [innerBridgeLine(wire.inner) ?? '']), markLine(wire.inner.interface, wire.mark), finishInnerDeviceLine(wire.inner.interface), ...innerSetupLines(wire.inner)]);
  const after = making.length === 0 ? before : await readInnerDevices(run, wires);
  const changed = new Set(made.map((wire) => wire.id));
  const outcomes = wires.map((wire): [string, WireOutcome] => {
    const state = stateOf(wire, after.get(wire.id));
    const error = errors.get(wire.id) ?? (state.joined ? undefined : notThere(wire, result.aborted));
    const warnings = failures.filter(({ owner }) => owner === wire.id).map(({ text, reason }) => `${text}: ${reason}`);
    return [wire.id, error ? { ok: false, error, state } : { ok: true, state, changed: changed.has(wire.id), warnings }];
  });
  return { outcomes: new Map(outcomes), linesRun: making.length };
}

/** State of each, read inside its namespace. */
export async function readInnerDeviceStates(run: RunTool, wires: readonly InnerDeviceWire[]): Promise<ReadonlyMap<string, WireState>> {
  const devices = await readInnerDevices(run, wires);
  return new Map(wires.map((wire) => [wire.id, stateOf(wire, devices.get(wire.id))]));
}

/** Removes those that bear our mark; absent is success. */
export async function removeInnerDevices(run: RunTool, wires: readonly InnerDeviceWire[]): Promise<void> {
  const devices = await readInnerDevices(run, wires);
  const ours = wires.filter((wire) => devices.get(wire.id)?.altnames.includes(wire.mark));
  await runInside(run, ours, (wire) => [`link del dev ${wire.inner.interface}`]);
}

async function readInnerDevices(run: RunTool, wires: readonly InnerDeviceWire[]): Promise<ReadonlyMap<string, DeviceRead>> {
  const byNetns = Map.groupBy(wires, (wire) => netnsWord(wire.inner.netns) ?? '');
  const queries = [...byNetns].map(([netns, own]) => ({ netns, lines: own.map((wire) => `link show dev ${wire.inner.interface}`) }));
  const answers = await queryInner(run, queries, '-j -d');
  return new Map(
    wires.flatMap((wire) => {
      const { devices } = kernelState(parseIpOutput(answers.get(netnsWord(wire.inner.netns) ?? '') ?? '').devices, [], new Map());
      const device = devices.get(wire.inner.interface);
      return device ? [[wire.id, device] as const] : [];
    }),
  );
}

/** Names of the host's devices that are asked for as parents; a line with a missing one would end the whole batch. */
async function readParents(run: RunTool, wires: readonly InnerDeviceWire[]): Promise<ReadonlySet<string>> {
  const parents = new Set(wires.flatMap((wire) => parentOf(wire) ?? []));
  if (parents.size === 0) return parents;
  const { stdout } = await run({ program: 'ip', args: ['-j', '-force', '-batch', '-'], stdin: [...parents].map((parent) => `link show dev ${parent}\n`).join('') });
  return new Set(parseIpOutput(stdout).devices.flatMap((device) => [device.name, ...device.altnames]));
}

function parentOf(wire: InnerDeviceWire): string | undefined {
  return wire.kind === 'macvlan' ? wire.parent : wire.kind === 'inner-vxlan' ? wire.path.parent : undefined;
}

function isWithoutParent(wire: InnerDeviceWire, parents: ReadonlySet<string>): boolean {
  const parent = parentOf(wire);
  return parent !== undefined && !parents.has(parent);
}

function runInside(run: RunTool, wires: readonly InnerDeviceWire[], linesOf: (wire: InnerDeviceWire) => readonly string[]): ReturnType<typeof runInnerBatches> {
  const byNetns = Map.groupBy(wires, (wire) => netnsWord(wire.inner.netns) ?? '');
  return runInnerBatches(
    run,
    [...byNetns].map(([netns, own]) => ({ netns, lines: own.flatMap((wire) => linesOf(wire).map((text): BatchLine => ({ owner: wire.id, text, mayFail: text.endsWith('type bridge') }))) })),
  );
}

function stateOf(wire: InnerDeviceWire, device: DeviceRead | undefined): WireState {
  const present = device?.altnames.includes(wire.mark) === true;
  const end = { side: 'a', device: wire.inner.interface, present, adminUp: device?.adminUp ?? false, carrier: device?.carrier ?? false } as const;
  const read = device && present ? { ifindex: device.ifindex, mtu: device.mtu } : {};
  return { id: wire.id, joined: present, up: present && end.adminUp && end.carrier, ends: [{ ...end, ...read }], faults: present ? [] : [{ side: 'a', kind: 'end-missing' }] };
}

function parentMissing(wire: InnerDeviceWire): LinkPlaneError {
  const parent = parentOf(wire) ?? '';
  return new LinkPlaneError('parent-missing', `link cannot be made: no interface ${parent} on this host (wire ${wire.id})`, { wireId: wire.id, parent });
}

function nameTaken(wire: InnerDeviceWire): LinkPlaneError {
  return new LinkPlaneError('inner-name-taken', `link cannot be made: the namespace has an interface ${wire.inner.interface} without our mark (wire ${wire.id})`, { wireId: wire.id });
}

function notThere(wire: InnerDeviceWire, aborted: string | undefined): LinkPlaneError {
  return new LinkPlaneError('not-joined', `link was made but is not there${aborted === undefined ? '' : `: ${aborted}`} (wire ${wire.id})`, { wireId: wire.id });
}
