// What this host has to give to nodes: processors, memory, disk, devices.
import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import type { HostCapacity } from '../machines/vocabulary/host-facts.ts';
import { DEFAULT_CPU_OVERCOMMIT } from '../machines/vocabulary/placement.ts';

const MIB = 1024 * 1024;
/** Sorted. */
const DEVICES = ['/dev/kvm', '/dev/net/tun'];

/** What the operator set, in place of what the machine has and of what is usual. */
export type CapacityWish = { readonly [amount in 'cpus' | 'cpuOvercommit' | 'memoryMiB' | 'diskMiB']?: number | undefined };

/** Reads it. @param stateDir - a directory on the file system whose size counts; 0 MiB while it does not exist. */
export async function readCapacity(stateDir: string, wish: CapacityWish = {}): Promise<HostCapacity> {
  const isUsable = await Promise.all(DEVICES.map(async (device) => await access(device, constants.R_OK | constants.W_OK).then(() => true, () => false)));
  const diskMiB = await statfs(stateDir).then(({ blocks, bsize }) => Math.floor((blocks * bsize) / MIB), () => 0);
  const amounts = { cpus: wish.cpus ?? availableParallelism(), cpuOvercommit: wish.cpuOvercommit ?? DEFAULT_CPU_OVERCOMMIT, memoryMiB: wish.memoryMiB ?? Math.floor(totalmem() / MIB), diskMiB: wish.diskMiB ?? diskMiB };
  return { ...amounts, devices: DEVICES.filter((_device, index) => isUsable[index]) };
}
