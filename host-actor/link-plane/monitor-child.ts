// Keeps one monitor program running: its lines, its complaints, and when it has begun to listen.
import { spawn } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { toolEnvironment } from './run-tool.ts';

export type MonitorCall = {
  readonly program: string;
  readonly args: readonly string[];
  readonly onLine: (line: string) => void;
  /** The monitor may have missed events: it complained, or it ended and listens again. */
  readonly onGap: (why: string) => void;
  readonly signal: AbortSignal;
};

/** iproute2 says this of a namespace id whose namespace has gone; nothing was missed. */
const HARMLESS = /Peer netns reference is invalid/;
const RESTART_MS = 200;
const LISTEN_DEADLINE_MS = 5_000;

/** Starts a monitor and resolves when it listens. It is started again whenever it ends, until the signal. */
export async function runMonitor(call: MonitorCall): Promise<void> {
  if (call.signal.aborted) return;
  // Killed with us, whatever kills us: nobody else would end it.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', call.program, ...call.args], { stdio: ['ignore', 'pipe', 'pipe'], env: toolEnvironment() });
  const stop = (): void => void child.kill('SIGKILL');
  call.signal.addEventListener('abort', stop, { once: true });
  createInterface({ input: child.stdout }).on('line', call.onLine);
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line.trim() !== '' && !HARMLESS.test(line)) call.onGap(`${call.program} monitor: ${line.trim()}`);
  });
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  void ended.then(async () => {
    call.signal.removeEventListener('abort', stop);
    if (call.signal.aborted) return;
    await delay(RESTART_MS);
    await runMonitor(call);
    if (!call.signal.aborted) call.onGap(`${call.program} monitor ended and was started again`);
  });
  if (child.pid !== undefined) await listening(child.pid, ended);
}

/** Waits until one of the process's netlink sockets is a member of a group; the program itself says nothing. */
async function listening(pid: number, ended: Promise<void>): Promise<void> {
  const giveUpAt = Date.now() + LISTEN_DEADLINE_MS;
  let gone = false;
  void ended.then(() => {
    gone = true;
  });
  while (!gone && Date.now() < giveUpAt) {
    if (await hasNetlinkGroup(pid)) return;
    await delay(2);
  }
}

async function hasNetlinkGroup(pid: number): Promise<boolean> {
  try {
    const fds = await readdir(`/proc/${pid}/fd`);
    const targets = await Promise.all(fds.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
    const inodes = new Set(targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []));
    const table = await readFile(`/proc/${pid}/net/netlink`, 'utf8');
    return table.split('\n').some((row) => {
      const columns = row.trim().split(/\s+/);
      return inodes.has(columns[9] ?? '') && columns[3] !== '00000000';
    });
  } catch {
    return false;
  }
}
