// Reads from a resolved lab what its nodes need of a host: the same effective settings that the host carries out.
import type { HostId, NodeId } from '../vocabulary/ids.ts';
import { HostId as HostName } from '../vocabulary/ids.ts';
import type { LabSpec, LinkEnd, LinkSpec, NodeSpec } from '../vocabulary/lab-spec.ts';
import type { HostThings } from '../vocabulary/host-things.ts';
import type { Ceilings } from '../vocabulary/placement.ts';
import { UNLIMITED_CONTAINER } from './placement-defaults.ts';
import type { PlacementInput, PlacementNode } from './placement-input.ts';

type Wishes = Pick<PlacementInput, 'nodes' | 'links' | 'together'>;

type Standing = {
  /** Host of each node that is there already. */
  readonly places: ReadonlyMap<NodeId, HostId>;
  /** Nodes that the deploy makes anew. */
  readonly restarts: ReadonlySet<NodeId>;
  /** Identity of the host that people call so; unset = hosts are called by their identity. */
  readonly hostNamed?: (name: string) => HostId | undefined;
  /** What a container without limits counts for. */
  readonly unlimited?: Omit<Ceilings, 'ports'>;
};

/** Labels of a node that say where it likes to be. */
const NEAR = 'labwright-near';
const APART = 'labwright-apart';
const MIB = 1024 * 1024;

/** Nodes with their needs, links between nodes, and what must be on one host. */
export function placementOfSpec(spec: LabSpec, standing: Standing): Wishes {
  const ends = new Map<NodeId, LinkEnd[]>();
  for (const link of spec.links) countEnds(link, ends);
  const byContainer = new Map(spec.nodes.map((node) => [node.containerName, node.id]));
  return {
    nodes: spec.nodes.map((node) => placementNode(node, ends.get(node.id) ?? [], standing)),
    links: spec.links.flatMap((link) => ('node' in link.a && 'node' in link.b && link.a.node !== link.b.node ? [{ a: link.a.node, b: link.b.node, ...(link.a.at === 'bridge' || link.b.at === 'bridge' ? { offPlane: true as const } : {}) }] : [])),
    together: [
      ...spec.nodes.flatMap((node) => (node.network.mode === 'node' ? [[node.id, node.network.node]] : [])),
      ...spec.nodes.flatMap((node) => pidPartner(node, byContainer)),
      ...spec.links.flatMap((link) => [link.a, link.b]).flatMap((end) => (end.at === 'node-bridge' ? [[end.node, end.inside]] : [])),
    ],
  };
}

/** What of a node says only where it is to be: a node that stands there already is none the different for it. */
export function placeWishes({ host, labels }: NodeSpec): { host: string | undefined; near: string | undefined; apart: string | undefined } {
  return { host, near: labels[NEAR], apart: labels[APART] };
}

/** The node but for what says where it is to be. */
export function withoutPlaceWishes({ host: _host, labels, ...node }: NodeSpec): Omit<NodeSpec, 'host'> {
  const { [NEAR]: _near, [APART]: _apart, ...others } = labels;
  return { ...node, labels: others };
}

/** What nodes need that only a host can say whether it is there, sorted. KVM it tells by itself. */
export function thingsOf(nodes: readonly NodeSpec[]): HostThings {
  const wants = nodes.flatMap(wantsOfNode);
  const named = (kind: string): string[] => sorted(wants.flatMap((want) => (want.startsWith(`${kind}:`) ? [want.slice(kind.length + 1)] : [])));
  return { images: sorted(nodes.flatMap((node) => (node.image !== undefined && node.imagePullPolicy === 'never' ? [node.image] : []))), devices: named('device'), bridges: named('bridge') };
}

const sorted = (names: readonly string[]): string[] => [...new Set(names)].toSorted();

// What the far ends of a node's one-ended links are; a link to itself counts as two ports.
function countEnds({ a, b }: LinkSpec, ends: Map<NodeId, LinkEnd[]>): void {
  const add = (node: NodeId, far: LinkEnd): void => void ends.set(node, [...(ends.get(node) ?? []), far]);
  if ('node' in a && 'node' in b) {
    if (a.node === b.node) for (const end of [a, b]) add(a.node, end);
  } else if ('node' in a) add(a.node, b);
  else if ('node' in b) add(b.node, a);
}

function placementNode(node: NodeSpec, far: readonly LinkEnd[], standing: Standing): PlacementNode {
  const previous = standing.places.get(node.id);
  const { [NEAR]: near, [APART]: apart } = node.labels;
  const cores = node.cpuSet === undefined ? undefined : Math.max(...node.cpuSet.split(/[,-]/).map(Number)) + 1;
  return {
    id: node.id,
    needs: { ...ceilings(node, standing.unlimited ?? UNLIMITED_CONTAINER), ports: portsOf(far) },
    wants: [...new Set([...wantsOfNode(node), ...far.flatMap((end) => (end.at === 'macvlan' ? [`interface:${end.parent}`] : []))])].toSorted(),
    restarts: standing.restarts.has(node.id),
    needsEngine: node.runtime === 'container' || node.runtime === 'ext-container',
    ...(cores === undefined ? {} : { cores }),
    ...(node.image === undefined ? {} : { image: { name: node.image, mustBePresent: node.imagePullPolicy === 'never' } }),
    ...(node.host === undefined ? {} : { pin: standing.hostNamed?.(node.host) ?? HostName.parse(node.host) }),
    ...(near === undefined ? {} : { near }),
    ...(apart === undefined ? {} : { apart }),
    ...(previous === undefined ? {} : { previous }),
  };
}

// Bridges, the host and other people's containers are there already and take nothing from us.
function ceilings(node: NodeSpec, unlimited: Omit<Ceilings, 'ports'>): Omit<Ceilings, 'ports'> {
  if (node.runtime !== 'container') return { cpuMillis: 0, memoryMiB: 0, diskMiB: 0 };
  return {
    cpuMillis: node.cpus === undefined ? unlimited.cpuMillis : Math.ceil(node.cpus * 1000),
    memoryMiB: node.memoryBytes === undefined ? unlimited.memoryMiB : Math.ceil(node.memoryBytes / MIB),
    diskMiB: unlimited.diskMiB,
  };
}

/** Ends in a bridge, on the host or in the management network are in no plane. */
const portsOf = (far: readonly LinkEnd[]): number => far.reduce((sum, end) => sum + (end.at === 'vxlan' && end.stitch ? 2 : end.at === 'node' || end.at === 'node-bridge' ? 1 : 0), 0);

function wantsOfNode(node: NodeSpec): string[] {
  const wants = node.devices.map((device) => device.split(':')[0] ?? device).map((device) => (device === '/dev/kvm' ? 'kvm:kvm' : `device:${device}`));
  if (node.network.mode === 'container') wants.push(`container:${node.network.container}`);
  if (node.network.mode === 'engine') wants.push(`network:${node.network.network}`);
  if (node.runtime === 'ext-container') wants.push(`container:${node.containerName}`);
  // A bridge inside a node is made there.
  const inside = node.network.mode === 'node' || node.id.includes('|');
  if ((node.runtime === 'bridge' || node.runtime === 'ovs-bridge') && !inside) wants.push(`${node.runtime}:${node.containerName}`);
  return wants;
}

function pidPartner(node: NodeSpec, byContainer: ReadonlyMap<string, NodeId>): NodeId[][] {
  const name = node.pidMode?.startsWith('container:') === true ? node.pidMode.slice('container:'.length) : undefined;
  const partner = name === undefined ? undefined : byContainer.get(name);
  return partner === undefined ? [] : [[node.id, partner]];
}
