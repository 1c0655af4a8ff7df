// How large a unit is, how full a host is, and how much of the lab is a host's share under the policy `spread`.
import { refusalOf } from './host-fitness.ts';
import type { HostRoom } from './host-room.ts';
import type { Unit, World } from './placement-world.ts';

/** A bare node weighs a little too, so that nodes that need nothing are also spread. */
const NODE_WEIGHT = 0.1;

export class LoadShares {
  readonly #room: HostRoom;
  /** Part of the whole lab (0..1) that each unit is. */
  readonly sizes: Float64Array;
  /** Part of all room that each host has; they sum up to 1 over hosts that take new nodes. */
  readonly #portions: Float64Array;
  readonly #loads: Float64Array;
  readonly #budgets: Float64Array;
  readonly #totalCpu: number;
  readonly #totalMemory: number;
  #unplaced = 0;
  #level: number | undefined;

  constructor(room: HostRoom) {
    const { world } = room;
    this.#room = room;
    this.sizes = sizesOf(world);
    const needsEngine = world.units.every(({ requirement }) => requirement.needsEngine);
    const open = world.hosts.map((host) => refusalOf(host, { needsEngine }) === undefined);
    const sum = (values: Float64Array): number => values.reduce((total, value, host) => total + (open[host] === true ? Math.max(0, value) : 0), 0) || 1;
    this.#totalCpu = sum(room.cpu);
    this.#totalMemory = sum(room.memory);
    this.#portions = Float64Array.from(world.hosts, (_host, host) => (open[host] === true ? this.freeShare(host) : 0));
    this.#loads = new Float64Array(world.hosts.length);
    this.#budgets = new Float64Array(world.hosts.length).fill(-1);
    for (const unit of world.units) this.#unplaced += this.sizes[unit.index] ?? 0;
  }

  /** Part of all free room that is on this host now. */
  freeShare(host: number): number {
    return (Math.max(0, this.#room.cpu[host] ?? 0) / this.#totalCpu + Math.max(0, this.#room.memory[host] ?? 0) / this.#totalMemory) / 2;
  }

  /** This lab's load on a host for its portion of the room; 1 = as much as is fair. */
  fullness(host: number): number {
    const portion = this.#portions[host] ?? 0;
    return portion === 0 ? Infinity : (this.#loads[host] ?? 0) / portion;
  }

  /** Counts a unit that was put down; once the hosts are known on which units stay, `open` may be called. */
  placed(unit: Unit, host: number): void {
    const size = this.sizes[unit.index] ?? 0;
    this.#loads[host] = (this.#loads[host] ?? 0) + size;
    this.#unplaced -= size;
    this.#level = undefined;
  }

  /** Fixes what a host may get at most: its part of what is left, level with the hosts that are not open yet. */
  open(host: number): void {
    if ((this.#budgets[host] ?? -1) >= 0) return;
    this.#budgets[host] = this.#fairLoad(host);
    this.#level = undefined;
  }

  /** Whether a unit brings a host not further above its budget than it was below. */
  isWithin(unit: Unit, host: number): boolean {
    const budget = this.#budgets[host] ?? -1;
    return (this.#loads[host] ?? 0) + (this.sizes[unit.index] ?? 0) / 2 <= (budget >= 0 ? budget : this.#fairLoad(host)) + 1e-9;
  }

  #fairLoad(host: number): number {
    this.#level ??= this.#levelOfRest();
    return this.#level * (this.#portions[host] ?? 0);
  }

  #levelOfRest(): number {
    let load = this.#unplaced;
    let portion = 0;
    for (const [index, part] of this.#portions.entries()) {
      if (part === 0 || (this.#budgets[index] ?? -1) >= 0) continue;
      load += this.#loads[index] ?? 0;
      portion += part;
    }
    return portion === 0 ? 0 : load / portion;
  }
}

function sizesOf(world: World): Float64Array {
  const total = { cpu: 0, memory: 0, nodes: 0 };
  for (const { needs, nodes } of world.units) {
    total.cpu += needs.cpuMillis;
    total.memory += needs.memoryMiB;
    total.nodes += nodes.length;
  }
  const part = (value: number, all: number): number => (all === 0 ? 0 : value / all);
  return Float64Array.from(world.units, ({ needs, nodes }) =>
    (1 - NODE_WEIGHT) * Math.max(part(needs.cpuMillis, total.cpu), part(needs.memoryMiB, total.memory)) + NODE_WEIGHT * part(nodes.length, total.nodes));
}
