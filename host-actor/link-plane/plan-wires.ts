// Turns the difference between wanted wires and the kernel into the batch lines that close it, in the order that keeps carrier honest.
import { deviceOf, portFaults, REFUSALS, REMAKE } from './assess-ports.ts';
import { hostPortsOf, type HostPort } from './host-ports.ts';
import type { KernelState } from './kernel-state.ts';
import { addPortLine, finishPortLine, innerBridgeLine, innerSetupLines, isolateLine, markLine, rebindLine, redirectLine, shapeLine, type BornWith } from './render-lines.ts';
import type { BatchLine } from './run-batch.ts';
import type { Wire, WireFault, WireFaultKind, WireSide } from './wire.ts';

export type InnerWork = { readonly wireId: string; readonly side: WireSide; readonly port: HostPort; readonly remade: boolean; readonly lines: readonly BatchLine[] };

/** What one wire needs. Phases run one after another over all wires: removals, `make`, then `redirect` beside `inner`, then `raise`. */
export type WirePlan = {
  readonly wireId: string;
  readonly refusal?: WireFault;
  /** Host ends to remove first: half-made, or leading into a namespace that is no longer the one wanted. */
  readonly remove: readonly string[];
  readonly make: readonly BatchLine[];
  readonly redirect: readonly BatchLine[];
  readonly inner: readonly InnerWork[];
  readonly raise: readonly BatchLine[];
  /** Last, so that a kernel that cannot shape leaves the wire joined. */
  readonly shape: readonly BatchLine[];
};

type PortCase = { readonly port: HostPort; readonly kinds: ReadonlySet<WireFaultKind>; readonly remade: boolean; readonly actionExists: boolean; readonly current?: string };

/** What is known besides the read: what an inner end that is made again had, and which redirects an event said are gone. */
export type PlanHints = { readonly bornWith: (port: HostPort) => BornWith; readonly isRedirectLost: (port: HostPort) => boolean; /** Words last set; only its kind can be read cheaply. */ readonly shapedAs: (port: HostPort) => string | undefined };

const NO_HINTS: PlanHints = { bornWith: () => ({}), isRedirectLost: () => false, shapedAs: (port) => port.qdisc?.words };

/** Lines for one wire; all lists are empty when nothing differs. */
export function planWire(wire: Wire, state: KernelState, hints: PlanHints = NO_HINTS): WirePlan {
  const ports = hostPortsOf(wire);
  const faults = ports.flatMap((port) => [...portFaults(port, state), ...hintedFaults(port, hints)]);
  const refusal = faults.find((fault) => REFUSALS.has(fault.kind));
  const empty = { wireId: wire.id, remove: [], make: [], redirect: [], inner: [], raise: [], shape: [] };
  if (refusal) return { ...empty, refusal };
  if (faults.length === 0) return empty;
  const cases = ports.map((port) => portCase(port, faults, state));
  const anyRemade = cases.some((one) => one.remade);
  const own = (text: string): BatchLine => ({ owner: wire.id, text });
  return {
    wireId: wire.id,
    remove: cases.flatMap(({ port, kinds, current }) => ([...kinds].some((kind) => REMAKE.has(kind)) ? [current ?? port.device] : [])),
    make: cases.flatMap((one) => makeLines(one, anyRemade, hints.bornWith).map(own)),
    redirect: cases.flatMap((one) => redirectLines(one, anyRemade).map(own)),
    inner: cases.flatMap((one) => innerWork(one, wire.id)),
    raise: cases.flatMap((one) => raiseLines(one, anyRemade).map(own)),
    shape: cases.flatMap(({ port, kinds, remade }) => ((remade && port.qdisc) || kinds.has('wrong-impairment') ? [own(shapeLine(port))] : [])),
  };
}

/** Whether a plan changes anything. */
export function isEmptyPlan(plan: WirePlan): boolean {
  return plan.remove.length + plan.make.length + plan.redirect.length + plan.inner.length + plan.raise.length + plan.shape.length === 0;
}

function hintedFaults(port: HostPort, hints: PlanHints): readonly WireFault[] {
  const lost = port.redirect !== undefined && hints.isRedirectLost(port);
  const reshaped = port.qdisc !== undefined && hints.shapedAs(port) !== port.qdisc.words;
  return [...(lost ? ['redirect-missing' as const] : []), ...(reshaped ? ['wrong-impairment' as const] : [])].map((kind) => ({ side: port.side, kind }));
}

function portCase(port: HostPort, faults: readonly WireFault[], state: KernelState): PortCase {
  const kinds = new Set(faults.filter((fault) => fault.side === port.side).map((fault) => fault.kind));
  const current = deviceOf(port, state)?.name;
  const remade = kinds.has('end-missing') || [...kinds].some((kind) => REMAKE.has(kind));
  const actionExists = port.redirect !== undefined && state.redirects.has(port.redirect.index);
  return { port, kinds, remade, actionExists, ...(current === undefined ? {} : { current }) };
}

function makeLines({ port, kinds, remade, current }: PortCase, anyRemade: boolean, bornWith: (port: HostPort) => BornWith): readonly string[] {
  if (remade) return [addPortLine(port, bornWith(port)), markLine(port.device, port.mark)];
  const device = current ?? port.device;
  const renamed = kinds.has('end-renamed');
  // The survivor loses carrier before its wire is joined again, so that its node sees one clean flap, after the join.
  const down = anyRemade || renamed ? [`link set dev ${device} down`] : [];
  const rename = renamed ? [`link set dev ${device} name ${port.device}`] : [];
  const mtu = kinds.has('wrong-mtu') ? [`link set dev ${port.device} mtu ${port.mtu}`] : [];
  return [...down, ...rename, ...mtu];
}

function redirectLines({ port, kinds, remade, actionExists }: PortCase, anyRemade: boolean): readonly string[] {
  if (!port.redirect) return [];
  const rebind = actionExists ? [rebindLine(port.redirect)] : [];
  if (remade) return [`qdisc add dev ${port.device} clsact`, redirectLine(port.device, port.redirect), ...rebind];
  if (kinds.has('redirect-missing')) return [`qdisc replace dev ${port.device} clsact`, redirectLine(port.device, port.redirect), ...rebind];
  return anyRemade || kinds.has('redirect-dead') || kinds.has('redirect-wrong') ? rebind : [];
}

function innerWork({ port, kinds, remade }: PortCase, wireId: string): readonly InnerWork[] {
  const own = (text: string, mayFail = false): BatchLine => ({ owner: wireId, text, mayFail });
  const bridge = innerBridgeLine(port.inner);
  const made = [...(bridge === undefined ? [] : [own(bridge, true)]), ...innerSetupLines(port.inner).map((text) => own(text))];
  const mtu = [own(`link set dev ${port.inner.interface} mtu ${port.mtu}`)];
  const lines = remade ? made : kinds.has('wrong-mtu') ? mtu : [];
  return remade || lines.length > 0 ? [{ wireId, side: port.side, port, remade, lines }] : [];
}

function raiseLines({ port, kinds, remade }: PortCase, anyRemade: boolean): readonly string[] {
  const differs = (['end-down', 'end-up', 'end-renamed', 'wrong-master', 'talks-ipv6'] as const).some((kind) => kinds.has(kind));
  if (!remade && !anyRemade && !differs) return [];
  const isolate = port.isolated || (kinds.has('wrong-master') && port.bridge !== undefined);
  return [finishPortLine(port), ...(isolate ? [isolateLine(port)] : [])];
}
