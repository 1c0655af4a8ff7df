// The search for places: hosts are filled one after another, each growing along the links from where it began.
import { chooseHost } from './choose-host.ts';
import type { HostRoom } from './host-room.ts';
import { LoadShares } from './load-shares.ts';
import type { Unit } from './placement-world.ts';
import { UnitHeap } from './unit-heap.ts';

type Search = {
  readonly room: HostRoom;
  readonly shares: LoadShares;
  readonly rest: { cpuMillis: number; memoryMiB: number };
  readonly failed: Unit[];
};

/** `near` follows the links; `near-scarce` does so too, nodes that few hosts can take first; `tight` looks at sizes only. */
export type SearchMode = 'near' | 'near-scarce' | 'tight';

/** Places all units that have no host yet; gives back those that no host takes. */
export function searchPlaces(room: HostRoom, mode: SearchMode): Unit[] {
  const search: Search = { room, shares: new LoadShares(room), rest: { cpuMillis: 0, memoryMiB: 0 }, failed: [] };
  const waiting: Unit[] = [];
  for (const unit of room.world.units) {
    const host = room.hostOf[unit.index] ?? -1;
    if (host >= 0) search.shares.placed(unit, host);
    else if (unit.requirement.pins.length > 0) search.failed.push(unit);
    else {
      waiting.push(unit);
      search.rest.cpuMillis += unit.needs.cpuMillis;
      search.rest.memoryMiB += unit.needs.memoryMiB;
    }
  }
  const tiers = Map.groupBy(waiting, (unit) => (mode === 'near' ? 0 : unit.requirement.open.length));
  for (const hosts of [...tiers.keys()].toSorted((a, b) => a - b)) {
    const tier = tiers.get(hosts) ?? [];
    if (mode === 'tight') fillTier(search, tier);
    else growTier(search, tier);
  }
  return search.failed.toSorted((a, b) => a.index - b.index);
}

function put(search: Search, unit: Unit, host: number): void {
  search.room.put(unit, host);
  search.shares.placed(unit, host);
  search.rest.cpuMillis -= unit.needs.cpuMillis;
  search.rest.memoryMiB -= unit.needs.memoryMiB;
}

// Largest first, each where it leaves least room over.
function fillTier(search: Search, tier: readonly Unit[]): void {
  const size = (unit: Unit): number => search.shares.sizes[unit.index] ?? 0;
  for (const unit of tier.toSorted((a, b) => size(b) - size(a) || a.index - b.index)) {
    const host = chooseHost(search, unit, 'tight');
    if (host < 0) search.failed.push(unit);
    else put(search, unit, host);
  }
}

/** Which units of a tier wait, and how strongly each is drawn by what is placed anywhere. */
type Tier = { readonly waits: Uint8Array; readonly drawn: Float64Array; readonly seeds: UnitHeap };

function growTier(search: Search, units: readonly Unit[]): void {
  const { world } = search.room;
  const tier: Tier = { waits: new Uint8Array(world.units.length), drawn: new Float64Array(world.units.length), seeds: new UnitHeap() };
  for (const { index } of units) {
    tier.waits[index] = 1;
    for (const edge of world.neighbours[index] ?? []) if ((search.room.hostOf[edge.unit] ?? -1) >= 0) tier.drawn[index] = (tier.drawn[index] ?? 0) + edge.weight;
    tier.seeds.push(keyOf(search, tier.drawn, index), index);
  }
  let last = -1;
  for (let seed = tier.seeds.pop(); seed !== undefined; seed = tier.seeds.pop()) {
    const unit = world.units[seed.unit];
    if (unit === undefined || tier.waits[seed.unit] === 0) continue;
    // What nothing draws elsewhere goes on filling the host at hand.
    const host = last >= 0 && tier.drawn[seed.unit] === 0 && suits(search, unit, last) ? last : chooseHost(search, unit, 'near');
    if (host < 0) {
      tier.waits[seed.unit] = 0;
      search.failed.push(unit);
    } else {
      search.shares.open(host);
      growHost(search, tier, unit, host);
      last = host;
    }
  }
}

// Strongest links first; among equals the larger unit, which is the harder one to place.
function keyOf({ shares }: Search, pulls: Float64Array, unit: number): number {
  return (pulls[unit] ?? 0) + Math.min(0.5, (shares.sizes[unit] ?? 0) / 2);
}

function suits({ room, shares }: Search, unit: Unit, host: number): boolean {
  return unit.requirement.isOpen.has(host) && room.fits(unit, host) && room.conflicts(unit, host) === 0 && (room.world.input.policy === 'pack' || shares.isWithin(unit, host));
}

function growHost(search: Search, tier: Tier, seed: Unit, host: number): void {
  const { room, shares } = search;
  const { units, neighbours } = room.world;
  const here = new Map<number, number>();
  const border = new UnitHeap();
  border.push(0, seed.index);
  for (let next = border.pop(); next !== undefined; next = border.pop()) {
    const unit = units[next.unit];
    if (unit === undefined || tier.waits[next.unit] === 0) continue;
    if (unit !== seed && !suits(search, unit, host)) continue;
    tier.waits[next.unit] = 0;
    put(search, unit, host);
    for (const edge of neighbours[unit.index] ?? []) {
      if (tier.waits[edge.unit] === 0) continue;
      tier.drawn[edge.unit] = (tier.drawn[edge.unit] ?? 0) + edge.weight;
      tier.seeds.push(keyOf(search, tier.drawn, edge.unit), edge.unit);
      const pull = (here.get(edge.unit) ?? room.pull(edge.unit, host) - edge.weight) + edge.weight;
      here.set(edge.unit, pull);
      border.push(pull + Math.min(0.5, (shares.sizes[edge.unit] ?? 0) / 2), edge.unit);
    }
  }
}
