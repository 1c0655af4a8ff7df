// What the kernel does when memory runs out: end one process, or the whole host.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProbeSpec } from '../probe.ts';

const costs = 'A node that eats memory takes the whole host down with all labs.';
const remedy = 'sysctl -w vm.panic_on_oom=0, and the same line in /etc/sysctl.d/.';

export const outOfMemoryProbe: ProbeSpec = {
  id: 'out-of-memory',
  title: 'Out-of-memory policy',
  deadlineMs: 2_000,
  costs,
  remedy,
  run: async ({ procDir }) => {
    const value = (await readFile(join(procDir, 'sys/vm/panic_on_oom'), 'utf8')).trim();
    if (value === '0') return { status: 'ok', found: 'the kernel ends one process (vm.panic_on_oom is 0)' };
    return { status: 'not-effective', found: `the kernel panics (vm.panic_on_oom is ${value})`, costs, remedy };
  },
};
