// Finds a NATS server program that is new enough to keep what it acknowledged.
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import { isAtLeast, MINIMUM_SERVER_VERSION } from '../nats/connect.ts';
import { ControllerError } from './controller-error.ts';

export type NatsServerProgram = { readonly file: string; readonly version: string };

type SearchEnv = { readonly LABWRIGHT_NATS_SERVER?: string | undefined; readonly PATH?: string | undefined };

const SET_UP_PATH = '/usr/local/lib/labwright/bin/nats-server';

/** The program to run: LABWRIGHT_NATS_SERVER, else the one set-up brought, else the first new enough on PATH.
 *  @throws {ControllerError} `nats-server-missing`, `nats-server-too-old` (not retryable). */
export const findNatsServer = async (env: SearchEnv): Promise<NatsServerProgram> => {
  const found: NatsServerProgram[] = [];
  for (const file of candidates(env)) {
    const version = await readNatsServerVersion(file);
    if (version === undefined) continue;
    if (isAtLeast(version, MINIMUM_SERVER_VERSION)) return { file, version };
    found.push({ file, version });
  }
  const remedy = 'Run labwright-setup as root (in a clone: setup/setup.sh), which brings a current one, or set LABWRIGHT_NATS_SERVER to its path.';
  const old = found[0];
  if (old === undefined) {
    throw new ControllerError('nats-server-missing', `No nats-server program was found (looked at ${candidates(env).join(', ')}). ${remedy}`);
  }
  throw new ControllerError(
    'nats-server-too-old',
    `${old.file} is version ${old.version}; ${MINIMUM_SERVER_VERSION} or newer is needed, for older ones lose acknowledged data at power loss. ${remedy}`,
    { details: old },
  );
};

/** Version of a nats-server program; undefined when it cannot be run. */
export const readNatsServerVersion = async (file: string): Promise<string | undefined> => {
  const there = await access(file, constants.X_OK).then(() => true, () => false);
  if (!there) return undefined;
  const result = await execa(file, ['--version'], { reject: false, timeout: 5_000, stdin: 'ignore' });
  return /v(\d+\.\d+\.\d+\S*)/.exec(result.stdout)?.[1];
};

const candidates = (env: SearchEnv): string[] => {
  if (env.LABWRIGHT_NATS_SERVER) return [env.LABWRIGHT_NATS_SERVER];
  const onPath = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...new Set([SET_UP_PATH, ...onPath.map((folder) => join(folder, 'nats-server'))])];
};
