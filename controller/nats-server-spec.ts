// The embedded NATS server as a process to keep: on loopback or where a person wants it, users by role, a store that loses nothing acknowledged.
import { HostId } from '../machines/vocabulary/ids.ts';
import type { Role } from '../nats/roles.ts';
import { ensureCredentials } from '../nats/server-users.ts';
import { readEndpoint, writeEndpoint } from './endpoint.ts';
import { findNatsServer } from './find-nats-server.ts';
import { addressOfUrl, isWildcard, LOOPBACK, readListen, urlOf } from './listen.ts';
import { choosePort, untilNatsServes } from './nats-port.ts';
import { writeNatsConfig } from './nats-users.ts';
import { processSpec } from './process-spec.ts';
import type { ProcessSpec } from './process-spec.ts';
import type { StateDir } from './state-dir.ts';

export const NATS_SERVER = 'nats-server';

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
      const at = endpoint === undefined ? undefined : addressOfUrl(endpoint.url);
      if (at !== undefined) await untilNatsServes(at, signal);
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
  const [before, listen] = [await readEndpoint(dir), await readListen(dir)];
  const address = listen?.address ?? LOOPBACK;
  const port = await choosePort(listen?.port, before?.kind === 'embedded' ? addressOfUrl(before.url)?.port : undefined, address);
  await writeNatsConfig(dir, { hostId, address, port });
  const url = urlOf(isWildcard(address) ? LOOPBACK : address, port);
  await writeEndpoint(dir, { kind: 'embedded', url, credentials: dir.credentialsDir, hostId });
  if (before !== undefined && before.url !== url) onMoved();
};
