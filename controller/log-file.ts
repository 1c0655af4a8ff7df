// Log files of the controller's processes: opened for appending, bounded in size, last lines readable.
import { copyFile, open, stat, truncate } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

const TAIL_BYTES = 16 * 1024;

/** Opens a log file for appending, mode 0600; the writer's position is always the end, so it may be cut while open. */
export const openLog = async (path: string): Promise<FileHandle> => open(path, 'a', 0o600);

/** Size of a log file in bytes; 0 when there is none. */
export const readLogSize = async (path: string): Promise<number> => (await stat(path).catch(() => ({ size: 0 }))).size;

/** Moves the text of a log above `maxBytes` to `<path>.1` and empties it; its writer goes on. At most twice maxBytes lie on disk. */
export const boundLog = async (path: string, maxBytes: number): Promise<boolean> => {
  if ((await readLogSize(path)) <= maxBytes) return false;
  await copyFile(path, `${path}.1`);
  await truncate(path, 0);
  return true;
};

/** The last lines a process wrote, oldest first; `fromByte` hides what an earlier life of it wrote. */
export const readLastLines = async (path: string, fromByte: number, count: number): Promise<string[]> => {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return [];
  try {
    const { size } = await file.stat();
    // Smaller than at the start: it was cut meanwhile, so all that is there is younger.
    const start = Math.max(fromByte > size ? 0 : fromByte, size - TAIL_BYTES);
    const buffer = Buffer.alloc(size - start);
    await file.read(buffer, 0, buffer.length, start);
    const lines = buffer.toString('utf8').split('\n').filter((line) => line.trim() !== '');
    return lines.slice(-count);
  } finally {
    await file.close();
  }
};
