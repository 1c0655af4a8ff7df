// Limits of the kernel that many containers run into: inotify instances and watches, open files.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProbeSpec } from '../probe.ts';

const LEAST_INSTANCES = 512;
const LEAST_WATCHES = 65_536;
const LEAST_FILES = 65_536;

const inotify = {
  costs: 'With many nodes, programs in them that watch files (systemd, vendor systems) fail with "too many open files".',
  remedy: `sysctl -w fs.inotify.max_user_instances=8192 fs.inotify.max_user_watches=524288, and the same lines in /etc/sysctl.d/.`,
};

export const inotifyProbe: ProbeSpec = {
  id: 'inotify',
  title: 'inotify limits',
  deadlineMs: 2_000,
  ...inotify,
  run: async ({ procDir }) => {
    const read = async (name: string): Promise<number> => Number(await readFile(join(procDir, 'sys/fs/inotify', name), 'utf8'));
    const [instances, watches] = [await read('max_user_instances'), await read('max_user_watches')];
    const found = `${instances} instances and ${watches} watches a user`;
    if (instances >= LEAST_INSTANCES && watches >= LEAST_WATCHES) return { status: 'ok', found };
    return { status: 'not-effective', found: `${found}; ${LEAST_INSTANCES} and ${LEAST_WATCHES} are needed`, ...inotify };
  },
};

const files = {
  costs: 'Large labs fail with "too many open files".',
  remedy: 'Raise fs.file-max by sysctl, and the limit of the service or session (LimitNOFILE=, ulimit -Hn) to 1048576.',
};

export const fileLimitProbe: ProbeSpec = {
  id: 'file-limit',
  title: 'Open files',
  deadlineMs: 2_000,
  ...files,
  run: async ({ procDir }) => {
    const limits = await readFile(join(procDir, 'self/limits'), 'utf8');
    const word = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1] ?? '0';
    const hard = word === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(word);
    const all = Number(await readFile(join(procDir, 'sys/fs/file-max'), 'utf8'));
    const found = `${word} a process, ${all} in all`;
    if (hard >= LEAST_FILES && all >= LEAST_FILES) return { status: 'ok', found };
    return { status: 'not-effective', found: `${found}; ${LEAST_FILES} are needed`, ...files };
  },
};
