// Which capabilities containers may be given here, and so whether `--privileged` can work.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { missingCapabilities } from '../../providers/docker/capabilities.ts';
import type { ProbeContext, ProbeSpec } from '../probe.ts';

/** What FRR and most network systems in containers need. */
const NEEDED = ['NET_ADMIN', 'NET_RAW', 'SYS_ADMIN'];

const costs = 'Privileged nodes cannot start.';
const remedy = 'Give the machine (VM, container, service unit) in which the engine runs the full capability bounding set.';

export const capabilitiesProbe: ProbeSpec = {
  id: 'capabilities',
  title: 'Capabilities for containers',
  deadlineMs: 3_000,
  costs,
  remedy,
  run: async (context) => {
    const owner = await findEngineProcess(context.procDir);
    const status = await readFile(join(context.procDir, owner?.pid ?? 'self', 'status'), 'utf8');
    const last = await readFile(join(context.procDir, 'sys/kernel/cap_last_cap'), 'utf8');
    const missing = missingCapabilities(/^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0', Number(last));
    const whose = owner === undefined ? 'this process' : owner.name;
    if (missing.length === 0) return { status: 'ok', found: `${whose} has all: privileged nodes work` };
    const found = `${whose} lacks ${missing.map((name) => `CAP_${name}`).join(', ')}: --privileged fails`;
    const hard = NEEDED.filter((name) => missing.includes(name));
    if (hard.length === 0) return { status: 'not-effective', found, costs: `${costs} Others, FRR among them, are not concerned.`, remedy };
    return { status: 'missing', found, costs: `Routers in containers cannot start: they need ${hard.map((name) => `CAP_${name}`).join(', ')}.`, remedy };
  },
};

/** The engine's process, if it can be seen from here: containers never get more than it has. */
const findEngineProcess = async (procDir: ProbeContext['procDir']): Promise<{ pid: string; name: string } | undefined> => {
  for (const pid of await readdir(procDir)) {
    if (!/^\d+$/.test(pid)) continue;
    const name = (await readFile(join(procDir, pid, 'comm'), 'utf8').catch(() => '')).trim();
    if (name === 'dockerd') return { pid, name };
  }
  return undefined;
};
