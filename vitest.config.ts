// Test tiers: the tier is in the file name; unit is pure, int uses real NATS, Docker and kernel, e2e runs the whole product.
import { configDefaults, defineConfig } from 'vitest/config';

/** Lives of labs that die and come back wait more than they work, and each file has a lab and processes of its own. */
const CRASHES = 'tests/e2e/crash/*.e2e.test.ts';

const tier = (name: string, timeoutMs: number, parallel: boolean, files: { include?: string; exclude?: string } = {}) => ({
  test: {
    name,
    include: [files.include ?? `tests/**/*.${name}.test.ts`],
    exclude: [...configDefaults.exclude, ...(files.exclude === undefined ? [] : [files.exclude])],
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
      tier('e2e', 600_000, false, { exclude: CRASHES }),
      tier('crash', 600_000, true, { include: CRASHES }),
      tier('topologies', 1_200_000, false),
      // Takes long and differs from run to run, so it is no part of run-tests.
      tier('kills', 600_000, false),
      tier('faults', 3_600_000, false),
    ],
  },
});
