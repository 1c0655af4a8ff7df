// The books of a placement in the making: which unit is where, and what each host has left. Changed in place, owned by one run.
import type { Ceilings } from '../vocabulary/placement.ts';
import type { PlacementHost, PlacementInput } from './placement-input.ts';
import { isReadable } from './host-fitness.ts';
import type { Unit, World } from './placement-world.ts';

const RESOURCES = ['cpuMillis', 'memoryMiB', 'diskMiB', 'ports'] as const;
export type Resource = (typeof RESOURCES)[number];
export type Shortage = { readonly resource: Resource; readonly needed: number; readonly free: number };

/** What a host has to give before this lab takes anything; CPU with the overcommit. */
export function freeBeforeLab(host: PlacementHost, input: PlacementInput): Ceilings {
  if (host.state === 'unreadable' || !isReadable(host)) return { cpuMillis: 0, memoryMiB: 0, diskMiB: 0, ports: 0 };
  const { capacity, allocated } = host;
  const plane = input.plane === undefined ? host.planes[0] : host.planes.find(({ kind }) => kind === input.plane);
  return {
    cpuMillis: capacity.cpuMillis * (host.cpuOvercommit ?? input.cpuOvercommit) - allocated.cpuMillis,
    memoryMiB: capacity.memoryMiB - allocated.memoryMiB,
    diskMiB: capacity.diskMiB - allocated.diskMiB,
    ports: plane?.maxPorts === undefined ? Infinity : plane.maxPorts - allocated.ports,
  };
}

export class HostRoom {
  /** Host of each unit; -1 = none. */
  readonly hostOf: Int32Array;
  readonly cpu: Float64Array;
  readonly memory: Float64Array;
  readonly disk: Float64Array;
  readonly ports: Float64Array;
  /** Units of this lab on each host. */
  readonly count: Int32Array;
  readonly world: World;
  readonly #apart = new Map<string, Int32Array>();

  constructor(world: World) {
    const free = world.hosts.map((host) => freeBeforeLab(host, world.input));
    this.world = world;
    this.hostOf = new Int32Array(world.units.length).fill(-1);
    this.cpu = Float64Array.from(free, (host) => host.cpuMillis);
    this.memory = Float64Array.from(free, (host) => host.memoryMiB);
    this.disk = Float64Array.from(free, (host) => host.diskMiB);
    this.ports = Float64Array.from(free, (host) => host.ports);
    this.count = new Int32Array(world.hosts.length);
    for (const unit of world.units) for (const word of unit.apart) this.#apart.set(word, new Int32Array(world.hosts.length));
  }

  fits({ index, needs }: Unit, host: number): boolean {
    // A unit that needs nothing of a resource does not suffer when others have taken too much of it.
    return (needs.cpuMillis === 0 || needs.cpuMillis <= (this.cpu[host] ?? 0)) &&
      (needs.memoryMiB === 0 || needs.memoryMiB <= (this.memory[host] ?? 0)) &&
      (needs.diskMiB === 0 || needs.diskMiB <= (this.disk[host] ?? 0)) &&
      (this.ports[host] === Infinity || this.#fitsPorts(index, needs.ports, host));
  }

  /** The first thing that is short, or undefined when it fits. */
  shortage(unit: Unit, host: number): Shortage | undefined {
    const ports = unit.needs.ports === 0 && this.ports[host] === Infinity ? 0 : unit.needs.ports + this.#portsOfLinks(unit.index, host);
    const need = { ...unit.needs, ports };
    const free = { cpuMillis: this.cpu[host] ?? 0, memoryMiB: this.memory[host] ?? 0, diskMiB: this.disk[host] ?? 0, ports: this.ports[host] ?? 0 };
    const short = (['memoryMiB', 'cpuMillis', 'diskMiB', 'ports'] as const).find((resource) => need[resource] > 0 && need[resource] > free[resource]);
    return short === undefined ? undefined : { resource: short, needed: need[short], free: Math.max(0, free[short]) };
  }

  put(unit: Unit, host: number): void {
    this.#count(unit, host, 1);
    this.hostOf[unit.index] = host;
  }

  take(unit: Unit): void {
    const host = this.hostOf[unit.index] ?? -1;
    this.hostOf[unit.index] = -1;
    this.#count(unit, host, -1);
  }

  /** Units there that would rather not be on one host with this one. */
  conflicts({ apart }: Unit, host: number): number {
    let sum = 0;
    for (const word of apart) sum += this.#apart.get(word)?.[host] ?? 0;
    return sum;
  }

  /** What of a unit's links and wishes to be near is on this host. */
  pull(unit: number, host: number): number {
    let sum = 0;
    for (const edge of this.world.neighbours[unit] ?? []) if (this.hostOf[edge.unit] === host) sum += edge.weight;
    return sum;
  }

  #count(unit: Unit, host: number, sign: 1 | -1): void {
    const { needs } = unit;
    this.cpu[host] = (this.cpu[host] ?? 0) - sign * needs.cpuMillis;
    this.memory[host] = (this.memory[host] ?? 0) - sign * needs.memoryMiB;
    this.disk[host] = (this.disk[host] ?? 0) - sign * needs.diskMiB;
    if (this.ports[host] !== Infinity) this.ports[host] = (this.ports[host] ?? 0) - sign * (needs.ports + this.#portsOfLinks(unit.index, host));
    this.count[host] = (this.count[host] ?? 0) + sign;
    for (const word of unit.apart) {
      const there = this.#apart.get(word);
      if (there !== undefined) there[host] = (there[host] ?? 0) + sign;
    }
  }

  #fitsPorts(unit: number, own: number, host: number): boolean {
    const needed = own + this.#portsOfLinks(unit, host);
    return needed === 0 || needed <= (this.ports[host] ?? 0);
  }

  // A link takes two ports on each host that it touches: both ends, or one end and the tunnel. So one that touches it already is paid for.
  #portsOfLinks(unit: number, host: number): number {
    let sum = 0;
    for (const edge of this.world.neighbours[unit] ?? []) if (this.hostOf[edge.unit] !== host) sum += 2 * edge.links;
    return sum;
  }
}
