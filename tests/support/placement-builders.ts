// Builders of placement inputs for tests: roomy hosts, small nodes, every field that matters written out by the test.
import type { KnownHost, PlacementHost, PlacementInput, PlacementNode } from '../../machines/place/placement-input.ts';
import type { PlacementView } from '../../machines/vocabulary/placement.ts';
import { host, node } from './lab-builders.ts';

type Needs = Partial<PlacementNode['needs']>;

export function aPlaceable(id: string, needs: Needs = {}, over: Partial<PlacementNode> = {}): PlacementNode {
  return { id: node(id), needs: { cpuMillis: 100, memoryMiB: 100, diskMiB: 0, ports: 0, ...needs }, wants: [], ...over };
}

export function aHost(id: string, capacity: Partial<KnownHost['capacity']> = {}, over: Partial<KnownHost> = {}): KnownHost {
  return {
    id: host(id), state: 'joined', cores: 8, capacity: { cpuMillis: 8_000, memoryMiB: 16_384, diskMiB: 100_000, ...capacity },
    allocated: { cpuMillis: 0, memoryMiB: 0, diskMiB: 0, ports: 0 }, offers: {}, planes: [{ kind: 'tc' }], ...over,
  };
}

export function aPlacement(nodes: PlacementNode[], hosts: PlacementHost[], over: Partial<PlacementInput> = {}): PlacementInput {
  return { policy: 'pack', nodes, hosts, links: [], together: [], cpuOvercommit: 4, ...over };
}

/** `aWire('a', 'b')` for `PlacementInput.links`. */
export const aWire = (a: string, b: string) => ({ a: node(a), b: node(b) });

/** `{ a: 'h1' }`; nodes without a place are left out. */
export function placesOf(view: PlacementView): Record<string, string> {
  return Object.fromEntries(view.nodes.map((placed) => [placed.node, placed.host]));
}

/** The same input, each node with the place it got as its previous one. */
export function withPlaces(input: PlacementInput, view: PlacementView): PlacementInput {
  const places = new Map(view.nodes.map((placed) => [placed.node, placed.host]));
  return {
    ...input,
    nodes: input.nodes.map(({ previous: _gone, ...rest }) => {
      const place = places.get(rest.id);
      return place === undefined ? rest : { ...rest, previous: place };
    }),
  };
}
