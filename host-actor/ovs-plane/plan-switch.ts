// Turns the difference between wanted ports and what the switch has into one transaction and one bundle of rules. Pure.
import type { PortOnSwitch, SwitchedWire } from '../link-plane/cross-connect.ts';
import type { Operation } from './ovsdb-client.ts';
import { map, namedUuid, set, uuid } from './ovsdb-value.ts';
import type { Flow } from './openflow-message.ts';
import type { PortRead } from './switch-database.ts';
import { BRIDGE_OWNER, isOurCookie, MARK } from './switch-marks.ts';
import { FORWARD_BPDU, formerPorts, fullText, isBound, ownFlowsFrom, ownPortsIn, sameFlow, sameMatch, TUNNEL_VLAN_MODE, usedPorts, wantedFlows, type SwitchView } from './switch-view.ts';

export type FlowChange = { readonly remove: readonly Flow[]; readonly add: readonly Flow[] };

/** The largest number that a port may have in all versions of OpenFlow. */
const LAST_OFPORT = 0xfeff;

/** Which of the wires there is no room for, in their order. */
export function overfull(view: SwitchView, wires: readonly SwitchedWire[]): ReadonlyMap<string, string> {
  let used = usedPorts(view);
  const refused = new Map<string, string>();
  for (const { wireId, ports } of wires) {
    const more = ports.filter((port) => !isPlugged(view, port)).length;
    if (more > 0 && used + more > view.maxPorts) refused.set(wireId, fullText(view));
    else used += more;
  }
  return refused;
}

/** What the transaction needs besides the read: datapath of the bridge, where it is made, and indexes of the devices as they are now. */
export type PlugFacts = { readonly datapath: string; readonly ifindexes: ReadonlyMap<string, number> };

/** The transaction that plugs all ports in as wanted; empty when they are. */
export function plugOperations(view: SwitchView, ports: readonly PortOnSwitch[], { datapath, ifindexes }: PlugFacts): readonly Operation[] {
  const missing = ports.filter((port) => !isPlugged(view, port));
  const stale = ports.flatMap((port) => {
    const found = view.ports.get(port.device);
    return found && isPlugged(view, port) && !isBound(found, ifindexes.get(port.device)) ? [found] : [];
  });
  const misplaced = missing.flatMap((port) => view.ports.get(port.device) ?? []);
  const numbers = freeOfports(view, missing.length + stale.length);
  const inserts = missing.flatMap((port, index) => insertPort({ mode: view.mode, port, index, ofport: numbers[index] ?? 0, ifindex: ifindexes.get(port.device) }));
  const names = missing.map((_port, index) => namedUuid(`p${index}`));
  const plug = names.length === 0 || !view.bridge ? [] : [mutateBridge(view.bridge.uuid, 'insert', names)];
  const make = view.bridge ? bridgeRepairs(view) : insertBridge(view.bridgeName, datapath, names);
  const again = stale.flatMap((port, index) => rebindPort(port, numbers[missing.length + index] ?? 0, ifindexes.get(port.name)));
  const retag = ports.flatMap((port) => retagPort(view, port));
  return [...formerPorts(view, ports).flatMap(removePort), ...misplaced.flatMap(removePort), ...make, ...inserts, ...plug, ...again, ...retag];
}

/** Rules to take away and to add, so that what comes in at these ports goes to their opposite and nowhere else. */
export function joinFlows(view: SwitchView, ports: readonly PortOnSwitch[]): FlowChange {
  const changes = ports.map((port) => {
    const should = wantedFlows(view, port);
    const found = ownFlowsFrom(view, port.device);
    return {
      // One that is replaced in place need not go first: there is no moment without it.
      remove: found.filter((one) => !should.some((flow) => sameMatch(one, flow) && !one.strange)),
      add: should.filter((flow) => !found.some((one) => sameFlow(one, flow) && !one.strange)),
    };
  });
  return { remove: changes.flatMap(({ remove }) => remove), add: changes.flatMap(({ add }) => add) };
}

/** What takes ports with these marks out: their rules first, for a number may be given to another port at once. The bridge goes with
 *  the last port, where it is ours. */
export function partChange(view: SwitchView, marks: ReadonlySet<string>): { readonly flows: FlowChange; readonly operations: readonly Operation[] } {
  const going = ownPortsIn(view.bridges).filter(({ mark }) => marks.has(mark)).map(({ port }) => port);
  const devices = new Set(going.map(({ name }) => name));
  // Rules into a port that goes would lead into its successor.
  const numbers = new Set(going.flatMap((port) => (port.bridge === view.bridgeName && port.interface ? [port.interface.ofport] : [])));
  const remove = [...view.flowsFrom.values()].flat().filter((flow) => isOurCookie(flow.cookie) && (numbers.has(flow.inPort) || (flow.output !== undefined && numbers.has(flow.output))));
  const { bridge } = view;
  const isLast = view.mode === 'flows' && going.length > 0 && bridge?.marks.get(MARK.bridge) === BRIDGE_OWNER && bridge.ports.every(({ name }) => devices.has(name) || name === view.bridgeName);
  const operations = isLast && bridge ? [{ op: 'mutate', table: 'Open_vSwitch', where: [], mutations: [['bridges', 'delete', set([uuid(bridge.uuid)])]] }] : going.flatMap(removePort);
  return { flows: { remove, add: [] }, operations };
}

function isPlugged(view: SwitchView, { device }: PortOnSwitch): boolean {
  return view.ports.get(device)?.bridge === view.bridgeName;
}

function insertBridge(name: string, datapath: string, ports: readonly unknown[]): readonly Operation[] {
  return [
    { op: 'insert', table: 'Interface', 'uuid-name': 'bi', row: { name, type: 'internal' } },
    { op: 'insert', table: 'Port', 'uuid-name': 'bp', row: { name, interfaces: namedUuid('bi') } },
    {
      op: 'insert',
      table: 'Bridge',
      'uuid-name': 'b',
      row: { name, datapath_type: datapath, fail_mode: 'secure', ports: set([namedUuid('bp'), ...ports]), external_ids: map({ [MARK.bridge]: BRIDGE_OWNER }), other_config: map({ 'disable-in-band': 'true' }) },
    },
    { op: 'mutate', table: 'Open_vSwitch', where: [], mutations: [['bridges', 'insert', set([namedUuid('b')])]] },
  ];
}

function bridgeRepairs({ bridge, mode }: SwitchView): readonly Operation[] {
  if (!bridge) return [];
  const where = [['_uuid', '==', uuid(bridge.uuid)]];
  if (mode === 'flows') return bridge.failMode === 'secure' ? [] : [{ op: 'update', table: 'Bridge', where, row: { fail_mode: 'secure' } }];
  if (bridge.otherConfig.get(FORWARD_BPDU) === 'true') return [];
  return [{ op: 'mutate', table: 'Bridge', where, mutations: [['other_config', 'delete', set([FORWARD_BPDU])], ['other_config', 'insert', map({ [FORWARD_BPDU]: 'true' })]] }];
}

function insertPort({ mode, port, index, ofport, ifindex }: { readonly mode: SwitchView['mode']; readonly port: PortOnSwitch; readonly index: number; readonly ofport: number; readonly ifindex: number | undefined }): readonly Operation[] {
  const marks = map({ [MARK.port]: port.mark, [MARK.wire]: port.wireId, ...(ifindex === undefined ? {} : { [MARK.ifindex]: String(ifindex) }) });
  const tag = mode === 'vlan' ? { tag: port.switchPort.vlan, vlan_mode: TUNNEL_VLAN_MODE } : {};
  return [
    { op: 'insert', table: 'Interface', 'uuid-name': `i${index}`, row: { name: port.device, ofport_request: ofport } },
    { op: 'insert', table: 'Port', 'uuid-name': `p${index}`, row: { name: port.device, interfaces: namedUuid(`i${index}`), external_ids: marks, ...tag } },
  ];
}

/** Another number is what makes ovs-vswitchd close a device and open what bears its name now. */
function rebindPort(port: PortRead, ofport: number, ifindex: number | undefined): readonly Operation[] {
  const where = [['name', '==', port.name]];
  const mutations = [['external_ids', 'delete', set([MARK.ifindex])], ...(ifindex === undefined ? [] : [['external_ids', 'insert', map({ [MARK.ifindex]: String(ifindex) })]])];
  return [
    { op: 'update', table: 'Interface', where, row: { ofport_request: ofport } },
    { op: 'mutate', table: 'Port', where, mutations },
  ];
}

function retagPort(view: SwitchView, { device, switchPort }: PortOnSwitch): readonly Operation[] {
  const port = view.ports.get(device);
  if (view.mode === 'flows' || !port || port.bridge !== view.bridgeName) return [];
  if (port.tag === switchPort.vlan && port.vlanMode === TUNNEL_VLAN_MODE) return [];
  return [{ op: 'update', table: 'Port', where: [['_uuid', '==', uuid(port.uuid)]], row: { tag: switchPort.vlan, vlan_mode: TUNNEL_VLAN_MODE } }];
}

function removePort(port: PortRead): readonly Operation[] {
  // A port can be on any bridge: whichever holds it lets it go.
  return [{ op: 'mutate', table: 'Bridge', where: [['name', '==', port.bridge]], mutations: [['ports', 'delete', set([uuid(port.uuid)])]] }];
}

function mutateBridge(bridge: string, how: 'insert' | 'delete', ports: readonly unknown[]): Operation {
  return { op: 'mutate', table: 'Bridge', where: [['_uuid', '==', uuid(bridge)]], mutations: [['ports', how, set(ports)]] };
}

/** Numbers above all that are in use, so that a rule left over never leads into a new port; the lowest free ones once those are used up. */
function freeOfports({ bridge }: SwitchView, count: number): readonly number[] {
  const used = new Set((bridge?.ports ?? []).flatMap((port) => (port.interface && port.interface.ofport <= LAST_OFPORT ? [port.interface.ofport] : [])));
  const found: number[] = [];
  for (let number = Math.max(0, ...used) + 1; found.length < count && number <= LAST_OFPORT; number += 1) found.push(number);
  for (let number = 1; found.length < count && number <= LAST_OFPORT; number += 1) if (!used.has(number)) found.push(number);
  return found;
}
