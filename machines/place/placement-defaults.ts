// The numbers that placement uses where neither the lab file nor an operator says otherwise.
import type { Ceilings } from '../vocabulary/placement.ts';

/** What a container without a limit counts for: a small router. Set `cpu` and `memory` in the lab file for more. */
export const UNLIMITED_CONTAINER: Omit<Ceilings, 'ports'> = { cpuMillis: 10, memoryMiB: 32, diskMiB: 32 };

/** One more port costs a userspace datapath 38 ms with 264 ports and 1 s with 2,000; it is quadratic. */
export const OVS_USERSPACE_MAX_PORTS = 512;

/** What a host keeps for itself, as a share and at least so many MiB. */
const KEPT = { share: 0.05, memoryMiB: 256, diskMiB: 1024 };

/** What a host may give to labs, from what it has (sizes, not what is free now). */
export function capacityOfHost(has: { cores: number; memoryMiB: number; diskMiB: number }): Omit<Ceilings, 'ports'> {
  const rest = (all: number, least: number): number => Math.max(0, Math.floor(all - Math.max(least, all * KEPT.share)));
  return { cpuMillis: has.cores * 1000, memoryMiB: rest(has.memoryMiB, KEPT.memoryMiB), diskMiB: rest(has.diskMiB, KEPT.diskMiB) };
}
