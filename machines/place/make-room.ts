// Moves nodes out of the way of one that fits nowhere else: staying is a preference, running at all is not.
import { isPinned } from './keep-places.ts';
import type { Departures } from './keep-places.ts';
import type { HostRoom } from './host-room.ts';
import type { Unit } from './placement-world.ts';

/** Bounds of the effort: hosts tried for one unit, units that give way to it, and misses in a row after which it is given up. */
const HOSTS = 16;
const LEAVERS = 32;
const MISSES = 8;

/** Tries to place `failed` after all; gives back those that still find no place. Notes why others left theirs. */
export function makeRoom(room: HostRoom, failed: readonly Unit[], departures: Departures): Unit[] {
  let misses = 0;
  return failed.filter((unit) => {
    if (misses >= MISSES) return true;
    const placed = makeRoomFor(room, unit, departures);
    misses = placed ? 0 : misses + 1;
    return !placed;
  });
}

function makeRoomFor(room: HostRoom, unit: Unit, departures: Departures): boolean {
  const hosts = unit.requirement.open.toSorted((a, b) => (room.memory[b] ?? 0) - (room.memory[a] ?? 0) || a - b).slice(0, HOSTS);
  return hosts.some((host) => {
    const moved = clear(room, unit, host);
    if (moved === undefined) return false;
    room.put(unit, host);
    for (const leaver of moved) departures.set(leaver.index, `it gives way to ${unit.nodes[0]?.id ?? ''}, which fits nowhere else`);
    return true;
  });
}

// Units that were moved off the host so that the unit fits there; undefined, and all as before, when that cannot be.
function clear(room: HostRoom, unit: Unit, host: number): Unit[] | undefined {
  const here = room.world.units.filter((one) => room.hostOf[one.index] === host && !isPinned(one) && !one.fixed && one.requirement.open.length > 1);
  const moved: Unit[] = [];
  const undo = (): undefined => {
    for (const leaver of moved.toReversed()) {
      room.take(leaver);
      room.put(leaver, host);
    }
  };
  for (let short = room.shortage(unit, host); short !== undefined; short = room.shortage(unit, host)) {
    const { resource } = short;
    const missing = short.needed - short.free;
    const order = here.filter((one) => !moved.includes(one) && (resource === 'ports' || one.needs[resource] > 0)).toSorted((a, b) => rank(a) - rank(b) || a.index - b.index);
    // The smallest that is enough alone, else the largest.
    function rank(one: Unit): number {
      const enough = one.needs[resource] >= missing;
      return (enough ? 0 : 1e12) + (enough ? one.needs[resource] : -one.needs[resource]);
    }
    const leaver = order.find((one) => moveAway(room, one, host));
    if (leaver === undefined || moved.length === LEAVERS) return undo();
    moved.push(leaver);
  }
  return moved;
}

function moveAway(room: HostRoom, unit: Unit, from: number): boolean {
  const target = unit.requirement.open.filter((host) => host !== from && room.fits(unit, host)).toSorted((a, b) => room.pull(unit.index, b) - room.pull(unit.index, a) || a - b)[0];
  if (target === undefined) return false;
  room.take(unit);
  room.put(unit, target);
  return true;
}
