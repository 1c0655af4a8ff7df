// Invites a host: makes its secret, lets it into NATS, and puts together all that it needs to join.
import { readFile } from 'node:fs/promises';
import { HOST_PROTOCOL } from '../machines/vocabulary/host-protocol.ts';
import { HostId } from '../machines/vocabulary/ids.ts';
import { parseCredentials } from '../nats/credentials.ts';
import { ControllerError } from './controller-error.ts';
import { controllerEndpoint, readEndpoint, readExternalNats } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import type { HostBundle } from './host-bundle.ts';
import { newHostId } from './host-identity.ts';
import { addressOfUrl, isLoopbackAddress, reachableUrl, readListen } from './listen.ts';
import { hasKey, letIn, shutOut } from './nats-users.ts';
import { readVersion } from './read-version.ts';
import type { StateDir } from './state-dir.ts';

export type InviteOptions = {
  readonly dir: StateDir;
  readonly env: NodeJS.ProcessEnv;
  /** Made from `hostname` when absent. */
  readonly hostId?: string;
  readonly hostname?: string;
  /** By which the host reaches NATS, where that is another way than the controller's own. */
  readonly url?: string;
  /** File with the host's credentials: needed with an external NATS, whose users are made by whoever runs it. */
  readonly credentialsFile?: string;
  /** `replace`: void the secret that the host has. */
  readonly existing: 'refuse' | 'replace';
};

/** @throws {ControllerError} `is-host`, `not-listening`, `name-in-use`, `own-host`, `external-nats-incomplete`, `nats-not-running`. */
export const inviteHost = async (options: InviteOptions): Promise<HostBundle> => {
  const { dir } = options;
  const endpoint = await endpointForHosts(options);
  const hostId = HostId.parse(options.hostId ?? newHostId(options.hostname ?? 'host'));
  const url = await urlForHosts(endpoint, options);
  const about = { v: 1 as const, hostId, url, protocol: HOST_PROTOCOL, version: await readVersion() };
  if (endpoint.kind === 'external') return { ...about, credentials: await givenCredentials(options.credentialsFile) };
  if (options.existing === 'refuse' && (await hasKey(dir, { role: 'host', hostId }))) {
    throw new ControllerError('name-in-use', `Host ${hostId} was invited before. A new invitation voids the old one, and shuts out whoever uses it: add --replace if that is what you want.`);
  }
  return { ...about, credentials: await letIn(dir, endpoint, { role: 'host', hostId }) };
};

/** Where hosts would find NATS; asked before anything is done for a host. @throws as `inviteHost`. */
export const findUrlForHosts = async (options: Pick<InviteOptions, 'dir' | 'env' | 'url'>): Promise<string> => await urlForHosts(await endpointForHosts(options), options);

const endpointForHosts = async (options: Pick<InviteOptions, 'dir' | 'env'>): Promise<Endpoint> =>
  await controllerEndpoint(options, { start: 'start one with `labwright up --listen ADDRESS`', elsewhere: 'invite hosts there' });

const urlForHosts = async (endpoint: Endpoint, { dir, url }: Pick<InviteOptions, 'dir' | 'url'>): Promise<string> => {
  const found = await reachableUrl(endpoint.url, await readListen(dir));
  if (found === undefined && endpoint.kind === 'embedded') {
    throw new ControllerError('not-listening', `The NATS server of this controller listens on loopback only (${endpoint.url}): hosts cannot reach it. Name an address of this machine by which they can: labwright up --listen ADDRESS[:PORT]`);
  }
  if (url === undefined) return found ?? endpoint.url;
  const at = addressOfUrl(url);
  if (at !== undefined && !isLoopbackAddress(at.address) && !/\/\/[^/]*@/.test(url)) return url;
  throw new ControllerError('not-listening', `${JSON.stringify(url)} is no URL by which other machines reach NATS: write e.g. nats://controller.example:4222, without credentials in it`);
};

const givenCredentials = async (path: string | undefined): Promise<string> => {
  if (path === undefined) {
    throw new ControllerError('external-nats-incomplete', 'This controller uses an external NATS server, whose users are made by whoever runs it. Have one made with the rights of a host (nats/README.md), and name its credentials file: labwright host token --credentials FILE --host-id NAME');
  }
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new ControllerError('external-nats-incomplete', `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  });
  parseCredentials(text, path);
  return text.trim();
};

/** Voids the secret of a host. `none`: it has none here, or it is the controller's own. */
export const forgetInvitation = async (dir: StateDir, env: NodeJS.ProcessEnv, hostId: HostId): Promise<'removed' | 'none' | 'external'> => {
  const endpoint = (await readExternalNats(env)) === undefined ? await readEndpoint(dir) : undefined;
  if (endpoint?.kind !== 'embedded') return 'external';
  return (await shutOut(dir, endpoint, { role: 'host', hostId })) ? 'removed' : 'none';
};

/** A controller with an embedded NATS server keeps its own host. @throws {ControllerError} `own-host`. */
export const refuseOwnHost = async (dir: StateDir, hostId: HostId): Promise<void> => {
  const endpoint = await readEndpoint(dir);
  if (endpoint?.kind === 'embedded' && endpoint.hostId === hostId) {
    throw new ControllerError('own-host', `${hostId} is the host of this controller itself and cannot be removed. To have no nodes on it: labwright host cordon ${hostId}, or drain.`);
  }
};
