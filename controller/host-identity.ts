// Who this host is: made once, kept on its disk, the same after every restart.
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ControllerError } from './controller-error.ts';
import type { StateDir } from './state-dir.ts';
import { writeAtomically } from './write-atomically.ts';

export type HostIdentity = {
  readonly hostId: string;
  /** /etc/machine-id where the identity was made: a disk that was copied to another machine shows by it. */
  readonly machineId?: string;
};

export type Machine = {
  readonly hostname: string;
  /** Undefined where the machine has none. */
  readonly machineId: string | undefined;
};

/** The identity in this state directory, made at the first call. The caller holds the parent's lock.
 *  @throws {ControllerError} `bad-state-file`: a damaged identity is never replaced, for placements hang on it;
 *  `copied-identity`: it was made on another machine (neither is retryable). */
export const ensureHostIdentity = async (dir: StateDir, machine: Machine): Promise<HostIdentity> =>
  await claimHostIdentity(dir, machine, newHostId(machine.hostname));

/** A name that no other host has. */
export const newHostId = (hostname: string): string => nameHost(hostname, randomBytes(3).toString('hex'));

/** As above; made with this name at the first call. An identity that is there keeps its own. */
export const claimHostIdentity = async (dir: StateDir, machine: Machine, hostId: string): Promise<HostIdentity> => {
  const { machineId } = machine;
  const there = await readHostIdentity(dir);
  if (there !== undefined) return refuseCopy(there, machineId, dir.hostIdentity);
  const identity: HostIdentity = { hostId, ...(machineId === undefined ? {} : { machineId }) };
  await writeAtomically(dir.hostIdentity, `${JSON.stringify(identity, undefined, 2)}\n`, 0o600);
  return identity;
};

/** The identity as it was made; undefined where there is none. @throws {ControllerError} `bad-state-file`. */
export const readHostIdentity = async (dir: StateDir): Promise<HostIdentity | undefined> => {
  const text = await readFile(dir.hostIdentity, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return text === undefined ? undefined : parseHostIdentity(text, dir.hostIdentity);
};

const refuseCopy = (identity: HostIdentity, machineId: string | undefined, path: string): HostIdentity => {
  if (identity.machineId === undefined || machineId === undefined || identity.machineId === machineId) return identity;
  throw new ControllerError(
    'copied-identity',
    `${path} (host ${identity.hostId}) was made on the machine with id ${identity.machineId}; this one is ${machineId}. Two hosts must not share one identity. ` +
      'If this disk is a copy, remove that file and the directory credentials beside it: this becomes a new host. If it is the same machine, installed anew, write the new id into the file.',
    { details: { path, made: identity.machineId, here: machineId } },
  );
};

/** The identity in this text. @throws {ControllerError} `bad-state-file`. */
export const parseHostIdentity = (text: string, path: string): HostIdentity => {
  const value = parseJson(text);
  if (typeof value === 'object' && value !== null && 'hostId' in value && typeof value.hostId === 'string' && value.hostId !== '') {
    const machineId = 'machineId' in value && typeof value.machineId === 'string' ? value.machineId : undefined;
    return { hostId: value.hostId, ...(machineId === undefined ? {} : { machineId }) };
  }
  throw new ControllerError(
    'bad-state-file',
    `${path} holds no host identity. Restore it from a backup (or remove it if this host is to be a new one: its labs are then orphans).`,
    { details: { path } },
  );
};

/** Host name turned into an id: only what a NATS subject token and a file name take, and a suffix that no other host has. */
export const nameHost = (hostname: string, suffix: string): string => {
  const short = hostname.split('.')[0] ?? '';
  const plain = short.toLowerCase().replaceAll(/[^a-z0-9-]+/g, '-').replaceAll(/^-+|-+$/g, '').slice(0, 40);
  return `${plain === '' ? 'host' : plain}-${suffix}`;
};

/** Id of this machine's installation; undefined where there is none. Source: machine-id(5). */
export const readMachineId = async (): Promise<string | undefined> => {
  const text = await readFile('/etc/machine-id', 'utf8').catch(() => '');
  return text.trim() === '' ? undefined : text.trim();
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
