// A life of a lab in which processes of ours kill themselves at moments that the program itself names.
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { eventually } from '../../support/eventually.ts';
import { openTestBed } from '../../support/test-bed.ts';
import type { TestBed } from '../../support/test-bed.ts';
import { liveOneLife } from '../lab-life.ts';
import type { Life, LifeOf } from '../lab-life.ts';

export type NamedLife = Life & { /** Whether every moment came. */ readonly dead: boolean };

/** Lives one life on a bed of its own, which is gone afterwards. `at` = moments as in crash-point.ts; `awaitedWhenIdle`: they come while nothing is to do. */
export async function liveDying(of: LifeOf, at: string, options: { awaitedWhenIdle?: boolean; during?: (bed: TestBed, dead: () => boolean) => Promise<void> } = {}): Promise<NamedLife> {
  const mark = `/tmp/${of.name}-mark-${process.pid}`;
  const marks = at.split(',').map((_one, index) => `${mark}.${index}`);
  const removeMarks = async () => void (await Promise.all(marks.map(async (one) => await rm(one, { force: true }))));
  const dead = () => marks.every((one) => existsSync(one));
  await removeMarks();
  const bed = await openTestBed({ LABWRIGHT_CRASH_AT: at, LABWRIGHT_CRASH_MARK: mark });
  const beside = options.during?.(bed, dead);
  try {
    const idle = async () => void (options.awaitedWhenIdle && (await eventually(dead, { timeoutMs: 30_000, what: at })));
    return { ...(await liveOneLife(bed, of, idle)), dead: dead() };
  } finally {
    await beside;
    await bed.up();
    await bed.close();
    await removeMarks();
  }
}

/** `name: [2, 5]` in the phase that begins with PHASE = the second and fifth time that this is reached from there on. */
export const within = (phase: string, points: Record<string, readonly number[]>): string[] =>
  Object.entries(points).flatMap(([point, times]) => times.map((nth) => `${point}:${nth}@${phase}`));
