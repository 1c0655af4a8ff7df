// What was read of a switch at one moment with the lookups that judging and planning need, and the rules that a port should have.
import type { PortOnSwitch, SwitchFault, SwitchFaultKind } from '../link-plane/cross-connect.ts';
import { IN_PORT, type Flow, type FlowRead } from './openflow-message.ts';
import type { BridgeRead, PortRead } from './switch-database.ts';
import { BRIDGE_OWNER, cookieOf, isOurCookie, MARK } from './switch-marks.ts';

/** How wires are kept apart: by rules on a bridge of our own, or by a VLAN each on a bridge that others use too. */
export type SwitchMode = 'flows' | 'vlan';

export type SwitchView = {
  readonly mode: SwitchMode;
  readonly bridgeName: string;
  readonly bridges: readonly BridgeRead[];
  readonly bridge: BridgeRead | undefined;
  readonly maxPorts: number;
  readonly ports: ReadonlyMap<string, PortRead>;
  /** Names of the ports of our bridge with this tag. */
  readonly tagged: ReadonlyMap<number, ReadonlySet<string>>;
  readonly flowsFrom: ReadonlyMap<number, readonly FlowRead[]>;
};

const PRIORITY = { everything: 100, probe: 200 } as const;
/** Bridges have one port of their own, which is none of the links'. */
const OWN_PORTS = 1;
export const TUNNEL_VLAN_MODE = 'dot1q-tunnel';
export const FORWARD_BPDU = 'forward-bpdu';

/** Makes the lookups. */
export function switchView(input: { readonly mode: SwitchMode; readonly bridgeName: string; readonly maxPorts: number; readonly bridges: readonly BridgeRead[]; readonly flows: readonly FlowRead[] }): SwitchView {
  const bridge = input.bridges.find(({ name }) => name === input.bridgeName);
  const tagged = new Map<number, Set<string>>();
  for (const { tag, name } of bridge?.ports ?? []) if (tag !== undefined) tagged.set(tag, (tagged.get(tag) ?? new Set()).add(name));
  return {
    mode: input.mode,
    bridgeName: input.bridgeName,
    bridges: input.bridges,
    bridge,
    maxPorts: input.maxPorts,
    ports: new Map(input.bridges.flatMap(({ ports }) => ports.map((port): [string, PortRead] => [port.name, port]))),
    tagged,
    flowsFrom: Map.groupBy(input.flows, ({ inPort }) => inPort),
  };
}

/** Ports that links take up. */
export function usedPorts(view: SwitchView): number {
  return Math.max(0, (view.bridge?.ports.length ?? 0) - OWN_PORTS);
}

/** Ports of ours with their mark. */
export function ownPortsIn(bridges: readonly BridgeRead[]): readonly { readonly port: PortRead; readonly mark: string }[] {
  return bridges.flatMap(({ ports }) =>
    ports.flatMap((port) => {
      const mark = port.marks.get(MARK.port);
      return mark === undefined ? [] : [{ port, mark }];
    }),
  );
}

/** All that differs between a wanted port and the switch. @param ifindex - of its host end, where it was read */
export function portFaults(view: SwitchView, wanted: PortOnSwitch, ifindex: number | undefined): readonly SwitchFault[] {
  const fault = (kind: SwitchFaultKind, detail?: string): readonly SwitchFault[] => [{ side: wanted.side, kind, ...(detail === undefined ? {} : { detail }) }];
  const refusal = bridgeRefusal(view) ?? portRefusal(view, wanted);
  if (refusal) return fault(refusal.kind, refusal.detail);
  const port = view.ports.get(wanted.device);
  if (!port || port.bridge !== view.bridgeName) return fault('unplugged');
  if (!isBound(port, ifindex)) return fault('unbound', port.interface?.error);
  const rules = view.mode === 'flows' || wanted.switchPort.echo ? flowFaults(view, wanted).flatMap((kind) => fault(kind)) : [];
  return view.mode === 'vlan' ? [...vlanFaults(view, wanted, port).flatMap(({ kind, detail }) => fault(kind, detail)), ...rules] : rules;
}

/** Whether the switch has the very device open that bears the name now. When a device is made again a userspace datapath goes on
 *  listening to the one that went, while the database shows the new one's index (seen): what counts is the index that it was plugged in under. */
export function isBound(port: PortRead, ifindex: number | undefined): boolean {
  const found = port.interface;
  if (!found || found.ofport <= 0 || found.error !== undefined) return false;
  return ifindex === undefined || port.marks.get(MARK.ifindex) === String(ifindex);
}

/** Why no port of ours can be on the bridge. */
export function bridgeRefusal({ bridge, bridgeName, mode }: SwitchView): { readonly kind: 'bridge-missing' | 'port-taken'; readonly detail: string } | undefined {
  if (mode === 'vlan') return bridge ? undefined : { kind: 'bridge-missing', detail: `Open vSwitch has no bridge ${bridgeName}` };
  return bridge && bridge.marks.get(MARK.bridge) !== BRIDGE_OWNER ? { kind: 'port-taken', detail: `a bridge ${bridgeName} exists in Open vSwitch that is not ours` } : undefined;
}

/** What the ends of these ports were plugged in as before, under another name: an end that moved away and came back has another tunnel. */
export function formerPorts(view: SwitchView, wanted: readonly PortOnSwitch[]): readonly PortRead[] {
  const devices = new Map(wanted.map(({ mark, device }) => [mark, device]));
  return ownPortsIn(view.bridges).flatMap(({ port, mark }) => (devices.has(mark) && devices.get(mark) !== port.name ? [port] : []));
}

/** Why this port cannot be on it. */
export function portRefusal(view: SwitchView, { wireId, device, mark, switchPort }: PortOnSwitch): { readonly kind: 'port-taken' | 'vlan-taken'; readonly detail: string } | undefined {
  const port = view.ports.get(device);
  if (port && port.marks.get(MARK.port) !== mark) return { kind: 'port-taken', detail: `bridge ${port.bridge} of Open vSwitch has a port ${device} without our mark` };
  if (view.mode === 'flows') return undefined;
  if (switchPort.vlan === undefined) return { kind: 'vlan-taken', detail: `bridge ${view.bridgeName} is shared, and no VLAN was leased for the link` };
  const others = [...(view.tagged.get(switchPort.vlan) ?? [])].filter((name) => name !== device && name !== switchPort.to && view.ports.get(name)?.marks.get(MARK.wire) !== wireId);
  return others.length > 0 ? { kind: 'vlan-taken', detail: `VLAN ${switchPort.vlan} of bridge ${view.bridgeName} is used by port ${others[0] ?? ''}` } : undefined;
}

/** The rules for what comes in at a port; none while either end has no number. Where VLANs join the wires only probes have any. */
export function wantedFlows(view: SwitchView, wanted: PortOnSwitch): readonly Flow[] {
  const [from, to] = [ofportOf(view, wanted.device), ofportOf(view, wanted.switchPort.to)];
  if (from === undefined || to === undefined) return [];
  const cookie = cookieOf(wanted.mark);
  const { echo } = wanted.switchPort;
  const probe = (etherType: number, output?: number): Flow => ({ cookie, priority: PRIORITY.probe, inPort: from, etherType, etherSource: echo?.source ?? '', ...(output === undefined ? {} : { output }) });
  const everything: readonly Flow[] = view.mode === 'vlan' ? [] : [{ cookie, priority: PRIORITY.everything, inPort: from, output: to }];
  return [...everything, ...(echo ? [probe(echo.asked, IN_PORT), probe(echo.answered)] : [])];
}

/** Rules of ours for what comes in at a port. */
export function ownFlowsFrom(view: SwitchView, device: string): readonly FlowRead[] {
  const from = ofportOf(view, device);
  return from === undefined ? [] : (view.flowsFrom.get(from) ?? []).filter(({ cookie }) => isOurCookie(cookie));
}

export function sameFlow(one: Flow, other: Flow): boolean {
  return one.cookie === other.cookie && one.output === other.output && sameMatch(one, other);
}

/** A rule takes the place of another with the same match. */
export function sameMatch(one: Flow, other: Flow): boolean {
  return one.priority === other.priority && one.inPort === other.inPort && one.etherType === other.etherType && one.etherSource === other.etherSource;
}

export function fullText(view: SwitchView): string {
  return `bridge ${view.bridgeName} carries ${usedPorts(view)} ports and its ${view.bridge?.datapath === 'netdev' ? 'userspace ' : ''}datapath at most ${view.maxPorts}; place the lab on another host or on plane tc`;
}

function ofportOf(view: SwitchView, device: string): number | undefined {
  const port = view.ports.get(device);
  const number = port?.bridge === view.bridgeName ? port.interface?.ofport : undefined;
  return number !== undefined && number > 0 ? number : undefined;
}

function flowFaults(view: SwitchView, wanted: PortOnSwitch): readonly SwitchFaultKind[] {
  const should = wantedFlows(view, wanted);
  const found = ownFlowsFrom(view, wanted.device);
  if (should.length === 0 || should.some((flow) => !found.some((one) => sameMatch(one, flow)))) return ['flow-missing'];
  const right = found.length === should.length && found.every((one) => !one.strange && should.some((flow) => sameFlow(one, flow)));
  // Without it the switch would make rules of its own when it starts, which join everything with everything.
  return right && (view.mode === 'vlan' || view.bridge?.failMode === 'secure') ? [] : ['flow-wrong'];
}

function vlanFaults(view: SwitchView, { switchPort }: PortOnSwitch, port: PortRead): readonly { readonly kind: SwitchFaultKind; readonly detail: string }[] {
  if (port.tag !== switchPort.vlan || port.vlanMode !== TUNNEL_VLAN_MODE) return [{ kind: 'wrong-vlan', detail: `${port.vlanMode ?? 'access'} ${port.tag ?? 'none'}` }];
  if (view.bridge?.otherConfig.get(FORWARD_BPDU) !== 'true') return [{ kind: 'wrong-vlan', detail: `bridge ${view.bridgeName} keeps BPDUs back` }];
  return [];
}
