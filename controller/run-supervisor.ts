// One more supervisor beside those that serve already: in the foreground, for a service manager to keep.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { extname, join } from 'node:path';
import { ControllerError } from './controller-error.ts';
import { findCredentials, readEndpoint, readExternalNats } from './endpoint.ts';
import type { ExternalNatsEnv } from './endpoint.ts';
import { stateDir } from './state-dir.ts';

export type RunSupervisorOptions = {
  readonly home: string;
  /** Names a NATS server; when it does not, that of this installation is used. */
  readonly env: ExternalNatsEnv;
  readonly leaseSeconds?: number | undefined;
};

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** Runs it until it ends, and returns its exit code; a signal to us is one to it. @throws {ControllerError} `not-ready`, `external-nats-incomplete`, `empty-secret`. */
export const runSupervisor = async (options: RunSupervisorOptions): Promise<number> => {
  const endpoint = (await readExternalNats(options.env)) ?? (await readEndpoint(stateDir(options.home)));
  if (endpoint === undefined) throw new ControllerError('not-ready', 'No NATS server is known here: name one with --nats and --creds, or run `labwright up` first.');
  const main = join(import.meta.dirname, '..', 'supervisor', `main${extname(import.meta.filename)}`);
  // Not execa: it lives as long as we do, and its output is ours.
  const child = spawn(process.execPath, [main], {
    stdio: 'inherit',
    env: {
      ...process.env,
      LABWRIGHT_NATS_URL: endpoint.url,
      LABWRIGHT_NATS_CREDS: await findCredentials(endpoint, { role: 'supervisor' }),
      ...(options.leaseSeconds === undefined ? {} : { LABWRIGHT_LEASE_SECONDS: String(options.leaseSeconds) }),
    },
  });
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal));
  const [code]: (number | null)[] = await once(child, 'exit');
  return code ?? 1;
};
