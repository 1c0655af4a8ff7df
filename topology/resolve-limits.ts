// Limits of a node (CPU, memory) and its health check, from the file's words to numbers.
import type { z } from 'zod';
import type { Healthcheck, NodeSpec } from '../machines/vocabulary/lab-spec.ts';
import { fault } from './issue.ts';
import type { Layer } from './layers.ts';
import { pick } from './layers.ts';
import { parseBytes } from './quantity.ts';
import type { Reading } from './reading.ts';

type Limits = Pick<z.input<typeof NodeSpec>, 'cpus' | 'cpuSet' | 'memoryBytes' | 'shmSizeBytes'>;

// The engine refuses less than 6 MiB.
const leastMemory = 6 * 1024 * 1024;

/** Limits in cores and bytes. `memory` counts 1G as 10^9 (as containerlab), `shm-size` as 2^30 (as the engine). */
export function resolveLimits(layers: readonly Layer[], reading: Reading): Limits {
  const cpu = pick(layers, 'cpu');
  const cpuSet = pick(layers, 'cpu-set');
  const memory = bytesOf(layers, 'memory', 1000, reading);
  const shm = bytesOf(layers, 'shm-size', 1024, reading);
  if (cpuSet !== undefined && !/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(cpuSet.value.trim())) {
    reading.report(fault('cpu-set-invalid', cpuSet.path, 'this list of cores cannot be read', { expected: 'numbers and ranges such as 0-3,5', got: JSON.stringify(cpuSet.value) }));
  }
  const memoryPath = pick(layers, 'memory')?.path;
  if (memory !== undefined && memory < leastMemory && memoryPath !== undefined) {
    reading.report(fault('memory-too-small', memoryPath, 'the engine gives no container less than 6 MiB', { got: `${memory} bytes`, hint: 'write a unit, e.g. 512mb' }));
  }
  return {
    ...(cpu === undefined ? {} : { cpus: cpu.value }),
    ...(cpuSet === undefined ? {} : { cpuSet: cpuSet.value.trim() }),
    ...(memory === undefined ? {} : { memoryBytes: memory }),
    ...(shm === undefined ? {} : { shmSizeBytes: shm }),
  };
}

function bytesOf(layers: readonly Layer[], key: 'memory' | 'shm-size', plain: 1000 | 1024, reading: Reading): number | undefined {
  const given = pick(layers, key);
  if (given === undefined) return undefined;
  const bytes = parseBytes(given.value, plain);
  if (bytes === undefined) reading.report(fault('size-invalid', given.path, 'this size cannot be read', { expected: 'a number with a unit, e.g. 512mb or 1Gi', got: JSON.stringify(given.value) }));
  return bytes;
}

/** The health check of the most specific layer, with the engine's defaults for what it leaves out. */
export function resolveHealthcheck(layers: readonly Layer[], reading: Reading): z.input<typeof Healthcheck> | undefined {
  const given = pick(layers, 'healthcheck');
  if (given === undefined) return undefined;
  const test = given.value.test ?? [];
  const head = test[0] ?? '';
  if (!['CMD', 'CMD-SHELL', 'NONE'].includes(head)) {
    reading.report(fault('healthcheck-invalid', `${given.path}.test`, 'the test must begin with CMD, CMD-SHELL or NONE', { got: JSON.stringify(head) }));
  }
  return {
    test,
    startPeriodSeconds: given.value['start-period'] ?? 0,
    intervalSeconds: orDefault(given.value.interval, 30),
    timeoutSeconds: orDefault(given.value.timeout, 30),
    retries: orDefault(given.value.retries, 3),
  };
}

// Zero means "the engine's default" to the engine and to the peer.
function orDefault(value: number | undefined, fallback: number): number {
  return value === undefined || value === 0 ? fallback : value;
}
