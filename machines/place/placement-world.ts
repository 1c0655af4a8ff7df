// The input in the form that the search works on: units (nodes that must be together) and hosts as numbers, in a fixed order.
import type { HostId, NodeId } from '../vocabulary/ids.ts';
import type { Ceilings } from '../vocabulary/placement.ts';
import type { PlacementHost, PlacementInput, PlacementNode } from './placement-input.ts';
import { requirementOf } from './host-fitness.ts';
import type { Requirement } from './host-fitness.ts';

/** Nodes that go to one host together; mostly a single one. */
export type Unit = {
  readonly index: number;
  /** Sorted by id. */
  readonly nodes: readonly PlacementNode[];
  /** Ports of the nodes and of links among them; other links are counted where they are placed. */
  readonly needs: Ceilings;
  readonly requirement: Requirement;
  readonly previous: number | undefined;
  readonly restarts: boolean;
  readonly fixed: boolean;
  readonly apart: readonly string[];
};

/** Another unit that this one is linked to. `weight` also counts wishes to be near; `links` takes ports. */
export type Neighbour = { readonly unit: number; readonly weight: number; readonly links: number };

export type World = {
  readonly input: PlacementInput;
  /** Sorted by id, as units are by their first node. */
  readonly hosts: readonly PlacementHost[];
  readonly units: readonly Unit[];
  readonly neighbours: readonly (readonly Neighbour[])[];
  readonly unitOf: ReadonlyMap<NodeId, number>;
  readonly requirements: readonly Requirement[];
};

/** How much a wish to be near weighs against a link. */
const NEAR_WEIGHT = 2;

export function buildWorld(input: PlacementInput): World {
  const hosts = input.hosts.toSorted((a, b) => compareText(a.id, b.id));
  const hostIndex = new Map(hosts.map((host, index) => [host.id, index]));
  const groups = groupNodes(input);
  const unitOf = new Map(groups.flatMap((nodes, index) => nodes.map((node): [NodeId, number] => [node.id, index])));
  const edges = collectEdges(input, groups, unitOf);
  const requirements = new Map<string, Requirement>();
  const units = groups.map((nodes, index) => buildUnit({ nodes, index, hosts, hostIndex, innerLinks: edges.inner[index] ?? 0, requirements, input }));
  return { input, hosts, units, neighbours: edges.between, unitOf, requirements: [...requirements.values()] };
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

// Union-find; the root of a group is its smallest node, so that the order of the input has no say.
function groupNodes(input: PlacementInput): PlacementNode[][] {
  const nodes = input.nodes.toSorted((a, b) => compareText(a.id, b.id));
  const position = new Map(nodes.map((node, index) => [node.id, index]));
  const parent = nodes.map((_node, index) => index);
  const rootOf = (index: number): number => {
    let root = index;
    while (parent[root] !== root) root = parent[root] ?? root;
    parent[index] = root;
    return root;
  };
  for (const group of input.together) {
    const members = group.flatMap((id) => position.get(id) ?? []);
    for (const member of members) {
      const [a, b] = [rootOf(members[0] ?? member), rootOf(member)];
      parent[Math.max(a, b)] = Math.min(a, b);
    }
  }
  const groups = Map.groupBy(nodes, (_node, index) => rootOf(index));
  return [...groups.keys()].toSorted((a, b) => a - b).map((root) => groups.get(root) ?? []);
}

type Edges = { readonly between: Neighbour[][]; readonly inner: number[] };

function collectEdges(input: PlacementInput, groups: readonly PlacementNode[][], unitOf: ReadonlyMap<NodeId, number>): Edges {
  const maps = groups.map(() => new Map<number, { weight: number; links: number }>());
  const inner = groups.map(() => 0);
  const add = (a: number, b: number, weight: number, links: number): void => {
    const edge = maps[a]?.get(b) ?? { weight: 0, links: 0 };
    maps[a]?.set(b, { weight: edge.weight + weight, links: edge.links + links });
  };
  for (const link of input.links) {
    const [a, b] = [unitOf.get(link.a), unitOf.get(link.b)];
    if (a === undefined || b === undefined) continue;
    const wires = link.offPlane === true ? 0 : 1;
    if (a === b) inner[a] = (inner[a] ?? 0) + wires;
    else {
      add(a, b, 1, wires);
      add(b, a, 1, wires);
    }
  }
  // A chain through all that bear the same word: as good as all pairs, and not quadratic.
  const last = new Map<string, number>();
  for (const [index, nodes] of groups.entries()) {
    for (const word of new Set(nodes.flatMap((node) => node.near ?? []))) {
      const before = last.get(word);
      if (before !== undefined) {
        add(before, index, NEAR_WEIGHT, 0);
        add(index, before, NEAR_WEIGHT, 0);
      }
      last.set(word, index);
    }
  }
  return { between: maps.map((map) => [...map].map(([unit, edge]) => ({ unit, ...edge })).toSorted((x, y) => x.unit - y.unit)), inner };
}

type UnitInput = {
  nodes: readonly PlacementNode[];
  index: number;
  hosts: readonly PlacementHost[];
  hostIndex: ReadonlyMap<HostId, number>;
  innerLinks: number;
  requirements: Map<string, Requirement>;
  input: PlacementInput;
};

function buildUnit({ nodes, index, hosts, hostIndex, innerLinks, requirements, input }: UnitInput): Unit {
  const sum = (key: keyof Ceilings): number => nodes.reduce((total, node) => total + node.needs[key], 0);
  const previous = nodes.find((node) => node.previous !== undefined)?.previous;
  return {
    index,
    nodes,
    needs: { cpuMillis: sum('cpuMillis'), memoryMiB: sum('memoryMiB'), diskMiB: sum('diskMiB'), ports: sum('ports') + 2 * innerLinks },
    requirement: requirementOf(nodes, hosts, input, requirements),
    previous: previous === undefined ? undefined : hostIndex.get(previous),
    restarts: nodes.every((node) => node.restarts === true),
    fixed: nodes.some((node) => node.fixed === true),
    apart: [...new Set(nodes.flatMap((node) => node.apart ?? []))],
  };
}
