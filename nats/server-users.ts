// Users of an embedded server: one credentials file a role (0600) in one folder, which is the source of the configuration.
import { chmod, mkdir, open, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ConnectError } from './errors.ts';
import { isUserPublicKey, newUserSeed, userKeyOf } from './nkey.ts';
import type { Role } from './roles.ts';
import { credentialsName, roleOfName } from './roles.ts';
import type { ServerSettings, ServerUser } from './server-config.ts';
import { renderServerConfig } from './server-config.ts';

/** Longer than a reload takes (1-70 ms); signals that come closer together are merged into one. */
const RELOAD_MS = 150;

/** Path of a role's credentials file in the folder. */
export function credentialsPath(folder: string, role: Role): string {
  return join(folder, `${credentialsName(role)}.nk`);
}

/**
 * Makes the credentials of a role when there are none, in a file of mode 0600; idempotent.
 * @returns the path, for `readCredentials`
 */
export async function ensureCredentials(folder: string, role: Role): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = credentialsPath(folder, role);
  const present = await readFile(path, 'utf8').catch(() => undefined);
  if (present !== undefined && userKeyOf(present.trim()) !== undefined) {
    await chmod(path, 0o600);
    return path;
  }
  await writeDurably(path, `${newUserSeed()}\n`);
  return path;
}

/** Path of the public key of a user whose secret lies elsewhere. */
export function publicKeyPath(folder: string, role: Role): string {
  return join(folder, `${credentialsName(role)}.pub`);
}

/** Lets a user in whose secret lies elsewhere: only its public key is kept here. @throws {ConnectError} `credentials-invalid`. */
export async function addPublicKey(folder: string, role: Role, publicKey: string): Promise<void> {
  if (!isUserPublicKey(publicKey)) {
    throw new ConnectError('credentials-invalid', { message: `public key of ${credentialsName(role)} is no nkey of a user`, retryable: false });
  }
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeDurably(publicKeyPath(folder, role), `${publicKey}\n`);
}

/** The roles that have credentials in the folder, sorted by file name. */
export async function readRoles(folder: string): Promise<Role[]> {
  return (await readdir(folder)).toSorted().flatMap((file) => roleOfFile(file) ?? []);
}

function roleOfFile(file: string): Role | undefined {
  const name = /^(.+)\.(nk|pub)$/.exec(file)?.[1];
  return name === undefined ? undefined : roleOfName(name);
}

/** All users of the folder, sorted by file name; damaged files are refused, never skipped. @throws {ConnectError} `credentials-invalid`. */
export async function readUsers(folder: string): Promise<readonly ServerUser[]> {
  const users: ServerUser[] = [];
  for (const file of (await readdir(folder)).toSorted()) {
    const role = roleOfFile(file);
    if (role === undefined) continue;
    const text = (await readFile(join(folder, file), 'utf8')).trim();
    const publicKey = file.endsWith('.pub') ? text : userKeyOf(text)?.publicKey;
    if (publicKey === undefined || !isUserPublicKey(publicKey)) {
      throw new ConnectError('credentials-invalid', { message: `${join(folder, file)} is empty or damaged; remove it to have a new one made`, retryable: false });
    }
    users.push({ role, publicKey });
  }
  return users;
}

/**
 * Writes the server's configuration (0600, atomically) with all users of the folder, and tells a running server to read it
 * again; those who are connected are not disturbed. Resolves when a new user is let in.
 * @param at.serverPid - process of the running server; absent when it is not started yet
 */
export async function writeServerConfig(at: { path: string; credentialsFolder: string; settings: Omit<ServerSettings, 'users'>; serverPid?: number }): Promise<void> {
  await writeDurably(at.path, renderServerConfig({ ...at.settings, users: await readUsers(at.credentialsFolder) }));
  if (at.serverPid === undefined) return;
  // Twice: what a new account takes from another works only after one more reload (tried with 2.15.1).
  process.kill(at.serverPid, 'SIGHUP');
  await delay(RELOAD_MS);
  process.kill(at.serverPid, 'SIGHUP');
  await delay(RELOAD_MS);
}

async function writeDurably(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  await writeFile(temporary, text, { mode: 0o600 });
  await chmod(temporary, 0o600);
  const file = await open(temporary, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}
