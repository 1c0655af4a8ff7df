// kill -9 of the supervisor and of the host-actor at named moments of a deploy, a converge and a destroy on real Docker and kernel.
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { CRASH_POINTS as HOST_POINTS } from '../../host-actor/crash-point.ts';
import { CRASH_POINTS as SUPERVISOR_POINTS } from '../../supervisor/crash-point.ts';
import { openTestBed } from '../support/test-bed.ts';
import type { TestBed } from '../support/test-bed.ts';
import { liveOneLife, outlineOf, undisturbed } from './lab-life.ts';
import type { Life } from './lab-life.ts';

const OF = { name: 'tcrash', net: '172.31.77' };

let bed: TestBed | null = null;
afterEach(async () => {
  await bed?.close();
  bed = null;
});

async function live(crashAt: string): Promise<Life & { dead: boolean }> {
  const mark = `/tmp/${OF.name}-mark-${process.pid}`;
  await rm(mark, { force: true });
  bed = await openTestBed({ LABWRIGHT_CRASH_AT: crashAt, LABWRIGHT_CRASH_MARK: mark });
  const life = await liveOneLife(bed, OF);
  const dead = existsSync(mark);
  await rm(mark, { force: true });
  return { ...life, dead };
}

describe('Must be shown 2: kill -9 of the supervisor at a named moment', () => {
  it('the undisturbed run is what all others are compared with', async () => {
    expect(outlineOf(await live('never'))).toEqual(undisturbed(OF));
  });

  // Claims are made where a lab takes or gives back what others may want: twice in such a life.
  it.each(SUPERVISOR_POINTS.flatMap((point) => (point === 'supervisor/after-claim' ? [1, 2] : [1, 2, 3, 5, 7]).map((nth) => `${point}:${nth}`)))('S08 S11: %s', async (moment) => {
    const life = await live(moment);
    expect(life.dead).toBe(true);
    expect(outlineOf(life)).toEqual(undisturbed(OF));
  });
});

describe('Must be shown 3: kill -9 of the host-actor at a named moment', () => {
  const reached: Partial<Record<(typeof HOST_POINTS)[number], number[]>> = { 'between-exec-commands': [1] };
  it.each(HOST_POINTS.flatMap((point) => (reached[point] ?? [1, 3]).map((nth) => `${point}:${nth}`)))('S11 S13: %s', async (moment) => {
    const life = await live(moment);
    expect(life.dead).toBe(true);
    expect(outlineOf(life)).toEqual(undisturbed(OF));
  });
});
