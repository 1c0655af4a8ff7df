// Where this installation's NATS answers and where its credentials lie; written by the parent, read by every command.
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { credentialsName } from '../nats/roles.ts';
import type { Role } from '../nats/roles.ts';
import { ControllerError } from './controller-error.ts';
import type { StateDir } from './state-dir.ts';
import { writeAtomically } from './write-atomically.ts';

export type Endpoint = {
  /** `host`: this machine is a host of a controller elsewhere; no labs are kept here. */
  readonly kind: 'embedded' | 'external' | 'host';
  readonly url: string;
  /** A folder with one file per role, or one file for all roles. */
  readonly credentials: string;
  readonly hostId: string;
};

export type ExternalNatsEnv = {
  readonly LABWRIGHT_NATS_URL?: string | undefined;
  readonly LABWRIGHT_NATS_CREDS?: string | undefined;
};

export type ExternalNats = { readonly url: string; readonly credentials: string };

/** The external NATS that the environment names; undefined = use the embedded one.
 *  @throws {ControllerError} `external-nats-incomplete`, `empty-secret` (not retryable). */
export const readExternalNats = async (env: ExternalNatsEnv): Promise<ExternalNats | undefined> => {
  const { LABWRIGHT_NATS_URL: url, LABWRIGHT_NATS_CREDS: credentials } = env;
  if (!url && !credentials) return undefined;
  if (!url || !credentials) {
    throw new ControllerError(
      'external-nats-incomplete',
      `An external NATS needs both LABWRIGHT_NATS_URL and LABWRIGHT_NATS_CREDS; ${url ? 'LABWRIGHT_NATS_CREDS' : 'LABWRIGHT_NATS_URL'} is not set.`,
    );
  }
  if (/\/\/[^/]*@/.test(url)) {
    throw new ControllerError('external-nats-incomplete', 'LABWRIGHT_NATS_URL holds credentials, which every user of this machine could see; put them into a file and name it in LABWRIGHT_NATS_CREDS.');
  }
  await refuseEmpty(credentials);
  return { url, credentials };
};

/** Writes the endpoint for all commands and processes. */
export const writeEndpoint = async (dir: StateDir, endpoint: Endpoint): Promise<void> =>
  writeAtomically(dir.endpoint, `${JSON.stringify(endpoint, undefined, 2)}\n`, 0o600);

/** The endpoint as it was last written; undefined before the first start. @throws {ControllerError} `bad-state-file`. */
export const readEndpoint = async (dir: StateDir): Promise<Endpoint | undefined> => {
  const text = await readFile(dir.endpoint, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new ControllerError('bad-state-file', `${dir.endpoint} cannot be read: ${error.message}. Run as the user who ran \`labwright up\`.`, { cause: error });
  });
  if (text === undefined) return undefined;
  const endpoint = parseEndpoint(text);
  if (endpoint === undefined) {
    throw new ControllerError('bad-state-file', `${dir.endpoint} is damaged. Run \`labwright down\`, remove it, then \`labwright up\`, which writes it anew.`);
  }
  return endpoint;
};

/** The endpoint of the controller that labs are kept by from here. @param hints - what to do where no controller has run, and where this machine is a host of one elsewhere
 *  @throws {ControllerError} `nats-not-running` (retryable), `is-host`, and those of `readExternalNats` and `readEndpoint`. */
export const controllerEndpoint = async ({ dir, env }: { readonly dir: StateDir; readonly env: ExternalNatsEnv }, hints: { readonly start: string; readonly elsewhere: string }): Promise<Endpoint> => {
  const external = await readExternalNats(env);
  const endpoint = external === undefined ? await readEndpoint(dir) : ({ kind: 'external', ...external, hostId: '' } as const);
  if (endpoint === undefined) throw new ControllerError('nats-not-running', `No controller has run here yet (state directory ${dir.home}): ${hints.start}.`, { retryable: true });
  if (endpoint.kind === 'host') throw new ControllerError('is-host', `This machine is host ${endpoint.hostId} of the controller at ${endpoint.url}: ${hints.elsewhere}.`);
  return endpoint;
};

/** Path of the credentials file of a role at this endpoint. */
export const findCredentials = async (endpoint: Pick<Endpoint, 'credentials'>, role: Role): Promise<string> => {
  const found = await stat(endpoint.credentials).catch(() => undefined);
  if (found === undefined || found.isFile()) return endpoint.credentials;
  for (const extension of ['nk', 'creds', 'json']) {
    const path = join(endpoint.credentials, `${credentialsName(role)}.${extension}`);
    if ((await stat(path).catch(() => undefined)) !== undefined) return path;
  }
  return join(endpoint.credentials, `${credentialsName(role)}.nk`);
};

const refuseEmpty = async (path: string): Promise<void> => {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new ControllerError('external-nats-incomplete', `LABWRIGHT_NATS_CREDS names ${path}, which cannot be read: ${error.message}.`, { cause: error });
  });
  if (found.isFile() && (await readFile(path, 'utf8')).trim() === '') {
    throw new ControllerError('empty-secret', `Credentials file ${path} is empty. Nothing starts without credentials: an empty secret would mean no authentication.`);
  }
};

const parseEndpoint = (text: string): Endpoint | undefined => {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const { kind, url, credentials, hostId }: Partial<Record<keyof Endpoint, unknown>> = value;
    if (kind !== 'embedded' && kind !== 'external' && kind !== 'host') return undefined;
    if (typeof url !== 'string' || typeof credentials !== 'string' || typeof hostId !== 'string') return undefined;
    return { kind, url, credentials, hostId };
  } catch {
    return undefined;
  }
};
