// One daemon inside a test host: started, killed, paused and resumed by tests.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { eventually } from '../eventually.ts';
import type { HostNamespaces } from './host-namespaces.ts';
import { firstChildOf } from './host-namespaces.ts';

export type HostProcess = {
  readonly name: string;
  /** Process id as the machine counts. @throws Error when it does not run. */
  pid(): number;
  isRunning(): boolean;
  /** Starts it and waits until it serves. */
  start(): Promise<void>;
  /** Resolves when it has ended, also when it was paused; none running is success. */
  kill(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  pause(): void;
  resume(): void;
  /** All that it printed since the host was made. */
  output(): Promise<string>;
};

export type HostProcessSpec = {
  readonly name: string;
  readonly argv: () => readonly string[];
  readonly env?: () => NodeJS.ProcessEnv;
  readonly logFile: string;
  /** The host that it runs on at the moment. @throws Error while the host is down. */
  readonly namespaces: () => HostNamespaces;
  /** Truthy when it serves; a throw counts as not yet. */
  readonly isServing?: () => Promise<unknown>;
};

/** Nothing runs before `start`. */
export function hostProcess(spec: HostProcessSpec): HostProcess {
  let running: { entry: ChildProcess; pid: number } | undefined;
  const isRunning = (): boolean => running !== undefined && isAlive(running.pid);
  const pid = (): number => {
    if (running === undefined || !isRunning()) throw new Error(`${spec.name} does not run`);
    return running.pid;
  };
  const output = async (): Promise<string> => await readFile(spec.logFile, 'utf8').catch(() => '');
  const kill: HostProcess['kill'] = async (signal = 'SIGKILL') => {
    const { entry, pid: target } = running ?? {};
    running = undefined;
    if (entry === undefined || target === undefined) return;
    if (isAlive(target)) process.kill(target, signal);
    if (signal === 'SIGTERM' && isAlive(target)) process.kill(target, 'SIGCONT');
    await eventually(() => !isAlive(target), { timeoutMs: 30_000, what: `${spec.name} to end after ${signal}` });
    // It stops itself when the process that it waits for is paused, and would then never notice the end.
    entry.kill('SIGKILL');
  };
  return {
    name: spec.name, pid, isRunning, output, kill,
    async start() {
      if (isRunning()) throw new Error(`${spec.name} runs already`);
      const log = openSync(spec.logFile, 'a');
      const [program, args] = spec.namespaces().enter(spec.argv());
      const entry = spawn(program, args, { stdio: ['ignore', log, log], env: { ...process.env, ...spec.env?.() }, cwd: '/' });
      closeSync(log);
      running = { entry, pid: await firstChildOf(entry.pid ?? 0) };
      const serves = async (): Promise<unknown> => spec.isServing === undefined || (await spec.isServing());
      await eventually(async () => !isRunning() || (await serves()), { timeoutMs: 30_000, what: `${spec.name} to serve` }).catch(() => undefined);
      if (!isRunning() || !(await serves().catch(() => false))) throw new Error(`${spec.name} does not serve: ${(await output()).slice(-2_000)}`);
    },
    pause: () => void process.kill(pid(), 'SIGSTOP'),
    resume() {
      process.kill(pid(), 'SIGCONT');
      running?.entry.kill('SIGCONT');
    },
  };
}

/** Neither gone nor waiting to be reaped. */
function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}/exe`);
}
