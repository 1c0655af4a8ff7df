// Turns link orders and management leases into the wires that the link plane makes. Pure.
import type { Attachment, Order } from '../machines/vocabulary/effect.ts';
import type { NodeId } from '../machines/vocabulary/ids.ts';
import type { LinkEnd } from '../machines/vocabulary/lab-spec.ts';
import type { PortLease } from '../machines/vocabulary/lab-plan.ts';
import { HostActorError } from './host-actor-error.ts';
import { isMark } from './link-plane/check-wire.ts';
import type { CarrierWish, HostEnd, HostWire, InnerEnd, NetnsRef, VxlanWire, Wire } from './link-plane/wire.ts';
import { objectKey } from './order-object.ts';
import { interfaceMark } from './ownership-mark.ts';

export type LinkOrder = Extract<Order, { type: 'link.ensure' | 'link.remove' }>;
export type NodeOrder = Extract<Order, { type: 'node.prepare' | 'node.start' | 'node.stop' | 'node.remove' | 'node.exec' | 'node.save' }>;

/** What differs between hosts and moments: where a namespace is found, and which nodes have no process. */
export type WireSurroundings = {
  netnsOf(attachment: Attachment): NetnsRef;
  isAway(node: NodeId): boolean;
  /** Where the far end of a tunnel to a foreign device is: its address, and the device of this host that leads there; the name as written by default. */
  readonly placeOfRemote?: (remote: string) => RemotePlace;
};

export type RemotePlace = { readonly address: string; readonly parent?: string };

/** The MTU of a link that the file leaves to us; a tunnel device in a node then takes what fits its underlay. */
const DEFAULT_MTU = 9500;

type Side = { readonly attachment: Attachment; readonly lease: PortLease };

/** The wire of a link, with the carrier that each end shall have now.
 *  @throws {HostActorError} `not-supported-yet` for a pair of ends that no wire of ours joins. */
export function wireOfLink(order: LinkOrder, around: WireSurroundings): Wire {
  const a: Side = { attachment: order.a, lease: order.plan.a };
  const b: Side = { attachment: order.b, lease: order.plan.b };
  const base = { id: wireIdOfLink(order), mtu: order.plan.mtu, ...impairmentOf(order), ...planeOf(order), ...formerMarksOf(order, a, b) };
  if (order.leg?.undone) return { ...base, ...lonePort(order, order.leg.side === 'a' ? a : b, around) };
  if (order.leg !== undefined) return { ...base, ...legPart(order, order.leg, order.leg.side === 'a' ? a : b, around) };
  if (isInner(order.a.end) && isInner(order.b.end)) {
    return { ...base, kind: 'joined', a: joinedEnd(order, a, b, around), b: joinedEnd(order, b, a, around) };
  }
  const [near, far] = isInner(order.a.end) || !canBeNear(order.b.end) ? [a, b] : isInner(order.b.end) || !canBeNear(order.a.end) ? [b, a] : [a, b];
  return { ...base, ...farPart(order, near, far, around) } as Wire;
}

/** Identity of a link's wire over all labs. */
export function wireIdOfLink(order: LinkOrder): string {
  return objectKey({ lab: order.lab, kind: 'link', id: order.link });
}

/** Identity of a node's management wire. */
export function wireIdOfMgmt(order: Pick<NodeOrder, 'lab' | 'node'>): string {
  return `${objectKey({ lab: order.lab, kind: 'node', id: order.node.id })}\teth0`;
}

/** The management interface of a node in a namespace of ours, or undefined where it has none.
 *  @param bridgeRead - the bridge as it was read back, where the plan left its name to the engine */
export function wireOfMgmt(order: NodeOrder, netns: NetnsRef | undefined, bridgeRead?: string): Wire | undefined {
  const mgmt = order.plan.mgmt;
  if (mgmt === undefined || netns === undefined) return undefined;
  const { ipv4Gateway, ipv6Gateway, mtu } = order.context.mgmt;
  const bridge = bridgeRead ?? order.context.mgmt.bridge;
  const routes = [...(mgmt.ipv4 === undefined ? [] : [ipv4Gateway]), ...(mgmt.ipv6 === undefined ? [] : [ipv6Gateway])].flatMap((via) => (via === undefined ? [] : [{ to: 'default', via }]));
  return {
    kind: 'bridge',
    id: wireIdOfMgmt(order),
    mtu,
    bridge,
    // Isolation is between labs, which the firewall rules of the management network see to; a port's would cut the nodes of one lab.
    isolated: false,
    inner: { netns, interface: 'eth0', mac: mgmt.port.mac, addresses: [mgmt.ipv4, mgmt.ipv6].flatMap((address) => address ?? []), routes },
    host: { device: mgmt.port.device, mark: interfaceMark(order, order.node.id, 'eth0'), carrier: 'up' },
  };
}

/** Marks of all that a link may have on a host, whatever joins its ends. */
export function endMarks(order: LinkOrder): readonly string[] {
  return [order.a, order.b].map((attachment, side): Side => ({ attachment, lease: side === 0 ? order.plan.a : order.plan.b })).flatMap((side) => [markOf(order, side), tunnelMark(order, side)]);
}

/** Nodes at the ends of a link whose process is away, so that the other end has no carrier. Sorted. */
export function heldNodes(order: LinkOrder, isAway: (node: NodeId) => boolean): readonly NodeId[] {
  return [...new Set([order.a.node, order.b.node].flatMap((node) => (node !== undefined && isAway(node) ? [node] : [])))].toSorted();
}

/** Nodes that a link touches. */
export function nodesOfLink(order: LinkOrder): readonly NodeId[] {
  const named = [order.a, order.b].flatMap(({ node, end }) => [node, 'node' in end ? end.node : undefined, 'inside' in end ? end.inside : undefined]);
  return [...new Set(named.flatMap((node) => node ?? []))];
}

/** Ends with a device inside a namespace that is joined to its opposite by redirect. */
function isInner(end: LinkEnd): end is Extract<LinkEnd, { at: 'node' | 'node-bridge' }> {
  return end.at === 'node' || end.at === 'node-bridge';
}

/** Ends that can stand where a node's interface stands: a plain interface or a bridge port in the host's namespace. */
function canBeNear(end: LinkEnd): boolean {
  return isInner(end) || end.at === 'host' || end.at === 'bridge';
}

/** An impairment without any value is none. */
function impairmentOf(order: LinkOrder): Pick<Wire, 'impairment'> {
  if (order.type !== 'link.ensure' || Object.values(order.impairment).every((value) => value === undefined || value === 0)) return {};
  return { impairment: order.impairment };
}

/** What joins the ends on this host, and what that takes. */
function planeOf({ plan, leg }: LinkOrder): Pick<Wire, 'plane' | 'vlan' | 'computeChecksums'> {
  const plane = leg?.side === 'b' ? plan.far?.plane : plan.plane;
  if (plane === undefined) return {};
  return { plane: plane.kind, ...(plane.vlan === undefined ? {} : { vlan: plane.vlan }), ...(plane.computeChecksums ? { computeChecksums: true } : {}) };
}

/** Either end may have had a tunnel here, of a link whose other end was elsewhere; the one that this order names is no former one. The
 *  end of a node that is elsewhere now goes with its namespace from the kernel, but not from a switch. */
function formerMarksOf(order: LinkOrder, a: Side, b: Side): Pick<Wire, 'formerMarks'> {
  if (!canBeNear(order.a.end) || !canBeNear(order.b.end)) return {};
  const { leg } = order;
  const tunnels = [a, b].filter((side) => leg === undefined || leg.undone || side !== { a, b }[leg.side]).map((side) => tunnelMark(order, side));
  const ends = leg === undefined ? [] : [leg.side === 'a' ? b : a].filter(({ attachment }) => isInner(attachment.end)).map((side) => markOf(order, side));
  return { formerMarks: [...tunnels, ...ends] };
}

function adminOf(order: LinkOrder): CarrierWish {
  return order.type === 'link.ensure' ? order.admin : 'down';
}

function joinedEnd(order: LinkOrder, own: Side, other: Side, around: WireSurroundings) {
  const away = other.attachment.node !== undefined && around.isAway(other.attachment.node);
  return { inner: innerEnd(own, around), host: hostEnd(order, own, away ? 'down' : adminOf(order)), actionIndex: own.lease.index };
}

/** The half of a link across hosts that this host makes. Whether the other node is away is known to the far host only. */
function legPart(order: LinkOrder, leg: NonNullable<LinkOrder['leg']>, own: Side, around: WireSurroundings): Pick<VxlanWire, 'kind' | 'inner' | 'host' | 'actionIndex' | 'tunnel'> {
  const { end } = own.attachment;
  const tunnel = order.plan.far?.tunnel;
  if (tunnel === undefined) throw new HostActorError('not-supported-yet', { message: `link ${order.link} has an end on host ${leg.farHost} and no tunnel to it`, retryable: false });
  if (!canBeNear(end)) throw new HostActorError('not-supported-yet', { message: `link ${order.link}: an end of kind ${end.at} cannot be joined to another host`, retryable: false });
  const [near, far] = leg.side === 'a' ? [tunnel.a, tunnel.b] : [tunnel.b, tunnel.a];
  return {
    kind: 'vxlan',
    inner: innerEnd(own, around),
    host: hostEnd(order, own, leg.farAway === '' ? adminOf(order) : 'down'),
    actionIndex: own.lease.index,
    tunnel: {
      device: near.device, mark: tunnelMark(order, own), vni: tunnel.vni, udpPort: tunnel.udpPort, local: near.vtep, remote: far.vtep, actionIndex: near.index,
      echo: { role: leg.side === 'a' ? 'first' : 'second', reflectIndex: near.reflect, countIndex: near.count },
    },
  };
}

/** The port of a leg whose tunnel was taken back: its node keeps the interface and sees no carrier. */
function lonePort(order: LinkOrder, own: Side, around: WireSurroundings): Pick<HostWire, 'kind' | 'inner' | 'host'> {
  return { kind: 'host', inner: innerEnd(own, around), host: hostEnd(order, own, 'down') };
}

/** No interface has a slash in its name. */
function tunnelMark(order: LinkOrder, side: Side): string {
  return markOf(order, side, '/vxlan');
}

function hostEnd(order: LinkOrder, side: Side, carrier: CarrierWish, device = side.lease.device): HostEnd {
  return { device, mark: markOf(order, side), carrier };
}

function markOf(order: LinkOrder, { attachment }: Side, suffix = ''): string {
  const { end } = attachment;
  const owner = 'node' in end ? end.node : attachment.node;
  return interfaceMark(order, owner ?? 'host', `${'interface' in end ? end.interface : end.at}${suffix}`);
}

function innerEnd({ attachment, lease }: Side, around: WireSurroundings): InnerEnd {
  const { end } = attachment;
  const netns = around.netnsOf(attachment);
  switch (end.at) {
    case 'node':
      return { netns, interface: end.interface, ...(end.altname === undefined ? {} : { altname: end.altname }), mac: end.mac ?? lease.mac, addresses: [end.ipv4, end.ipv6].flatMap((address) => address ?? []) };
    case 'node-bridge':
      return { netns, interface: end.interface, mac: lease.mac, bridge: end.bridge };
    case 'host':
      return { netns: 'host', interface: end.interface, mac: end.mac ?? lease.mac };
    case 'bridge':
      return { netns: 'host', interface: end.interface, mac: lease.mac, bridge: end.bridge };
    case 'mgmt-net':
    case 'macvlan':
    case 'dummy':
    case 'vxlan':
      throw new HostActorError('not-supported-yet', { message: `a link end of kind ${end.at} cannot stand at the place of a node's interface`, retryable: false });
  }
}

/** The part of a wire that depends on what its far end is plugged into. */
function farPart(order: LinkOrder, near: Side, far: Side, around: WireSurroundings) {
  const { end } = far.attachment;
  const inner = innerEnd(near, around);
  const carrier = adminOf(order);
  switch (end.at) {
    case 'bridge':
      return { kind: 'bridge' as const, inner, bridge: end.bridge, host: hostEnd(order, near, carrier, end.interface) };
    case 'mgmt-net':
      return { kind: 'bridge' as const, inner, bridge: mgmtBridgeOf(order), host: hostEnd(order, near, carrier, end.interface), ...macOf(end.mac) };
    case 'host':
      return { kind: 'host' as const, inner, host: hostEnd(order, near, carrier, end.interface), ...macOf(end.mac) };
    case 'macvlan':
      return { kind: 'macvlan' as const, inner, parent: end.parent, mode: end.mode, mark: markOf(order, near) };
    case 'dummy':
      return { kind: 'dummy' as const, inner, mark: markOf(order, near) };
    case 'vxlan':
      return foreignTunnelPart(order, end, { near, far }, around);
    case 'node':
    case 'node-bridge':
      throw new HostActorError('not-supported-yet', { message: `link ${order.link} joins ends that no wire joins`, retryable: false });
  }
}

/** To a device that is not ours: stitched to a port of ours, or the interface itself is the tunnel. Their second names are those that people's scripts know. */
function foreignTunnelPart(order: LinkOrder, end: Extract<LinkEnd, { at: 'vxlan' }>, { near, far }: { near: Side; far: Side }, around: WireSurroundings) {
  const { address, parent } = around.placeOfRemote?.(end.remote) ?? { address: end.remote };
  const path = { vni: end.vni, udpPort: end.udpPort, remote: address, ...(parent === undefined ? {} : { parent }), ...(end.srcPort === undefined ? {} : { srcPort: end.srcPort }) };
  const inner = innerEnd(near, around);
  if (!end.stitch) return { kind: 'inner-vxlan' as const, inner, path, mark: markOf(order, near), fixedMtu: order.plan.mtu !== DEFAULT_MTU };
  const name = 'node' in near.attachment.end ? `${near.attachment.end.node}_${inner.interface}` : inner.interface;
  return {
    kind: 'vxlan' as const,
    inner,
    host: { ...hostEnd(order, near, adminOf(order)), ...aliasOf(`ve-${name}`) },
    actionIndex: near.lease.index,
    tunnel: { ...path, device: far.lease.device, mark: tunnelMark(order, near), actionIndex: far.lease.index, foreign: true, ...aliasOf(`vx-${name}`) },
  };
}

function aliasOf(alias: string): { readonly alias?: string } {
  return isMark(alias) ? { alias } : {};
}

function mgmtBridgeOf(order: LinkOrder): string {
  return order.type === 'link.ensure' ? order.mgmtBridge : '';
}

function macOf(mac: string | undefined): { readonly mac?: string } {
  return mac === undefined ? {} : { mac };
}
