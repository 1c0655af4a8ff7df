// Decides which host runs each node of a lab, with a reason for each, and says why the others fit nowhere.
import type { HostId } from '../vocabulary/ids.ts';
import type { HostShare, PlacedNode, PlaceReason, PlacementView } from '../vocabulary/placement.ts';
import { explainUnplaced } from './explain-unplaced.ts';
import { HostRoom } from './host-room.ts';
import { improvePlaces } from './improve-places.ts';
import type { Departures } from './keep-places.ts';
import { isPinned, keepPlaces } from './keep-places.ts';
import { makeRoom } from './make-room.ts';
import type { PlacementInput, PlacementNode } from './placement-input.ts';
import type { Unit, World } from './placement-world.ts';
import { buildWorld } from './placement-world.ts';
import { searchPlaces } from './search-places.ts';

type Attempt = { readonly room: HostRoom; readonly departures: Departures; readonly failed: readonly Unit[] };

/**
 * Same input, same answer, whatever the order of its lists. Nodes that have a place keep it unless their host may or can not have
 * them any more, or a node that fits nowhere else needs the room. What fits is placed, also when other nodes are not.
 */
export function placeNodes(input: PlacementInput): PlacementView {
  const world = buildWorld(input);
  const { room, departures, failed: first } = bestAttempt(world);
  const failed = first.length === 0 ? first : makeRoom(room, first, departures);
  if (input.policy === 'pack') improvePlaces(room, world.units.filter((unit) => unit.previous !== room.hostOf[unit.index] && !isPinned(unit)));
  return {
    policy: input.policy,
    nodes: world.units.flatMap((unit) => placedNodes(room, unit, departures)).toSorted((a, b) => (a.node < b.node ? -1 : 1)),
    unplaced: explainUnplaced(room, failed),
    hosts: sharesOf(room),
    linksAcross: countAcross(room),
  };
}

// Growing along links may leave over what few hosts can take, or what is large; each way finds room for more, with fewer links inside.
function bestAttempt(world: World): Attempt {
  let best: Attempt | undefined;
  for (const mode of ['near', 'near-scarce', 'tight'] as const) {
    const room = new HostRoom(world);
    const departures = keepPlaces(room);
    const attempt: Attempt = { room, departures, failed: searchPlaces(room, mode) };
    if (best === undefined || nodesOf(attempt.failed) < nodesOf(best.failed)) best = attempt;
    if (best.failed.every((unit) => isPinned(unit) || unit.requirement.open.length === 0)) break;
  }
  if (best === undefined) throw new Error('one way at least was tried');
  return best;
}

const nodesOf = (units: readonly Unit[]): number => units.reduce((sum, unit) => sum + unit.nodes.length, 0);

function placedNodes(room: HostRoom, unit: Unit, departures: Departures): PlacedNode[] {
  const host = room.world.hosts[room.hostOf[unit.index] ?? -1];
  if (host === undefined) return [];
  const { code, text } = reasonOf(room, unit);
  return unit.nodes.map((node) => {
    const from = node.previous !== undefined && node.previous !== host.id ? node.previous : undefined;
    return { node: node.id, host: host.id, code, reason: from === undefined ? text : `${departureText(room, unit, from, departures)}; ${text}`, ...(from === undefined ? {} : { from }) };
  });
}

function departureText({ world }: HostRoom, unit: Unit, from: HostId, departures: Departures): string {
  const why = departures.get(unit.index) ?? (world.hosts.some((host) => host.id === from) ? 'it goes with the nodes that it must be together with' : 'that is no host any more');
  return `leaves ${from}: ${why}`;
}

function reasonOf(room: HostRoom, unit: Unit): { code: PlaceReason; text: string } {
  const host = room.hostOf[unit.index] ?? -1;
  const partners = unit.nodes.length > 1 ? ', with all that share its namespace' : '';
  if (isPinned(unit)) return { code: 'pinned', text: `the file pins it${partners}` };
  if (unit.previous === host) return { code: 'stays', text: `is there already${partners}` };
  if (unit.requirement.open.length === 1) return { code: 'only-host', text: `the only host that can take it${partners}` };
  const links = room.world.neighbours[unit.index] ?? [];
  const total = links.reduce((sum, edge) => sum + edge.links, 0);
  const here = links.reduce((sum, edge) => sum + (room.hostOf[edge.unit] === host ? edge.links : 0), 0);
  if (here > 0) return { code: 'linked', text: `${here} of its ${total} ${total === 1 ? 'link' : 'links'} to other nodes stay on the host${partners}` };
  return room.world.input.policy === 'spread' ? { code: 'spread', text: `has room for its part of the lab${partners}` } : { code: 'packed', text: `has room, and the lab is on few hosts${partners}` };
}

function sharesOf(room: HostRoom): HostShare[] {
  const { hosts, units } = room.world;
  const ports = portsOnHosts(room);
  const nodes = hosts.map((): PlacementNode[] => []);
  for (const unit of units) nodes[room.hostOf[unit.index] ?? -1]?.push(...unit.nodes);
  return hosts.flatMap((host, index) => {
    const there = nodes[index] ?? [];
    if (there.length === 0) return [];
    const sum = (key: 'cpuMillis' | 'memoryMiB' | 'diskMiB'): number => there.reduce((total, node) => total + node.needs[key], 0);
    const known = (value: number | undefined): number | null => (host.state === 'unreadable' || value === undefined || !Number.isFinite(value) ? null : value);
    return [{
      host: host.id,
      nodes: there.length,
      lab: { cpuMillis: sum('cpuMillis'), memoryMiB: sum('memoryMiB'), diskMiB: sum('diskMiB'), ports: ports[index] ?? 0 },
      free: { cpuMillis: known(room.cpu[index]), memoryMiB: known(room.memory[index]), diskMiB: known(room.disk[index]), ports: known(room.ports[index]) },
    }];
  });
}

function portsOnHosts(room: HostRoom): Float64Array {
  const ports = new Float64Array(room.world.hosts.length);
  for (const unit of room.world.units) {
    const host = room.hostOf[unit.index] ?? -1;
    if (host < 0) continue;
    // A link takes two ports on each host that it touches; one inside the host is met from both of its ends.
    const links = (room.world.neighbours[unit.index] ?? []).reduce((sum, edge) => sum + (room.hostOf[edge.unit] === host ? 1 : 2) * edge.links, 0);
    ports[host] = (ports[host] ?? 0) + unit.needs.ports + links;
  }
  return ports;
}

function countAcross(room: HostRoom): number {
  const { neighbours, units } = room.world;
  let sum = 0;
  for (const unit of units) {
    const host = room.hostOf[unit.index] ?? -1;
    for (const edge of neighbours[unit.index] ?? []) {
      const far = room.hostOf[edge.unit] ?? -1;
      if (edge.unit > unit.index && host >= 0 && far >= 0 && far !== host) sum += edge.links;
    }
  }
  return sum;
}
