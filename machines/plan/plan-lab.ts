// Places and numbers of a lab: hosts, addresses, device names, MACs; what is there already keeps its own.
import type { HostFacts } from '../vocabulary/host-facts.ts';
import type { HostThings } from '../vocabulary/host-things.ts';
import type { HostState } from '../vocabulary/host-view.ts';
import type { HostId, LinkId, NodeId } from '../vocabulary/ids.ts';
import type { LabSpec, LinkEnd, LinkSpec, NodeSpec, PublishedPort } from '../vocabulary/lab-spec.ts';
import type { LabPlan, LinkPlan, MgmtPlan, MgmtSpan, NodePlan, PortLease, TunnelPlan } from '../vocabulary/lab-plan.ts';
import type { Rejection } from '../vocabulary/command.ts';
import { HostId as HostIdSchema, NodeId as NodeIdSchema } from '../vocabulary/ids.ts';
import type { Ceilings, FragmentedLink, PlacementView } from '../vocabulary/placement.ts';
import { splitMgmtPool } from '../vocabulary/mgmt-pool.ts';
import { overLogs } from '../evolve/lab-state.ts';
import type { LabState, NodeRecord } from '../evolve/lab-state.ts';
import { assignMgmtAddresses } from './assign-mgmt-addresses.ts';
import type { MgmtAddresses } from './assign-mgmt-addresses.ts';
import { choosePlaces } from './choose-places.ts';
import type { Leave } from './choose-places.ts';
import { deepEqual } from './deep-equal.ts';
import { linkPlaces } from './link-places.ts';
import { leasePorts } from './lease-ports.ts';
import { keepsConfiguration, planChanges } from './plan-changes.ts';
import { savedFor } from './saved-configuration.ts';
import { planPlanes } from './plan-planes.ts';
import type { LinkPlanes } from './plan-planes.ts';
import { fitMgmtMtu, fitMtu, isToFit, mgmtTooLarge, tunnelLease, tunnelNumbers, underlaysOf, VXLAN_PORT } from './plan-tunnels.ts';
import type { Fit } from './plan-tunnels.ts';
import type { Change } from '../vocabulary/lab-plan.ts';

/** All that a deploy needs and the log does not hold; what it took from here goes into the event. */
export type Facts = {
  readonly now: number;
  readonly hosts: readonly PlanHost[];
  /** Ceilings of all other labs on a host. */
  readonly allocated: (host: HostId) => Ceilings;
  /** Leased by the caller for this lab if it has none yet; null = all are in use. */
  readonly labNumber: number | null;
  /** Management addresses that other labs and foreign containers hold in a network, by its name. */
  readonly takenAddresses: (network: string) => ReadonlySet<string>;
  /** `tcp/8080`-like keys of ports that other labs publish, with the lab's name. */
  readonly takenPorts: ReadonlyMap<string, string>;
  /** Tunnel numbers that other labs use or name, and those that others have on any host. */
  readonly takenVnis: Pick<ReadonlySet<number>, 'has'>;
  /** VLANs that other labs hold on the bridge that a host shares. */
  readonly takenVlans: (host: HostId) => ReadonlySet<number>;
  /** What other labs hold of a management network over hosts, by its name. */
  readonly spans: (network: string) => MgmtSpan | undefined;
  /** Container names of other labs, with the lab's name. */
  readonly takenNames: ReadonlyMap<string, string>;
};

/** `lacks`: what it was asked about for a lab and does not have; unset = it never said. */
export type PlanHost = HostFacts & { readonly id: HostId; readonly state: HostState; readonly lacks?: HostThings | undefined };

/** `kept`: nodes that are made anew, here or elsewhere, with what can be saved of them. */
export type Planned = { readonly plan: LabPlan; readonly changes: readonly Change[]; readonly kept: readonly NodeId[]; readonly placement: PlacementView } | { readonly rejections: Rejection[] };

const LINK_MTU = 9500;

/** Fixes everything a deploy of `spec` needs, or says why it cannot be. */
export function planLab(input: { state: LabState; spec: LabSpec; facts: Facts; reconfigure: boolean; leave?: Leave }): Planned {
  const { state, spec, facts } = input;
  const places = choosePlaces({ state, spec, hosts: facts.hosts, allocated: facts.allocated, leave: input.leave });
  if (!places.ok) return { rejections: places.rejections };
  const placeOf = (node: NodeId): HostId => places.hosts.get(node) ?? HostIdSchema.parse('?');
  const labNumber = state.plan && state.lab.value !== 'destroyed' ? state.plan.labNumber : facts.labNumber;
  if (labNumber === null) return { rejections: [reject('no-numbers', 'all 4095 lab numbers are in use: destroy a lab first', {})] };
  const rejections = [...takenNames(spec, facts), ...takenPorts(spec, facts)];
  const gateways = planGateways(state, spec, facts, [...new Set(places.hosts.values())]);
  const addresses = assignMgmtAddresses({
    mgmt: spec.mgmt,
    nodes: [
      ...spec.nodes.filter(hasMgmt).map((node) => ({ id: node.id, wantIpv4: node.mgmtIpv4, wantIpv6: node.mgmtIpv6 })),
      ...gateways.map(({ host, ipv4, ipv6 }) => ({ id: gatewayId(host), wantIpv4: ipv4, wantIpv6: ipv6 })),
    ],
    taken: new Set([...facts.takenAddresses(spec.mgmt.network)].filter((address) => !gateways.some(({ ipv4, ipv6 }) => address === ipv4 || address === ipv6))),
    previous: previousAddresses(state),
  });
  const leased = leasePorts(spec.nodes.map((node) => ({ node: node.id, ports: node.ports, previous: standingPlan(state, node)?.ports ?? [] })), new Set(facts.takenPorts.keys()));
  if (!addresses.ok) return { rejections: [...rejections, ...leased.rejections, ...addresses.rejections] };
  rejections.push(...leased.rejections);
  if (rejections.length > 0) return { rejections };
  const fit = planMgmtMtu(spec, facts, [...new Set(places.hosts.values())]);
  if (!fit.ok) return { rejections: [fit.rejection] };
  const mgmt = planMgmt(spec, fit.mtu);
  const planes = planPlanes({ state, spec, hosts: facts.hosts, placeOf, takenVlans: facts.takenVlans });
  const planesOf = (link: LinkSpec): LinkPlanes => planes.of.get(link.id) ?? {};
  const changes = planChanges(state, spec, { now: facts.now, reconfigure: input.reconfigure, mgmt, placeOf, planesOf, reasonOf: (node) => places.view.nodes.find((placed) => placed.node === node)?.reason ?? 'placement' });
  const leases = createLeases(labNumber, state.lab.value === 'destroyed' ? 1 : (state.plan?.nextPort ?? 1));
  const fresh = new Set(changes.filter((change) => change.object === 'node' && change.action !== 'start').map((change) => change.id));
  const generation = overLogs(state.n === 0 ? Math.floor(facts.now / 1000) : state.born, state.n + 1);
  const kept = new Set(spec.nodes.filter((node) => fresh.has(node.id) && keepsConfiguration(state, node, { spec, reconfigure: input.reconfigure, placeOf })).map((node) => node.id));
  const nodes = Object.fromEntries(spec.nodes.map((node) =>
    [node.id, planNode({ node, record: state.nodes[node.id], generation, host: placeOf(node.id), leases, address: addresses.addresses[node.id], ports: leased.ports.get(node.id) ?? [], isNew: fresh.has(node.id), isKept: kept.has(node.id) })]));
  const vnis = tunnelNumbers(labNumber, state.lab.value === 'destroyed' ? 1 : (state.plan?.nextVni ?? 1), facts.takenVnis);
  const across: Across = { vnis, rejections: [...planes.rejections], hostOf: (id) => facts.hosts.find((host) => host.id === id) ?? { id, state: 'lost' } };
  const links = Object.fromEntries(spec.links.map((link) => [link.id, planLink({ link, state, placeOf, planes: planesOf(link), leases, across, generation })]));
  const span = planSpan({ spec, facts, labNumber, hosts: [...new Set(places.hosts.values())], own: state.plan?.span, addressOf: (host) => addresses.addresses[gatewayId(host)], across });
  if (across.rejections.length > 0) return { rejections: across.rejections };
  return { plan: withoutUndefined({ labNumber, nextPort: leases.next(), mgmt, span, nextVni: vnis.next() > 1 ? vnis.next() : undefined, nodes, links }), changes, kept: [...kept], placement: withoutUndefined({ ...places.view, fragmented: fragmentedOf(links) }) };
}

function fragmentedOf(links: LabPlan['links']): FragmentedLink[] | undefined {
  const found = (Object.entries(links) as [LinkId, LinkPlan][]).flatMap(([link, { host, mtu, far }]) => (far?.tunnel.fragmented ? [withoutUndefined({ link, mtu, whole: far.tunnel.whole, hosts: [host, far.host] })] : []));
  return found.length === 0 ? undefined : found;
}

export const hasMgmt = (node: NodeSpec): boolean => node.runtime === 'container' && node.network.mode === 'sandbox';

const reject = (code: Rejection['code'], message: string, details: Record<string, unknown>): Rejection => ({ code, message, details });

function takenNames(spec: LabSpec, facts: Facts): Rejection[] {
  return spec.nodes.flatMap((node) => {
    const lab = node.runtime === 'container' ? facts.takenNames.get(node.containerName) : undefined;
    return lab ? [reject('name-taken', `container name ${node.containerName} of node ${node.id} is used by lab ${lab}: change the name or the prefix`, { node: node.id, lab })] : [];
  });
}

function takenPorts(spec: LabSpec, facts: Facts): Rejection[] {
  return spec.nodes.flatMap((node) => node.ports.flatMap((port) => {
    const lab = port.hostPort === 0 ? undefined : facts.takenPorts.get(`${port.protocol}/${port.hostPort}`);
    return lab ? [reject('port-taken', `port ${port.hostPort}/${port.protocol} of node ${node.id} is published by lab ${lab}: choose another one`, { node: node.id, lab })] : [];
  }));
}

function previousAddresses(state: LabState): Record<string, MgmtAddresses> {
  return Object.fromEntries(Object.entries(state.nodes).map(([id, record]) =>
    [id, { ipv4: (record.next?.plan ?? record.plan).mgmt?.ipv4, ipv6: (record.next?.plan ?? record.plan).mgmt?.ipv6 }]));
}

/** A set one that does not pass between the hosts is refused. */
function planMgmtMtu({ mgmt }: LabSpec, facts: Facts, hosts: readonly HostId[]): { ok: true; mtu: number } | { ok: false; rejection: Rejection } {
  const { mtu, largest } = fitMgmtMtu(mgmt.mtu, hosts.length < 2 ? [] : facts.hosts.flatMap((host) => (hosts.includes(host.id) && host.underlay ? [host.underlay] : [])));
  if (mtu <= largest) return { ok: true, mtu };
  return { ok: false, rejection: reject('mtu-too-large', mgmtTooLarge({ mtu, largest, hosts }), { network: mgmt.network, mtu, largest }) };
}

function planMgmt(spec: LabSpec, mtu: number): MgmtPlan {
  const { bridge = '', ...rest } = spec.mgmt;
  const ipv4Gateway = gatewayOf(rest.ipv4Subnet, rest.ipv4Gateway, rest.ipv4Range);
  const ipv6Gateway = gatewayOf(rest.ipv6Subnet, rest.ipv6Gateway, rest.ipv6Range);
  return withoutUndefined({ ...rest, ipv4Gateway, ipv6Gateway, bridge, mtu });
}

/** Nodes need it for their default route, so what the file leaves to the rule is fixed here. */
function gatewayOf(subnet: string | undefined, gateway: string | undefined, range: string | undefined): string | undefined {
  return subnet === undefined ? undefined : splitMgmtPool({ subnet, gateway, range })?.gatewayText;
}

type Leases = { port(device?: string, mac?: string): PortLease; next(): number };

/** Numbers of one lab: redirect index (12 bits lab, 20 bits port), device name and MAC all follow from it. */
function createLeases(labNumber: number, first: number): Leases {
  let next = first;
  return {
    next: () => next,
    port(device, mac) {
      const port = next;
      next += 1;
      const hex = (labNumber * 2 ** 20 + port).toString(16).padStart(8, '0');
      const derived = `aa:c1:${hex.slice(0, 2)}:${hex.slice(2, 4)}:${hex.slice(4, 6)}:${hex.slice(6, 8)}`;
      return { device: device ?? `lw${labNumber.toString(36)}.${port.toString(36)}`, index: labNumber * 2 ** 20 + port, mac: mac ?? derived };
    },
  };
}

type NodeInput = { node: NodeSpec; record: NodeRecord | undefined; generation: number; host: HostId; leases: Leases; address: MgmtAddresses | undefined; ports: PublishedPort[]; isNew: boolean; isKept: boolean };

const standingPlan = (state: LabState, { id }: NodeSpec): NodePlan | undefined => state.nodes[id]?.next?.plan ?? state.nodes[id]?.plan;

function planNode({ node, record, generation, host, leases, address, ports, isNew, isKept }: NodeInput): NodePlan {
  const standing = record?.next?.plan ?? record?.plan;
  if (standing && !isNew && standing.host === host) return standing;
  const mgmt = hasMgmt(node) && address ? { ...withoutUndefined({ ipv4: address.ipv4, ipv6: address.ipv6 }), port: leases.port() } : undefined;
  const saved = record && isKept ? savedFor(record) : [];
  return withoutUndefined({ host, generation, mgmt, ports, saved: saved.length > 0 ? [...saved] : undefined });
}

type Across = { vnis: ReturnType<typeof tunnelNumbers>; rejections: Rejection[]; hostOf(id: HostId): PlanHost };
type LinkInput = { link: LinkSpec; state: LabState; placeOf: (node: NodeId) => HostId; planes: LinkPlanes; leases: Leases; across: Across; generation: number };

function planLink(input: LinkInput): LinkPlan {
  const { link, state, leases } = input;
  const present = state.links[link.id];
  const [host, farHost] = linkPlaces(link, input.placeOf);
  const stays = present?.plan.host === host && (present.plan.far?.host ?? host) === farHost;
  if (present && stays && present.machine.context.desired === 'present' && !isToFit(present.plan, link) && deepEqual(present.spec, { ...link })) return withPlanes(present.plan, input.planes);
  const far = host === farHost ? null : planFar(input, host, farHost);
  const mtu = far?.mtu ?? link.mtu ?? LINK_MTU;
  const port = (end: LinkEnd, standing: PortLease | undefined) => leasePort(leases, { end, standing, crosses: far !== null });
  const [a, b] = [port(link.a, present?.plan.a), port(link.b, present?.plan.b)];
  return withPlanes({ host, generation: input.generation, mtu, a: { ...a, mac: macOf(link.a) ?? a.mac }, b: { ...b, mac: macOf(link.b) ?? b.mac }, ...(far ? { far: { host: farHost, tunnel: far.tunnel } } : {}) }, input.planes);
}

function withPlanes({ plane: _before, far, ...rest }: LinkPlan, planes: LinkPlanes): LinkPlan {
  return withoutUndefined({ ...rest, plane: planes.plane, far: far && withoutUndefined({ host: far.host, tunnel: far.tunnel, plane: planes.far }) });
}

/** A place of the host that a tunnel leads to gets a port of its own beside the device that the file names: on one host they are the same. */
function leasePort(leases: Leases, { end, standing, crosses }: { end: LinkEnd; standing: PortLease | undefined; crosses: boolean }): PortLease {
  const named = hostDevice(end);
  const fits = standing !== undefined && (named === undefined || (standing.device === named) !== crosses);
  return fits ? standing : leases.port(crosses ? undefined : named, macOf(end));
}

/** A tunnel with a number of its own, also where the link had one before: what was left behind must not speak into it. */
function planFar({ link, leases, across }: LinkInput, host: HostId, farHost: HostId): { mtu: number; tunnel: TunnelPlan } | null {
  const underlays = underlaysOf(across.hostOf(host), across.hostOf(farHost));
  if ('code' in underlays) {
    across.rejections.push(underlays);
    return null;
  }
  const fit = fitMtu(link.mtu, underlays.a, underlays.b);
  const vni = across.vnis.take();
  if (!fit.arrives) across.rejections.push(linkTooLarge(link.id, fit));
  if (vni === null) across.rejections.push(reject('no-numbers', `link ${link.id}: the lab has used its 4095 tunnel numbers: destroy it and deploy it again`, { link: link.id }));
  if (!fit.arrives || vni === null) return null;
  const lease = (vtep: string) => ({ ...tunnelLease(() => leases.port()), vtep });
  return { mtu: fit.mtu, tunnel: { vni, udpPort: VXLAN_PORT, a: lease(underlays.a.address), b: lease(underlays.b.address), fragmented: fit.fragmented, whole: fit.whole } };
}

const linkTooLarge = (link: string, { mtu, whole }: Fit): Rejection =>
  reject('mtu-too-large', `link ${link} asks for an MTU of ${mtu}; over the IPv6 underlay between its hosts ${whole} is the most that arrives: set mtu to ${whole} or less, or keep both nodes on one host`, { link, mtu, largest: whole });

const gatewayId = (host: HostId): NodeId => NodeIdSchema.parse(`gateway of host ${host}`);

/**
 * Gateways of the hosts of a management network. The first host that has it takes the network's own; each other one leases an
 * address, so that no two bridges of one segment answer for the same.
 */
function planGateways(state: LabState, spec: LabSpec, facts: Facts, hosts: readonly HostId[]): { host: HostId; ipv4: string | undefined; ipv6: string | undefined }[] {
  const known = { ...facts.spans(spec.mgmt.network)?.hosts, ...(state.plan?.mgmt.network === spec.mgmt.network ? state.plan.span?.hosts : {}) };
  if (facts.hosts.length < 2) return [];
  const holder = Object.keys(known).find((host) => known[host as HostId]?.ipv4Gateway === undefined && known[host as HostId]?.ipv6Gateway === undefined) ?? hosts.toSorted()[0];
  return hosts.filter((host) => host !== holder).toSorted().map((host) => ({ host, ipv4: known[host]?.ipv4Gateway, ipv6: known[host]?.ipv6Gateway }));
}

type SpanInput = { spec: LabSpec; facts: Facts; labNumber: number; hosts: readonly HostId[]; own: MgmtSpan | undefined; addressOf: (host: HostId) => MgmtAddresses | undefined; across: Across };

/** The management network over hosts, in agreement with what other labs of the same network hold of it. */
function planSpan({ spec, facts, labNumber, hosts, own, addressOf, across }: SpanInput): MgmtSpan | undefined {
  const others = facts.spans(spec.mgmt.network);
  if (facts.hosts.length < 2) return own;
  const parts = hosts.toSorted().map((id): [HostId, MgmtSpan['hosts'][HostId]] => {
    const address = addressOf(id);
    const vtep = across.hostOf(id).underlay?.address ?? own?.hosts[id]?.vtep;
    if (vtep === undefined && hosts.length > 1) across.rejections.push(reject('no-underlay', `host ${id} has not told an address at which other hosts reach it: set LABWRIGHT_UNDERLAY_ADDRESS there`, { host: id }));
    // What the standing links were fitted to; that it is another one now is told to them all at once (evolve/apply-underlay.ts).
    const mtu = own?.hosts[id] ? own.hosts[id].mtu : across.hostOf(id).underlay?.mtu;
    return [id, withoutUndefined({ vtep: vtep ?? '', mtu, ipv4Gateway: address?.ipv4?.split('/')[0], ipv6Gateway: address?.ipv6?.split('/')[0] })];
  });
  // The first number of the lab is no link's; where a file has named it, the network takes one as a link does.
  const vni = others?.vni ?? own?.vni ?? (facts.takenVnis.has(labNumber * 4096) ? across.vnis.take() : labNumber * 4096);
  if (vni === null) across.rejections.push(reject('no-numbers', `management network ${spec.mgmt.network}: the lab has used its 4095 tunnel numbers: destroy it and deploy it again`, {}));
  return { vni: vni ?? 0, udpPort: VXLAN_PORT, hosts: { ...own?.hosts, ...Object.fromEntries(parts) } };
}

/** Ends that are visible on the host carry the name that the file gives them. */
function hostDevice(end: LinkEnd): string | undefined {
  return 'interface' in end && end.at !== 'node' ? end.interface : undefined;
}

const macOf = (end: LinkEnd): string | undefined => ('mac' in end ? end.mac : undefined);

function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  // Absent keys and undefined ones are the same to readers; the log holds the absent form.
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> };
}
