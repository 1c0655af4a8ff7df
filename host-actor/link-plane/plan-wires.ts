// Turns the difference between wanted wires and the kernel into the batch lines that close it, in the order that keeps carrier honest.
import { deviceOf, portFaults, redirectFault, REFUSALS, REJOIN, REMAKE } from './assess-ports.ts';
import { hostPortsOf, isSwitched, isVethPort, redirectsOf, type HostPort, type Redirect, type SwitchedPort, type VethPort } from './host-ports.ts';
import type { KernelState } from './kernel-state.ts';
import { addPortLine, addTunnelLine, finishPortLine, innerBridgeLine, innerSetupLines, isolateLine, markLine, openTunnelLine, rebindLine, redirectLine, repointLine, shapeLine, silenceLine, type BornWith } from './render-lines.ts';
import type { BatchLine } from './run-batch.ts';
import type { Wire, WireFault, WireFaultKind, WireSide } from './wire.ts';

export type InnerWork = { readonly wireId: string; readonly side: WireSide; readonly port: VethPort; readonly remade: boolean; readonly lines: readonly BatchLine[] };

/** What one wire needs. Phases run one after another over all wires: removals, `make`, then `redirect` and `join` beside `inner`, then `open`, then `raise`. */
export type WirePlan = {
  readonly wireId: string;
  readonly refusal?: WireFault;
  /** Host ends to remove first: half-made, or leading into a namespace or to a host that is no longer the one wanted. */
  readonly remove: readonly string[];
  readonly make: readonly BatchLine[];
  /** Last of what is made, so that an `ip` that does not know their words, and ends the batch, has made all else. */
  readonly tunnels: readonly BatchLine[];
  readonly redirect: readonly BatchLine[];
  /** Ports to join on the switch; none where they are joined. */
  readonly join: readonly SwitchedPort[];
  readonly inner: readonly InnerWork[];
  /** Tunnels up. Before any port is: a node whose tunnel cannot be opened sees no carrier. */
  readonly open: readonly BatchLine[];
  readonly raise: readonly BatchLine[];
  /** Last, so that a kernel that cannot shape leaves the wire joined. */
  readonly shape: readonly BatchLine[];
};

type PortCase = {
  readonly port: HostPort;
  readonly kinds: ReadonlySet<WireFaultKind>;
  readonly remade: boolean;
  /** A tunnel that was down or has to be down for a moment. */
  readonly reopened: boolean;
  readonly redirects: readonly { readonly redirect: Redirect; readonly fault: WireFaultKind | undefined; readonly actionExists: boolean }[];
  readonly current?: string;
};

/** What is known besides the read: what an inner end that is made again had, and which redirects an event said are gone. */
export type PlanHints = { readonly bornWith: (port: VethPort) => BornWith; readonly isRedirectLost: (port: HostPort, redirect: Redirect) => boolean; /** Words last set; only its kind can be read cheaply. */ readonly shapedAs: (port: HostPort) => string | undefined };

const NO_HINTS: PlanHints = { bornWith: () => ({}), isRedirectLost: () => false, shapedAs: (port) => port.qdisc?.words };

/** Lines for one wire; all lists are empty when nothing differs. */
export function planWire(wire: Wire, state: KernelState, hints: PlanHints = NO_HINTS): WirePlan {
  const ports = hostPortsOf(wire);
  const faults = ports.flatMap((port) => [...portFaults(port, state), ...hintedFaults(port, hints)]);
  const refusal = faults.find((fault) => REFUSALS.has(fault.kind));
  const former = (wire.formerMarks ?? []).flatMap((mark) => state.byMark.get(mark)?.name ?? []);
  const empty = { wireId: wire.id, remove: former, make: [], tunnels: [], redirect: [], join: [], inner: [], open: [], raise: [], shape: [] };
  if (refusal) return { ...empty, remove: [], refusal };
  if (faults.length === 0) return empty;
  const cases = ports.map((port) => portCase(port, faults, state, hints));
  const anyRemade = cases.some((one) => one.remade);
  const rejoin = faults.some(({ kind }) => REJOIN.has(kind)) || (anyRemade && ports.some(isSwitched));
  const interrupted = rejoin || cases.some((one) => one.remade || one.reopened);
  const own = (text: string): BatchLine => ({ owner: wire.id, text });
  const madeOf = (one: PortCase): readonly BatchLine[] => [...makeLines(one, interrupted, hints.bornWith).map(own), ...aliasLines(one, wire.id)];
  return {
    wireId: wire.id,
    remove: [...former, ...cases.flatMap(({ port, kinds, current }) => ([...kinds].some((kind) => REMAKE.has(kind)) ? [current ?? port.device] : []))],
    make: cases.flatMap((one) => (one.port.tunnel ? [] : madeOf(one))),
    tunnels: cases.flatMap((one) => (one.port.tunnel ? madeOf(one) : [])),
    redirect: cases.flatMap((one) => redirectLines(one, anyRemade).map(own)),
    join: rejoin ? ports.filter(isSwitched) : [],
    inner: cases.flatMap((one) => innerWork(one, wire.id)),
    open: cases.flatMap(({ port, remade, reopened }) => (port.tunnel && (remade || reopened) ? [own(openTunnelLine(port))] : [])),
    raise: cases.flatMap((one) => raiseLines(one, interrupted).map(own)),
    shape: cases.flatMap(({ port, kinds, remade }) => ((remade && port.qdisc) || kinds.has('wrong-impairment') ? [own(shapeLine(port))] : [])),
  };
}

/** Whether a plan changes anything. */
export function isEmptyPlan(plan: WirePlan): boolean {
  return plan.remove.length + plan.make.length + plan.tunnels.length + plan.redirect.length + plan.join.length + plan.inner.length + plan.open.length + plan.raise.length + plan.shape.length === 0;
}

function hintedFaults(port: HostPort, hints: PlanHints): readonly WireFault[] {
  const lost = redirectsOf(port).some((redirect) => hints.isRedirectLost(port, redirect));
  const reshaped = port.qdisc !== undefined && hints.shapedAs(port) !== port.qdisc.words;
  return [...(lost ? ['redirect-missing' as const] : []), ...(reshaped ? ['wrong-impairment' as const] : [])].map((kind) => ({ side: port.side, kind }));
}

function portCase(port: HostPort, faults: readonly WireFault[], state: KernelState, hints: PlanHints): PortCase {
  const kinds = new Set(faults.filter((fault) => fault.side === port.side).map((fault) => fault.kind));
  const current = deviceOf(port, state)?.name;
  const remade = kinds.has('end-missing') || [...kinds].some((kind) => REMAKE.has(kind));
  const reopened = port.tunnel !== undefined && (kinds.has('end-down') || kinds.has('end-renamed'));
  const redirects = redirectsOf(port).map((redirect) => ({
    redirect,
    fault: hints.isRedirectLost(port, redirect) ? ('redirect-missing' as const) : redirectFault(redirect, state),
    actionExists: state.redirects.has(redirect.index),
  }));
  return { port, kinds, remade, reopened, redirects, ...(current === undefined ? {} : { current }) };
}

function makeLines({ port, kinds, remade, current }: PortCase, interrupted: boolean, bornWith: (port: VethPort) => BornWith): readonly string[] {
  if (remade) return [...addLines(port, bornWith), markLine(port.device, port.mark)];
  const device = current ?? port.device;
  const renamed = kinds.has('end-renamed');
  // The survivor loses carrier before its wire is joined again, so that its node sees one clean flap, after the join.
  const down = (interrupted && !port.tunnel) || renamed ? [`link set dev ${device} down`] : [];
  const rename = renamed ? [`link set dev ${device} name ${port.device}`] : [];
  const mtu = kinds.has('wrong-mtu') && port.mtu !== undefined ? [`link set dev ${port.device} mtu ${port.mtu}`] : [];
  const repoint = kinds.has('wrong-remote') && port.tunnel ? [repointLine(port, port.tunnel)] : [];
  const silence = kinds.has('talks-ipv6') && port.tunnel ? [silenceLine(port.device)] : [];
  // A port of a switch is raised as it is plugged in, with whatever master the switch gives it.
  const unplug = kinds.has('wrong-master') && (port.tunnel ?? port.switchPort) ? [`link set dev ${port.device} nomaster`] : [];
  return [...down, ...rename, ...mtu, ...repoint, ...silence, ...unplug];
}

function addLines(port: HostPort, bornWith: (port: VethPort) => BornWith): readonly string[] {
  if (port.tunnel) return [addTunnelLine(port, port.tunnel), silenceLine(port.device)];
  return isVethPort(port) ? [addPortLine(port, bornWith(port))] : [];
}

/** Two labs may ask for the same second name; the first has it. */
function aliasLines({ port, remade }: PortCase, wireId: string): readonly BatchLine[] {
  return remade && port.alias !== undefined ? [{ owner: wireId, text: markLine(port.device, port.alias), mayFail: true }] : [];
}

function redirectLines({ port, remade, redirects }: PortCase, anyRemade: boolean): readonly string[] {
  const absent = redirects.filter(({ fault }) => remade || fault === 'redirect-missing');
  const stray = redirects.filter((one) => !absent.includes(one) && one.actionExists && (anyRemade || one.fault !== undefined));
  return [
    ...(absent.length > 0 ? [`qdisc ${remade ? 'add' : 'replace'} dev ${port.device} clsact`] : []),
    ...absent.flatMap(({ redirect, actionExists }) => [redirectLine(port.device, redirect), ...(actionExists ? [rebindLine(redirect)] : [])]),
    ...stray.map(({ redirect }) => rebindLine(redirect)),
  ];
}

function innerWork({ port, kinds, remade }: PortCase, wireId: string): readonly InnerWork[] {
  if (!isVethPort(port)) return [];
  const own = (text: string, mayFail = false): BatchLine => ({ owner: wireId, text, mayFail });
  const bridge = innerBridgeLine(port.inner);
  const made = [...(bridge === undefined ? [] : [own(bridge, true)]), ...innerSetupLines(port.inner).map((text) => own(text))];
  const mtu = [own(`link set dev ${port.inner.interface} mtu ${port.mtu}`)];
  const lines = remade ? made : kinds.has('wrong-mtu') ? mtu : [];
  return remade || lines.length > 0 ? [{ wireId, side: port.side, port, remade, lines }] : [];
}

function raiseLines({ port, kinds, remade }: PortCase, interrupted: boolean): readonly string[] {
  if (port.tunnel) return [];
  const differs = (['end-down', 'end-up', 'end-renamed', 'wrong-master', 'talks-ipv6'] as const).some((kind) => kinds.has(kind));
  if (!remade && !interrupted && !differs) return [];
  const isolate = port.isolated || (kinds.has('wrong-master') && port.bridge !== undefined);
  return [finishPortLine(port), ...(isolate ? [isolateLine(port)] : [])];
}
