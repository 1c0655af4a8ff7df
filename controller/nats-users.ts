// Users of the embedded NATS server that runs: one is let in or shut out without disturbing the others.
import { readFile, rm } from 'node:fs/promises';
import { newUserSeed, userKeyOf } from '../nats/nkey.ts';
import type { Role } from '../nats/roles.ts';
import { addPublicKey, credentialsPath, publicKeyPath, writeServerConfig } from '../nats/server-users.ts';
import { ControllerError } from './controller-error.ts';
import type { Endpoint } from './endpoint.ts';
import { addressOfUrl, readListen } from './listen.ts';
import { isAlive } from './process-identity.ts';
import { readProcessRecord } from './process-record.ts';
import { processRecordPath } from './state-dir.ts';
import type { StateDir } from './state-dir.ts';

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

/** Makes a secret for a user and lets it in; only its public half stays here. A key that it had before is void from then on.
 *  @throws {ControllerError} `own-host`, `nats-not-running` (retryable). */
export const letIn = async (dir: StateDir, endpoint: Endpoint, role: Role): Promise<string> => {
  if (isOwn(endpoint, role)) throw new ControllerError('own-host', `${endpoint.hostId} is the host of this controller itself: it has joined already`);
  const seed = newUserSeed();
  const publicKey = userKeyOf(seed)?.publicKey ?? '';
  await rm(credentialsPath(dir.credentialsDir, role), { force: true });
  await addPublicKey(dir.credentialsDir, role, publicKey);
  await reloadNats(dir, endpoint);
  return seed;
};

/** Shuts a user out; its connections end. False when it had no credentials here. @throws {ControllerError} `nats-not-running` (retryable). */
export const shutOut = async (dir: StateDir, endpoint: Endpoint, role: Role): Promise<boolean> => {
  if (isOwn(endpoint, role) || !(await hasKey(dir, role))) return false;
  await rm(publicKeyPath(dir.credentialsDir, role), { force: true });
  await rm(credentialsPath(dir.credentialsDir, role), { force: true });
  await reloadNats(dir, endpoint);
  return true;
};

/** Whether a user may log in already. */
export const hasKey = async (dir: StateDir, role: Role): Promise<boolean> => {
  const paths = [publicKeyPath(dir.credentialsDir, role), credentialsPath(dir.credentialsDir, role)];
  return (await Promise.all(paths.map(async (path) => await readFile(path).then(() => true, () => false)))).includes(true);
};

const isOwn = (endpoint: Endpoint, role: Role): boolean => role.role === 'host' && role.hostId === endpoint.hostId;

const reloadNats = async (dir: StateDir, endpoint: Endpoint): Promise<void> => {
  const at = addressOfUrl(endpoint.url);
  const identity = (await readProcessRecord(processRecordPath(dir, 'nats-server')))?.identity;
  if (at === undefined || identity === undefined || !isAlive(identity)) {
    throw new ControllerError('nats-not-running', 'The NATS server of this controller does not run: start it with `labwright up`, then ask again.', { retryable: true });
  }
  const listen = await readListen(dir);
  await writeNatsConfig(dir, { hostId: endpoint.hostId, address: listen?.address ?? at.address, port: at.port, serverPid: identity.pid });
};
