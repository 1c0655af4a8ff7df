// How many containers are made or started at once: the usual number, and fewer the longer a loaded host makes everybody wait.
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { HostPace } from '../../../machines/vocabulary/host-facts.ts';
import { engineCallsAtOnce } from './call-limiter.ts';

/** `loadPerCore`: processes that run or wait for a processor or a disk, over a minute, by core. `memoryStallPercent`: of ten seconds in which some waited for memory (PSI). */
export type HostLoad = { readonly loadPerCore: number; readonly memoryStallPercent: number };

const FEWEST = 2;
/** From the first value on fewer at once, at the second the fewest. A deploy at full pace on two idle cores stays below. */
const LIMITS = { loadPerCore: [8, 24], memoryStallPercent: [10, 50] } as const;
const READ_EVERY_MS = 1_000;

/** The pace at a load; `because` names what slows it most. */
export function paceAt(load: HostLoad): HostPace {
  const excess = (key: keyof HostLoad): number => Math.min(1, Math.max(0, (load[key] - LIMITS[key][0]) / (LIMITS[key][1] - LIMITS[key][0])));
  const [cpu, memory] = [excess('loadPerCore'), excess('memoryStallPercent')];
  const atOnce = Math.round(engineCallsAtOnce - Math.max(cpu, memory) * (engineCallsAtOnce - FEWEST));
  return atOnce === engineCallsAtOnce ? { atOnce } : { atOnce, because: memory > cpu ? 'memory' : 'load' };
}

/** The load from `/proc/loadavg` and `/proc/pressure/memory`; what a kernel does not tell counts as none. */
export function parseLoad(texts: { loadavg: string; memoryPressure: string }, cores: number): HostLoad {
  return { loadPerCore: (Number(texts.loadavg.split(' ')[0]) || 0) / cores, memoryStallPercent: Number(/^some avg10=([\d.]+)/.exec(texts.memoryPressure)?.[1] ?? 0) };
}

/** Follows the load of this host for as long as somebody asks; the answer is at most some seconds old and never waited for. */
export class EnginePace {
  #pace: HostPace = { atOnce: engineCallsAtOnce };
  #readAt = Number.NEGATIVE_INFINITY;

  get now(): HostPace {
    if (performance.now() - this.#readAt >= READ_EVERY_MS) {
      this.#readAt = performance.now();
      void this.#read();
    }
    return this.#pace;
  }

  async #read(): Promise<void> {
    const [loadavg, memoryPressure] = await Promise.all(['/proc/loadavg', '/proc/pressure/memory'].map(async (path) => await readFile(path, 'utf8').catch(() => '')));
    this.#pace = paceAt(parseLoad({ loadavg: loadavg ?? '', memoryPressure: memoryPressure ?? '' }, availableParallelism()));
  }
}
