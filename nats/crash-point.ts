// Named moments at which a test may have a process killed without warning, as a power cut would; nothing in ordinary life.
import { openSync } from 'node:fs';

type Step = { readonly point: string; readonly nth: number };
/** Steps that are reached one after another; the last one kills. */
type Moment = { readonly steps: readonly Step[]; passed: number; count: number };

let moments: readonly Moment[] | undefined;

/**
 * Kills the own process with SIGKILL when `LABWRIGHT_CRASH_AT` names this moment: `NAME`; `NAME:3` for the third time it is reached;
 * `NAME:3@PHASE:2` for the third time after PHASE was reached the second time; several are separated by commas. With
 * `LABWRIGHT_CRASH_MARK`, a path, each happens once over all lives of the process, and leaves the file PATH.0, PATH.1 and so on.
 */
export function crashPoint(name: string): void {
  moments ??= readMoments(process.env['LABWRIGHT_CRASH_AT'] ?? '');
  for (const [index, moment] of moments.entries()) {
    if (isReached(moment, name) && isFirst(process.env['LABWRIGHT_CRASH_MARK'], index)) process.kill(process.pid, 'SIGKILL');
  }
}

function readMoments(text: string): Moment[] {
  return text.split(',').filter(Boolean).map((moment) => ({
    steps: moment.split('@').toReversed().map((step) => {
      const [point = '', nth = '1'] = step.split(':');
      return { point, nth: Number(nth) };
    }),
    passed: 0,
    count: 0,
  }));
}

function isReached(moment: Moment, name: string): boolean {
  const step = moment.steps[moment.passed];
  if (step?.point !== name) return false;
  moment.count += 1;
  if (moment.count < step.nth) return false;
  moment.passed += 1;
  moment.count = 0;
  return moment.passed === moment.steps.length;
}

function isFirst(mark: string | undefined, index: number): boolean {
  if (mark === undefined) return true;
  try {
    openSync(`${mark}.${index}`, 'wx');
    return true;
  } catch {
    return false;
  }
}
