// A bounded clean-up after the search: units move to where more of their links are.
import type { HostRoom } from './host-room.ts';
import type { Unit } from './placement-world.ts';

const ROUNDS = 3;

/** Moves units that are free to move (`movable`) to hosts with more of their neighbours, as long as they fit there. */
export function improvePlaces(room: HostRoom, movable: readonly Unit[]): void {
  for (let round = 0; round < ROUNDS; round += 1) {
    if (movable.filter((unit) => moveCloser(room, unit)).length === 0) return;
  }
}

function moveCloser(room: HostRoom, unit: Unit): boolean {
  const from = room.hostOf[unit.index] ?? -1;
  if (from < 0) return false;
  const pulls = new Map<number, number>();
  for (const edge of room.world.neighbours[unit.index] ?? []) {
    const host = room.hostOf[edge.unit] ?? -1;
    if (host >= 0) pulls.set(host, (pulls.get(host) ?? 0) + edge.weight);
  }
  const present = pulls.get(from) ?? 0;
  // It counts itself where it is.
  const avoided = room.conflicts(unit, from) - unit.apart.length;
  const better = [...pulls].filter(([host, pull]) => pull > present && host !== from && unit.requirement.isOpen.has(host)).toSorted((a, b) => b[1] - a[1] || a[0] - b[0]);
  const target = better.find(([host]) => room.conflicts(unit, host) <= avoided && room.fits(unit, host));
  if (target === undefined) return false;
  room.take(unit);
  room.put(unit, target[0]);
  return true;
}
