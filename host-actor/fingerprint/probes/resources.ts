// What this host has to give: memory, processors, disk.
import { readFile, stat, statfs } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import type { ProbeSpec } from '../probe.ts';
import { ENGINE_DEADLINE_MS, readInfo } from './engine.ts';

const GIB = 1024 ** 3;
const LEAST_MEMORY_GIB = 1;
const LEAST_DISK_GIB = 5;

const memory = { costs: 'Nodes end for want of memory, or do not start.', remedy: 'End other programs, or use a host with more memory.' };

export const memoryProbe: ProbeSpec = {
  id: 'memory',
  title: 'Free memory',
  deadlineMs: 2_000,
  ...memory,
  run: async ({ procDir }) => {
    const text = await readFile(join(procDir, 'meminfo'), 'utf8');
    const gib = (name: string): number => (Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0) * 1024) / GIB;
    const free = gib('MemAvailable');
    const found = `${free.toFixed(1)} of ${gib('MemTotal').toFixed(1)} GiB are free, swap ${gib('SwapFree').toFixed(1)} GiB`;
    return free >= LEAST_MEMORY_GIB ? { status: 'ok', found } : { status: 'missing', found, ...memory };
  },
};

export const cpuProbe: ProbeSpec = {
  id: 'cpu',
  title: 'Processors',
  deadlineMs: 2_000,
  costs: 'Labs start slowly.',
  remedy: 'Use a host with more processors.',
  run: async ({ procDir }) => {
    const text = await readFile(join(procDir, 'cpuinfo'), 'utf8');
    const model = /^model name\s*:\s*(.+)$/m.exec(text)?.[1] ?? process.arch;
    const nested = /^flags\s*:.*\bhypervisor\b/m.test(text) ? ', virtual' : '';
    return { status: 'ok', found: `${availableParallelism()} × ${model}${nested}, load ${(loadavg()[0] ?? 0).toFixed(1)}` };
  },
};

const disk = { costs: 'Images cannot be pulled, and when the disk is full the log cannot be written: commands are then refused.', remedy: 'Free space, or move LABWRIGHT_HOME and the data directory of the engine.' };

export const diskProbe: ProbeSpec = {
  id: 'disk',
  title: 'Free disk',
  deadlineMs: ENGINE_DEADLINE_MS + 2_000,
  ...disk,
  run: async (context) => {
    const engine = await readInfo(context);
    const places = await Promise.all([context.stateDir, ...(typeof engine === 'string' ? [] : [engine.dataDir])].filter((path) => path !== '').map(nearestExisting));
    const rooms = await Promise.all(places.map(readRoom));
    const found = distinct(rooms).map(({ place, freeGib, allGib }) => `${freeGib.toFixed(1)} of ${allGib.toFixed(1)} GiB are free below ${place}`).join(', ');
    return rooms.every(({ freeGib }) => freeGib >= LEAST_DISK_GIB) ? { status: 'ok', found } : { status: 'missing', found, ...disk };
  },
};

type Room = { readonly place: string; readonly device: number; readonly freeGib: number; readonly allGib: number };

const readRoom = async (place: string): Promise<Room> => {
  const [{ bavail, blocks, bsize }, { dev }] = await Promise.all([statfs(place), stat(place)]);
  return { place, device: dev, freeGib: (bavail * bsize) / GIB, allGib: (blocks * bsize) / GIB };
};

/** State and images are often on one file system. */
const distinct = (rooms: readonly Room[]): Room[] => rooms.filter(({ device }, index) => rooms.findIndex((other) => other.device === device) === index);

const nearestExisting = async (path: string): Promise<string> => {
  const there = await stat(path).then(() => true, () => false);
  return there || dirname(path) === path ? path : nearestExisting(dirname(path));
};
