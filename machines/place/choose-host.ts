// The choice of a host for one unit: away from what it avoids, near its neighbours, then as the policy says.
import type { HostRoom } from './host-room.ts';
import type { LoadShares } from './load-shares.ts';
import type { Unit } from './placement-world.ts';

export type Choosing = { readonly room: HostRoom; readonly shares: LoadShares; /** What is not placed yet, of the first resources. */ readonly rest: { cpuMillis: number; memoryMiB: number } };

/** What hosts are judged by, the first difference decides; the greater one is better. Numbers in arrays, as this is done for each node and host. */
const CRITERIA = 6;

/** The best host that takes the unit, or -1. With `tight` the fullest one that does: for labs that fit only just. */
export function chooseHost(choosing: Choosing, unit: Unit, mode: 'near' | 'tight'): number {
  const { room } = choosing;
  const pulls = mode === 'near' ? pullsOf(room, unit.index) : new Map<number, number>();
  let [rank, bestRank] = [new Float64Array(CRITERIA), new Float64Array(CRITERIA)];
  let best = -1;
  for (const host of unit.requirement.open) {
    if (!room.fits(unit, host)) continue;
    rank[0] = -room.conflicts(unit, host);
    rank[1] = pulls.get(host) ?? 0;
    if (mode === 'tight') rank[2] = -choosing.shares.freeShare(host);
    else if (room.world.input.policy === 'spread') rankSpread(choosing, unit, host, rank);
    else rankPack(choosing, unit, host, rank);
    if (best >= 0 && !isGreater(rank, bestRank)) continue;
    best = host;
    [rank, bestRank] = [bestRank, rank];
  }
  return best;
}

// Equal parts come before near neighbours.
function rankSpread({ shares }: Choosing, unit: Unit, host: number, rank: Float64Array): void {
  rank[2] = rank[1] ?? 0;
  rank[1] = shares.isWithin(unit, host) ? 1 : 0;
  rank[3] = -shares.fullness(host);
}

// A host of this lab that is nearly full; else the fullest that holds all the rest; else the one with most room.
function rankPack({ room, shares, rest }: Choosing, unit: Unit, host: number, rank: Float64Array): void {
  const free = shares.freeShare(host);
  const isOurs = (room.count[host] ?? 0) > 0;
  const holdsAll = !isOurs && rest.cpuMillis <= (room.cpu[host] ?? 0) && rest.memoryMiB <= (room.memory[host] ?? 0);
  rank[2] = isOurs ? 2 : holdsAll ? 1 : 0;
  rank[3] = isOurs ? -free : holdsAll ? imagesThere(room, unit, host) : free;
  rank[4] = isOurs ? 0 : holdsAll ? -free : imagesThere(room, unit, host);
}

function imagesThere(room: HostRoom, unit: Unit, host: number): number {
  const known = room.world.hosts[host];
  if (known === undefined || known.state === 'unreadable' || known.images === undefined) return 0;
  const { images } = known;
  return unit.requirement.preferredImages.filter((name) => images.has(name)).length;
}

function pullsOf(room: HostRoom, unit: number): Map<number, number> {
  const pulls = new Map<number, number>();
  for (const edge of room.world.neighbours[unit] ?? []) {
    const host = room.hostOf[edge.unit] ?? -1;
    if (host >= 0) pulls.set(host, (pulls.get(host) ?? 0) + edge.weight);
  }
  return pulls;
}

function isGreater(a: Float64Array, b: Float64Array): boolean {
  for (let index = 0; index < CRITERIA; index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}
