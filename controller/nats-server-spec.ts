// The embedded NATS server as a process to keep: loopback, users by role, a store that loses nothing acknowledged.
import { HostId } from '../machines/vocabulary/ids.ts';
import type { Role } from '../nats/roles.ts';
import { ensureCredentials, writeServerConfig } from '../nats/server-users.ts';
import { readEndpoint, writeEndpoint } from './endpoint.ts';
import { findNatsServer } from './find-nats-server.ts';
import { choosePort, LOOPBACK, untilNatsServes } from './nats-port.ts';
import { processSpec } from './process-spec.ts';
import type { ProcessSpec } from './process-spec.ts';
import type { StateDir } from './state-dir.ts';

export const NATS_SERVER = 'nats-server';

/** What the embedded server does with acknowledged entries. */
const SYNC_INTERVAL = 'always';

export type NatsServerOptions = {
  readonly dir: StateDir;
  readonly hostId: string;
  readonly env: NodeJS.ProcessEnv;
  /** The server had to move to another port: whoever holds the old address must be started anew. */
  readonly onMoved: () => void;
};

/** The spec; its `prepare` makes credentials (once), configuration and endpoint. */
export const natsServerSpec = (options: NatsServerOptions): ProcessSpec => ({
  ...processSpec(options.dir, NATS_SERVER, {
    stopGraceMs: 20_000,
    prepare: async () => {
      const program = await findNatsServer(options.env);
      await ensureAllCredentials(options.dir, options.hostId);
      await settleAddress(options);
      return { file: program.file, args: ['-c', options.dir.natsConfig], env: {}, version: program.version };
    },
    untilServing: async (signal) => {
      const endpoint = await readEndpoint(options.dir);
      if (endpoint !== undefined) await untilNatsServes(portOf(endpoint.url) ?? 0, signal);
    },
  }),
  // Two servers on one store both run and both acknowledge: the lock lies beside the store, not in the run directory.
  lockPath: options.dir.natsStoreLock,
});

const ensureAllCredentials = async (dir: StateDir, hostId: string): Promise<void> => {
  const roles: readonly Role[] = [{ role: 'supervisor' }, { role: 'host', hostId: HostId.parse(hostId) }, { role: 'operator' }, { role: 'viewer' }];
  for (const role of roles) await ensureCredentials(dir.credentialsDir, role);
};

const settleAddress = async ({ dir, hostId, onMoved }: NatsServerOptions): Promise<void> => {
  const before = await readEndpoint(dir);
  const port = await choosePort(before?.kind === 'embedded' ? portOf(before.url) : undefined);
  await writeServerConfig({
    path: dir.natsConfig,
    credentialsFolder: dir.credentialsDir,
    settings: { serverName: `labwright-${hostId}`, host: LOOPBACK, port, storeDir: dir.natsStore, syncInterval: SYNC_INTERVAL },
  });
  const url = `nats://${LOOPBACK}:${port}`;
  await writeEndpoint(dir, { kind: 'embedded', url, credentials: dir.credentialsDir, hostId });
  if (before !== undefined && before.url !== url) onMoved();
};

const portOf = (url: string): number | undefined => {
  const port = Number(/:(\d+)$/.exec(url)?.[1]);
  return Number.isInteger(port) ? port : undefined;
};
