// Named moments at which a test can have this process killed, as a power cut would do it.

let seen = new Map<string, number>();

/** Kills the own process when the environment's LABWRIGHT_CRASH_AT names this moment (`name` or `name:3` for its third time). */
export function crashPoint(name: string): void {
  const wanted = process.env['LABWRIGHT_CRASH_AT'];
  if (!wanted) return;
  const [at, nth = '1'] = wanted.split(':');
  if (at !== name) return;
  const count = (seen.get(name) ?? 0) + 1;
  seen = new Map(seen).set(name, count);
  if (count === Number(nth)) process.kill(process.pid, 'SIGKILL');
}
