// Named moments at which a test may have a process killed without warning, as a power cut would; nothing in ordinary life.
import { openSync } from 'node:fs';

const seen = new Map<string, number>();

/**
 * Kills the own process with SIGKILL when `LABWRIGHT_CRASH_AT` names this moment: `NAME`, or `NAME:3` for the third time it
 * is reached; several are separated by commas. `LABWRIGHT_CRASH_MARK`, a path, makes it happen once only, over restarts too.
 */
export function crashPoint(name: string): void {
  const wanted = process.env['LABWRIGHT_CRASH_AT'];
  if (!wanted) return;
  const count = (seen.get(name) ?? 0) + 1;
  seen.set(name, count);
  const hit = wanted.split(',').some((entry) => {
    const [point, nth = '1'] = entry.split(':');
    return point === name && count === Number(nth);
  });
  if (hit && isFirst(process.env['LABWRIGHT_CRASH_MARK'])) process.kill(process.pid, 'SIGKILL');
}

function isFirst(mark: string | undefined): boolean {
  if (mark === undefined) return true;
  try {
    openSync(mark, 'wx');
    return true;
  } catch {
    return false;
  }
}
