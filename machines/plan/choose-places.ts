// Which host each node of a lab goes to, asked of the planner with what the lab and the hosts say.
import type { HostId, NodeId } from '../vocabulary/ids.ts';
import type { Rejection } from '../vocabulary/command.ts';
import type { HostCapacity } from '../vocabulary/host-facts.ts';
import type { HostThings } from '../vocabulary/host-things.ts';
import type { LabSpec, NodeSpec } from '../vocabulary/lab-spec.ts';
import type { Ceilings, HostShare, PlacedNode, PlacementView, UnplacedNodes } from '../vocabulary/placement.ts';
import type { LabState, NodeRecord } from '../evolve/lab-state.ts';
import { boundTo } from '../evolve/untold.ts';
import { placeNodes } from '../place/place-nodes.ts';
import { freeBeforeLab } from '../place/host-room.ts';
import { capacityOfHost, OVS_USERSPACE_MAX_PORTS } from '../place/placement-defaults.ts';
import type { PlacementHost, PlacementInput, PlacementNode } from '../place/placement-input.ts';
import { DEFAULT_CPU_OVERCOMMIT, PlaneKind } from '../vocabulary/placement.ts';
import { switchPortsOf } from './plan-planes.ts';
import { placementOfSpec, thingsOf, withoutPlaceWishes } from '../place/placement-of-spec.ts';
import { deepEqual } from './deep-equal.ts';
import type { PlanHost } from './plan-lab.ts';

export type Places = { readonly ok: true; readonly view: PlacementView; readonly hosts: ReadonlyMap<NodeId, HostId> } | { readonly ok: false; readonly rejections: Rejection[] };

export type PlacesInput = {
  readonly state: LabState;
  readonly spec: LabSpec;
  readonly hosts: readonly PlanHost[];
  /** Ceilings of all other labs on a host. */
  readonly allocated: (host: HostId) => Ceilings;
  readonly leave: Leave | undefined;
};

/** A host that keeps no node of the lab but pinned ones; with `oneByOne` only the first node goes now, and what shares its namespace. */
export type Leave = { readonly host: HostId; readonly oneByOne: boolean };

/** What a host is taken for that has not told what it has: one of an older version. */
const UNTOLD: Omit<HostCapacity, 'devices'> = { cpus: 1024, memoryMiB: 1024 * 1024, diskMiB: 1024 * 1024 };

export function choosePlaces({ state, spec, hosts, allocated, leave }: PlacesInput): Places {
  if (leave === undefined && !hosts.some((host) => host.state === 'joined')) return { ok: false, rejections: [{ code: 'no-host', message: 'no host has joined: start one with `labwright up`', details: {} }] };
  const places = new Map(spec.nodes.flatMap((node): [NodeId, HostId][] => {
    const plan = state.nodes[node.id]?.next?.plan ?? state.nodes[node.id]?.plan;
    return plan ? [[node.id, plan.host]] : [];
  }));
  const wishes = placementOfSpec(spec, { places, restarts: new Set() });
  // A pin holds also while its host is away: the node waits for it there. And who leaves a host moves nobody else.
  const isFixed = ({ pin, previous }: PlacementNode): boolean => previous !== undefined && (pin === previous || (leave !== undefined && previous !== leave.host));
  // On a host that is none any more, and what may still run on the host that it is to leave.
  const bound = withMates(leave ? boundTo(state, leave.host) : [], wishes.together);
  const stands = (node: PlacementNode): boolean => bound.has(node.id) || (isFixed(node) && !hosts.some((host) => host.id === node.previous));
  const standing = wishes.nodes.filter(stands).flatMap((node) => standingNode(node, WHY_STANDING));
  const waiting = new Set(standing.map(({ id }) => id));
  const input: PlacementInput = {
    ...wishes,
    nodes: wishes.nodes.filter((node) => !waiting.has(node.id)).map((node) => ({ ...node, fixed: isFixed(node) })),
    together: wishes.together.filter((group) => !group.some((node) => waiting.has(node))),
    links: wishes.links.filter(({ a, b }) => !waiting.has(a) && !waiting.has(b)),
    policy: spec.placement?.policy ?? 'pack',
    hosts: hosts.map((host) => placementHost(host, addCeilings(allocated(host.id), ceilingsOf(standing.filter((node) => node.host === host.id))), thingsOn(host, spec, state))),
    ...(spec.placement?.plane === undefined ? {} : { plane: spec.placement.plane }),
    cpuOvercommit: DEFAULT_CPU_OVERCOMMIT,
    ...(leave === undefined ? {} : { left: leave.host }),
  };
  const placed = placeNodes(input);
  if (leave === undefined && placed.unplaced.length > 0) return { ok: false, rejections: placed.unplaced.map(rejectUnplaced) };
  // Who leaves goes where it fits; the others stay where they are until there is room.
  const unplaced = new Set(placed.unplaced.flatMap(({ nodes }) => nodes));
  const stuck = input.nodes.filter(({ id }) => unplaced.has(id)).flatMap((node) => standingNode(node, WHY_STUCK));
  const view = withStanding(placed, [...standing, ...stuck], input);
  const staying = leave?.oneByOne === true ? allButFirst(view.nodes.filter(({ from }) => from === leave.host).map(({ node }) => node), wishes.together) : new Set<NodeId>();
  const chosen = view.nodes.map(({ node, host }): [NodeId, HostId] => [node, staying.has(node) ? (places.get(node) ?? host) : host]);
  return { ok: true, view, hosts: new Map(chosen) };
}

/** Nodes that were not asked about belong to the answer all the same; what they take was counted before. */
function withStanding(view: PlacementView, standing: readonly StandingNode[], input: PlacementInput): PlacementView {
  const nodes = standing.map(({ id, host, pin, why }): PlacedNode => {
    const code = pin === host ? 'pinned' : 'stays';
    return { node: id, host, code, reason: code === 'pinned' ? 'the file pins it' : why };
  });
  const hosts = input.hosts.flatMap((host): HostShare[] => {
    const share = view.hosts.find((one) => one.host === host.id);
    const there = standing.filter((node) => node.host === host.id);
    if (share === undefined && there.length === 0) return [];
    const { ports, ...free } = freeBeforeLab(host, input);
    const { lab, ...rest } = share ?? { host: host.id, nodes: 0, lab: NOTHING, free: { ...free, ports: Number.isFinite(ports) ? ports : null } };
    return [{ ...rest, nodes: rest.nodes + there.length, lab: addCeilings(lab, ceilingsOf(there)) }];
  });
  return { ...view, nodes: [...view.nodes, ...nodes].toSorted((a, b) => (a.node < b.node ? -1 : 1)), hosts: hosts.toSorted((a, b) => (a.host < b.host ? -1 : 1)) };
}

const WHY_STANDING = 'may still run there: its lost host never learned that it has to end it';
const WHY_STUCK = 'no other host can take it at present';

type StandingNode = PlacementNode & { readonly host: HostId; readonly why: string };
const standingNode = (node: PlacementNode, why: string): StandingNode[] => (node.previous === undefined ? [] : [{ ...node, host: node.previous, why }]);

/** Ports are counted by their links. */
const ceilingsOf = (nodes: readonly StandingNode[]): Ceilings => nodes.reduce((sum, { needs }) => addCeilings(sum, { ...needs, ports: 0 }), NOTHING);

function placementHost(host: PlanHost, allocated: Ceilings, things: HostThings | undefined): PlacementHost {
  const has = host.capacity ?? UNTOLD;
  const planes = (host.planes ?? ['tc']).flatMap((kind) => PlaneKind.safeParse(kind).data ?? []);
  return {
    id: host.id,
    state: host.state,
    cores: has.cpus,
    ...(host.engineConnected === undefined ? {} : { engineAnswers: host.engineConnected }),
    ...(has.cpuOvercommit === undefined ? {} : { cpuOvercommit: has.cpuOvercommit }),
    capacity: host.capacity ? capacityOfHost({ cores: has.cpus, memoryMiB: has.memoryMiB, diskMiB: has.diskMiB }) : { cpuMillis: has.cpus * 1000, memoryMiB: has.memoryMiB, diskMiB: has.diskMiB },
    allocated,
    offers: {
      ...(host.capacity ? { kvm: host.capacity.devices.includes('/dev/kvm') ? ['kvm'] : [] } : {}),
      ...(things ? { device: things.devices, bridge: things.bridges } : {}),
    },
    ...(things ? { images: new Set(things.images) } : {}),
    planes: planes.map((kind) => ({ kind, ...maxPortsOf(host, kind) })),
  };
}

/** What of the things that the lab names is on a host. What stands there as it is wanted does not lack anything. */
function thingsOn({ id, lacks }: PlanHost, spec: LabSpec, { nodes }: LabState): HostThings | undefined {
  if (lacks === undefined) return undefined;
  const asked = thingsOf(spec.nodes);
  const used = thingsOf(spec.nodes.filter((node) => isMadeOf(nodes[node.id], id, node)));
  const there = (kind: keyof HostThings): string[] => asked[kind].filter((name) => used[kind].includes(name) || !lacks[kind].includes(name));
  return { images: there('images'), devices: there('devices'), bridges: there('bridges') };
}

function isMadeOf(record: NodeRecord | undefined, host: HostId, node: NodeSpec): boolean {
  return record?.plan.host === host && deepEqual({ ...withoutPlaceWishes(record.spec), files: undefined }, { ...withoutPlaceWishes(node), files: undefined });
}

/** What a host does not tell is taken for the smallest: that of a userspace datapath. */
function maxPortsOf({ planePorts }: PlanHost, kind: PlaneKind): { maxPorts?: number } {
  const maxPorts = planePorts?.[kind] ?? (kind === 'ovs' ? OVS_USERSPACE_MAX_PORTS : undefined);
  return maxPorts === undefined ? {} : { maxPorts };
}

function rejectUnplaced(unplaced: UnplacedNodes): Rejection {
  const { nodes, hosts, remedies } = unplaced;
  return { code: 'no-capacity', message: unplacedText(unplaced), details: { nodes, hosts, remedies } };
}

/** Why nodes fit on no host, and what would make them fit. */
export const unplacedText = ({ message, remedies }: UnplacedNodes): string => `${message}${remedies.length > 0 ? `. It would fit with: ${remedies.join(', or ')}` : ''}`;

/** The first of the nodes goes with all that must be where it is; the others wait for their turn. */
function allButFirst(leaving: readonly NodeId[], together: readonly (readonly NodeId[])[]): Set<NodeId> {
  const going = withMates(leaving.slice(0, 1), together);
  return new Set(leaving.filter((node) => !going.has(node)));
}

/** Nodes with all that must be where they are. */
function withMates(nodes: readonly NodeId[], together: readonly (readonly NodeId[])[]): Set<NodeId> {
  const all = new Set(nodes);
  for (let before = -1; before !== all.size;) {
    before = all.size;
    for (const group of together) if (group.some((node) => all.has(node))) for (const node of group) all.add(node);
  }
  return all;
}

/** What a lab holds on each host, as ceilings; ports are those in Open vSwitch, the one plane with a limit. */
export function allocatedBy(state: LabState): Map<HostId, Ceilings> {
  const held = new Map<HostId, Ceilings>();
  if (!state.spec) return held;
  const add = (host: HostId, more: Ceilings): void => {
    const before = held.get(host) ?? NOTHING;
    held.set(host, addCeilings(before, more));
  };
  for (const { id, needs } of placementOfSpec(state.spec, { places: new Map(), restarts: new Set() }).nodes) {
    const record = state.nodes[id];
    // One that is on its way to another host has room on both.
    for (const host of new Set(record ? [record.plan.host, record.next?.plan.host ?? record.plan.host] : [])) add(host, { ...needs, ports: 0 });
  }
  for (const [host, ports] of switchPortsOf(state)) add(host, { ...NOTHING, ports });
  return held;
}

export const addCeilings = (a: Ceilings, b: Ceilings): Ceilings =>
  ({ cpuMillis: a.cpuMillis + b.cpuMillis, memoryMiB: a.memoryMiB + b.memoryMiB, diskMiB: a.diskMiB + b.diskMiB, ports: a.ports + b.ports });

export const NOTHING: Ceilings = { cpuMillis: 0, memoryMiB: 0, diskMiB: 0, ports: 0 };
