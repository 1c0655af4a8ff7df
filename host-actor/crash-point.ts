// Named moments at which a test may have this process killed without warning; in ordinary life they do nothing.

const seen = new Map<string, number>();

/** Every moment of the host-actor that a test can name. */
export const CRASH_POINTS = [
  'after-accept-before-ack',
  'after-ack-before-execute',
  'after-create-before-start',
  'after-start-before-answer',
  'after-wire-before-answer',
  'after-remove-before-answer',
  'between-exec-commands',
  'before-report-write',
  'before-report-publish',
  'after-report-before-mark',
] as const;
export type CrashPoint = (typeof CRASH_POINTS)[number];

/**
 * Kills the own process with SIGKILL when `LABWRIGHT_CRASH_AT` names this moment: `NAME`, or `NAME:3` for the third time
 * that it is reached. Several names are separated by commas.
 */
export function crashPoint(name: CrashPoint): void {
  const wanted = process.env['LABWRIGHT_CRASH_AT'];
  if (wanted === undefined || wanted === '') return;
  const count = (seen.get(name) ?? 0) + 1;
  seen.set(name, count);
  const hit = wanted.split(',').some((entry) => {
    const [point, nth] = entry.split(':');
    return point === name && count === Number(nth ?? '1');
  });
  if (hit) process.kill(process.pid, 'SIGKILL');
}
