// The namespaces of one test host: a boot of its own, entered by commands, ended at once with all that runs in it.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../eventually.ts';

const INIT = join(import.meta.dirname, 'init.sh');

export type HostNamespaces = {
  /** Process 1 of the host, as the machine counts. */
  readonly pid: number;
  /** Program and arguments that run a command inside. */
  enter(argv: readonly string[]): [string, string[]];
  /** Path inside the host, as the machine reaches it. */
  path(inside: string): string;
  /** SIGKILL to all that runs in it; resolves when nothing of it is left. */
  kill(): Promise<void>;
};

/** Boots a host on a directory; what the directory holds from an earlier boot is found again. It ends with this process, however that ends. */
export async function bootNamespaces(boot: { dir: string; name: string; images: string | undefined }): Promise<HostNamespaces> {
  const up = join(boot.dir, 'up');
  await rm(up, { force: true });
  const init = ['tini', '-g', '--', 'sh', INIT, boot.dir, boot.name, boot.images ?? '', up];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', '--fork', '--pid', '--mount-proc', '--mount', '--uts', '--ipc', '--net', '--kill-child=SIGKILL', ...init], {
    stdio: ['ignore', 'ignore', 'pipe'], cwd: '/',
  });
  let printed = '';
  child.stderr?.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  await eventually(() => hasEnded(child) || existsSync(up), { what: `host ${boot.name} to boot` }).catch(() => child.kill('SIGKILL'));
  if (!existsSync(up)) throw new Error(`host ${boot.name} does not boot: ${printed}`);
  const pid = await firstChildOf(child.pid ?? 0);
  const ended = hasEnded(child) ? Promise.resolve() : once(child, 'exit');
  return {
    pid,
    enter: (argv) => ['nsenter', ['-t', String(pid), '-m', '-u', '-i', '-n', '-p', '--', ...argv]],
    path: (inside) => `/proc/${pid}/root${inside}`,
    async kill() {
      if (existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL');
      await ended;
    },
  };
}

/** Process id of a process's only child. */
export async function firstChildOf(parent: number): Promise<number> {
  const found = await eventually(async () => (await readFile(`/proc/${parent}/task/${parent}/children`, 'utf8')).trim().split(' ')[0], { what: `a child of process ${parent}` });
  return Number(found);
}

/** A network namespace alone, kept by a sleeping process that ends with this one. */
export async function bootNetwork(): Promise<{ enter(argv: readonly string[]): [string, string[]]; pid: number; kill(): Promise<void> }> {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', '--net', 'sleep', 'infinity'], { stdio: 'ignore', cwd: '/' });
  const pid = child.pid ?? 0;
  await eventually(async () => (await readFile(`/proc/${pid}/comm`, 'utf8')).trim() === 'sleep', { what: 'a network namespace' });
  return {
    pid,
    enter: (argv) => ['nsenter', ['-t', String(pid), '-n', '--', ...argv]],
    async kill() {
      if (hasEnded(child)) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;
