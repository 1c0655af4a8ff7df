// Users of the embedded NATS server that runs: a host is let in or shut out without disturbing the others.
import { readFile, rm } from 'node:fs/promises';
import type { HostId } from '../machines/vocabulary/ids.ts';
import { newUserSeed, userKeyOf } from '../nats/nkey.ts';
import { credentialsName } from '../nats/roles.ts';
import { addHostKey, credentialsPath, writeServerConfig } from '../nats/server-users.ts';
import { ControllerError } from './controller-error.ts';
import type { Endpoint } from './endpoint.ts';
import { addressOfUrl, readListen } from './listen.ts';
import { isAlive } from './process-identity.ts';
import { readProcessRecord } from './process-record.ts';
import { processRecordPath } from './state-dir.ts';
import type { StateDir } from './state-dir.ts';
import { join } from 'node:path';

/** What the embedded server does with acknowledged entries; shown by status. */
export const SYNC_INTERVAL = 'always';

/** Writes the server's configuration with all users that there are, and has a running server read it. */
export const writeNatsConfig = async (dir: StateDir, at: { hostId: string; address: string; port: number; serverPid?: number }): Promise<void> => {
  const { hostId, address, port, serverPid } = at;
  await writeServerConfig({
    path: dir.natsConfig,
    credentialsFolder: dir.credentialsDir,
    settings: { serverName: `labwright-${hostId}`, host: address, port, storeDir: dir.natsStore, syncInterval: SYNC_INTERVAL },
    ...(serverPid === undefined ? {} : { serverPid }),
  });
};

/** Path of the public key of a host whose secret lies elsewhere. */
export const hostKeyPath = (dir: StateDir, hostId: HostId): string => join(dir.credentialsDir, `${credentialsName({ role: 'host', hostId })}.pub`);

/** Makes a secret for a host and lets it in; only its public half stays here. A key that it had before is void from then on.
 *  @throws {ControllerError} `own-host`, `nats-not-running` (retryable). */
export const letHostIn = async (dir: StateDir, endpoint: Endpoint, hostId: HostId): Promise<string> => {
  if (hostId === endpoint.hostId) throw new ControllerError('own-host', `${hostId} is the host of this controller itself: it has joined already`);
  const seed = newUserSeed();
  const publicKey = userKeyOf(seed)?.publicKey ?? '';
  await rm(credentialsPath(dir.credentialsDir, { role: 'host', hostId }), { force: true });
  await addHostKey(dir.credentialsDir, hostId, publicKey);
  await reloadNats(dir, endpoint);
  return seed;
};

/** Shuts a host out; its connection ends. False when it had no credentials here. */
export const shutHostOut = async (dir: StateDir, endpoint: Endpoint, hostId: HostId): Promise<boolean> => {
  if (hostId === endpoint.hostId || !(await hasKey(dir, hostId))) return false;
  await rm(hostKeyPath(dir, hostId), { force: true });
  await rm(credentialsPath(dir.credentialsDir, { role: 'host', hostId }), { force: true });
  await reloadNats(dir, endpoint);
  return true;
};

/** Whether a host may log in already. */
export const hasKey = async (dir: StateDir, hostId: HostId): Promise<boolean> => {
  const paths = [hostKeyPath(dir, hostId), credentialsPath(dir.credentialsDir, { role: 'host', hostId })];
  return (await Promise.all(paths.map(async (path) => await readFile(path).then(() => true, () => false)))).includes(true);
};

const reloadNats = async (dir: StateDir, endpoint: Endpoint): Promise<void> => {
  const at = addressOfUrl(endpoint.url);
  const identity = (await readProcessRecord(processRecordPath(dir, 'nats-server')))?.identity;
  if (at === undefined || identity === undefined || !isAlive(identity)) {
    throw new ControllerError('nats-not-running', 'The NATS server of this controller does not run: start it with `labwright up`, then ask again.', { retryable: true });
  }
  const listen = await readListen(dir);
  await writeNatsConfig(dir, { hostId: endpoint.hostId, address: listen?.address ?? at.address, port: at.port, serverPid: identity.pid });
};
