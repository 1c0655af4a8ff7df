// Test tiers: the tier is in the file name; unit is pure, int uses real NATS, Docker and kernel, e2e runs the whole product.
import { defineConfig } from 'vitest/config';

const tier = (name: string, timeoutMs: number, parallel: boolean) => ({
  test: {
    name,
    include: [`tests/**/*.${name}.test.ts`],
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
    fileParallelism: parallel,
    // A real kernel and engine on a busy machine: once more is allowed, and the report says so. Pure tests have no such excuse, and
    // those of chance look for what happens once.
    retry: ['unit', 'kills', 'faults'].includes(name) ? 0 : 1,
  },
});

export default defineConfig({
  test: {
    projects: [
      tier('unit', 20_000, true),
      tier('int', 120_000, false),
      tier('e2e', 600_000, false),
      tier('topologies', 1_200_000, false),
      // Takes long and differs from run to run, so it is no part of run-tests.
      tier('kills', 600_000, false),
      tier('faults', 3_600_000, false),
    ],
  },
});
