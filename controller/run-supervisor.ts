// One more supervisor beside those that serve already: in the foreground, for a service manager to keep.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { extname, join } from 'node:path';
import { connectNats } from '../nats/connect.ts';
import { readCredentials } from '../nats/credentials.ts';
import { inboxPrefixOf } from '../nats/roles.ts';
import type { Role } from '../nats/roles.ts';
import { controllerEndpoint, findCredentials } from './endpoint.ts';
import type { ExternalNatsEnv } from './endpoint.ts';
import { stateDir } from './state-dir.ts';

export type RunSupervisorOptions = {
  readonly home: string;
  /** Names a NATS server; when it does not, that of this installation is used. */
  readonly env: ExternalNatsEnv;
  readonly leaseSeconds?: number | undefined;
};

const ROLE: Role = { role: 'supervisor' };
/** What the supervisor is told for each signal to us. It knows no hang-up of a terminal. */
const SIGNALS = { SIGTERM: 'SIGTERM', SIGINT: 'SIGINT', SIGHUP: 'SIGTERM' } as const;

/** Runs it until it ends, and returns its exit code; a signal to us is one to it, and a second one ends it at once.
 *  @throws {ControllerError} `nats-not-running`, `is-host`, `external-nats-incomplete`, `empty-secret`. @throws {ConnectError} before anything is started. */
export const runSupervisor = async ({ home, env, leaseSeconds }: RunSupervisorOptions): Promise<number> => {
  const dir = stateDir(home);
  const endpoint = await controllerEndpoint({ dir, env }, {
    start: 'name a NATS server with --nats and --creds, or run `labwright up` first',
    elsewhere: 'its credentials let no supervisor in, so name those of a supervisor with --nats and --creds',
  });
  const credentials = await findCredentials(endpoint, ROLE);
  await (await connectNats({ url: endpoint.url, credentials: await readCredentials(credentials), inboxPrefix: inboxPrefixOf(ROLE), name: 'labwright supervisor' })).close();
  const main = join(import.meta.dirname, '..', 'supervisor', `main${extname(import.meta.filename)}`);
  // Not execa: it lives as long as we do, and its output is ours.
  const child = spawn(process.execPath, [main], {
    stdio: 'inherit',
    // A terminal sends Ctrl-C to all of its group: it would come twice, and the second one cuts the end short.
    detached: true,
    env: {
      ...process.env,
      LABWRIGHT_NATS_URL: endpoint.url,
      LABWRIGHT_NATS_CREDS: credentials,
      ...(endpoint.kind === 'embedded' ? { LABWRIGHT_NATS_CONFIG: dir.natsConfig } : {}),
      ...(leaseSeconds === undefined ? {} : { LABWRIGHT_LEASE_SECONDS: String(leaseSeconds) }),
    },
  });
  for (const [ours, its] of Object.entries(SIGNALS)) process.on(ours, () => child.kill(its));
  const [code]: (number | null)[] = await once(child, 'exit');
  return code ?? 1;
};
