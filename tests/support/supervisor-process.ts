// The supervisor as a process of its own, as the controller starts it: killed and started again by tests.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { TestNats } from './nats-server.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'supervisor', 'main.ts');

export type SupervisorProcess = {
  readonly child: ChildProcess;
  /** The name it bears among supervisors; empty until it serves. */
  id(): string;
  /** All it printed so far. */
  output(): string;
  /** Resolves with the signal or code it ended by. */
  readonly ended: Promise<string | number>;
  kill(signal?: NodeJS.Signals): Promise<void>;
  pause(): void;
  resume(): void;
};

/** Starts one; `crashAt` names the moment at which it kills itself (see crash-point.ts). */
export async function startSupervisorProcess(nats: TestNats, options: { crashAt?: string; leaseSeconds?: number; env?: Record<string, string> } = {}): Promise<SupervisorProcess> {
  // It ends with the test, also when that is killed.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', process.execPath, MAIN], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env, LABWRIGHT_NATS_URL: nats.url, LABWRIGHT_NATS_CREDS: await nats.credentials({ role: 'supervisor' }),
      ...options.env,
      ...(options.leaseSeconds === undefined ? {} : { LABWRIGHT_LEASE_SECONDS: String(options.leaseSeconds) }),
      ...(options.crashAt === undefined ? {} : { LABWRIGHT_CRASH_AT: options.crashAt }),
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(child, 'exit').then(([code, signal]: (string | number | null)[]) => signal ?? code ?? 'unknown');
  return {
    child, ended, output: () => output,
    id: () => /"supervisor":"([^"]+)","msg":"supervisor serves"/.exec(output)?.[1] ?? '',
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    async kill(signal = 'SIGKILL') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await ended;
    },
  };
}
