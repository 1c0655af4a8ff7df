// First part of a placement: what is pinned goes to its host, what is there already stays, unless the host cannot have it any more.
import { lackOf, refusalToKeep } from './host-fitness.ts';
import type { HostRoom, Resource } from './host-room.ts';
import type { PlacementHost } from './placement-input.ts';
import type { Unit } from './placement-world.ts';

/** Why a unit is not on its previous host any more. */
export type Departures = Map<number, string>;

/** Puts down all units that have a place of their own; the others are left for the search. */
export function keepPlaces(room: HostRoom): Departures {
  const { world } = room;
  const departures: Departures = new Map();
  for (const unit of world.units.filter(isPinned).toSorted(mostToKeepFirst)) {
    if (!keep(room, unit, departures)) putOnPin(room, unit);
  }
  for (const unit of world.units.filter((one) => !isPinned(one)).toSorted(mostToKeepFirst)) keep(room, unit, departures);
  return departures;
}

export const isPinned = (unit: Unit): boolean => unit.requirement.pins.length > 0;

/** Nodes that run on before those that are made anew, those that few hosts can take before the rest, small before large: so most stay. */
function mostToKeepFirst(a: Unit, b: Unit): number {
  return Number(a.restarts) - Number(b.restarts) || a.requirement.open.length - b.requirement.open.length ||
    a.needs.memoryMiB - b.needs.memoryMiB || a.needs.cpuMillis - b.needs.cpuMillis || a.index - b.index;
}

function putOnPin(room: HostRoom, unit: Unit): void {
  const host = unit.requirement.open[0];
  if (host !== undefined && room.fits(unit, host)) room.put(unit, host);
}

/** True when the unit stays where it was. */
function keep(room: HostRoom, unit: Unit, departures: Departures): boolean {
  const { hosts, input } = room.world;
  const index = unit.previous;
  const host = index === undefined ? undefined : hosts[index];
  if (index === undefined || host === undefined) return false;
  const refusal = unit.fixed ? undefined : refusalToKeep(host, input) ?? lackOf(host, unit.requirement, input) ?? (isOutOfSight(host) ? undefined : shortageText(room, unit, index));
  if (refusal !== undefined) departures.set(unit.index, refusal);
  else room.put(unit, index);
  return refusal === undefined;
}

// Its numbers are old, and what runs there cannot be stopped for certain: it is not moved for want of room.
function isOutOfSight(host: PlacementHost): boolean {
  return host.state === 'lost' || host.state === 'unreadable' || host.state === 'suspect' || host.state === 'returned';
}

/** What is short for a unit on a host, in words; undefined when it fits. */
export function shortageText(room: HostRoom, unit: Unit, host: number): string | undefined {
  const short = room.shortage(unit, host);
  return short === undefined ? undefined : `${amountText(short.resource, short.needed)} needed, ${amountText(short.resource, short.free)} free`;
}

/** `4096 MiB of memory`, `1.5 cores`. */
export function amountText(resource: Resource, amount: number): string {
  switch (resource) {
    case 'cpuMillis': return `${amount / 1000} ${amount === 1000 ? 'core' : 'cores'}`;
    case 'memoryMiB': return `${Math.floor(amount)} MiB of memory`;
    case 'diskMiB': return `${Math.floor(amount)} MiB of disk`;
    case 'ports': return `${amount} ports`;
  }
}
