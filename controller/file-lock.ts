// Exclusive locks that the kernel drops when their holder dies; a child can be given one to hold for its life.
import { spawn } from 'node:child_process';
import { open, readdir, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { ControllerError } from './controller-error.ts';

/** A lock that this process holds. `fd` may be handed to one child, which then holds it too. */
export type FileLock = {
  readonly path: string;
  readonly fd: number;
  readonly close: () => Promise<void>;
};

/** Takes the lock, or answers undefined when another process holds it. Makes the file, mode 0600.
 *  flock(2) belongs to the open file description, so the small `flock` program locks ours and may then go.
 *  @throws {ControllerError} `lock-tool-missing` (not retryable). */
export const tryLock = async (path: string): Promise<FileLock | undefined> => {
  const file = await open(path, 'a+', 0o600);
  const got = await lockDescription(file).catch(async (error: unknown) => {
    await file.close();
    throw error;
  });
  if (got) return { path, fd: file.fd, close: () => file.close() };
  await file.close();
  return undefined;
};

/** Pids of all processes that have this lock file open, found by its inode; one that holds the lock is among them. */
export const findLockHolders = async (path: string): Promise<number[]> => {
  const wanted = await stat(path).catch(() => undefined);
  if (wanted === undefined) return [];
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const holders: number[] = [];
  for (const pid of pids) {
    if (pid !== process.pid && (await hasOpen(pid, wanted))) holders.push(pid);
  }
  return holders.toSorted((a, b) => a - b);
};

const lockDescription = async (file: FileHandle): Promise<boolean> => {
  // Not execa: it hands no descriptor that is open already to a child.
  const child = spawn('flock', ['-x', '-n', '3'], { stdio: ['ignore', 'ignore', 'pipe', file.fd] });
  const said: Buffer[] = [];
  child.stderr?.on('data', (chunk: Buffer) => said.push(chunk));
  const code = await new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (exit, signal) => resolve(exit ?? signal ?? 'no exit code'));
  });
  const stderr = Buffer.concat(said).toString('utf8').trim();
  if (code === 0) return true;
  if (code === 1 && stderr === '') return false;
  throw new ControllerError(
    'lock-tool-missing',
    `flock on a lock file failed with ${code}: ${stderr}. Install util-linux, which brings the program flock.`,
  );
};

const hasOpen = async (pid: number, wanted: { readonly dev: number; readonly ino: number }): Promise<boolean> => {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const found = await stat(`${folder}/${name}`).catch(() => undefined);
    if (found !== undefined && found.ino === wanted.ino && found.dev === wanted.dev) return true;
  }
  return false;
};
