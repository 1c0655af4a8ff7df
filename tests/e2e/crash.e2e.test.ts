// kill -9 of the supervisor and of the host-actor at named moments of a deploy, a converge and a destroy on real Docker and kernel.
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { CRASH_POINTS as HOST_POINTS } from '../../host-actor/crash-point.ts';
import { CRASH_POINTS as SUPERVISOR_POINTS } from '../../supervisor/crash-point.ts';
import { eventually } from '../support/eventually.ts';
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

/** `at` = moments as in crash-point.ts; every one must come. */
async function live(at: string, options: { awaitedWhenIdle?: boolean } = {}): Promise<Life & { dead: boolean }> {
  const mark = `/tmp/${OF.name}-mark-${process.pid}`;
  const marks = at.split(',').map((_one, index) => `${mark}.${index}`);
  const removeMarks = async () => void (await Promise.all(marks.map(async (one) => await rm(one, { force: true }))));
  const dead = () => marks.every((one) => existsSync(one));
  await removeMarks();
  bed = await openTestBed({ LABWRIGHT_CRASH_AT: at, LABWRIGHT_CRASH_MARK: mark });
  const idle = async () => void (options.awaitedWhenIdle && (await eventually(dead, { timeoutMs: 30_000, what: at })));
  const life = await liveOneLife(bed, OF, idle);
  const result = { ...life, dead: dead() };
  await removeMarks();
  return result;
}

/** `name: [2, 5]` in the phase that begins with PHASE = the second and fifth time that this is reached from there on. */
const within = (phase: string, points: Record<string, readonly number[]>): string[] =>
  Object.entries(points).flatMap(([point, times]) => times.map((nth) => `${point}:${nth}@${phase}`));
const pointsOf = (moments: readonly string[]) => new Set(moments.flatMap((one) => one.split(',').map((moment) => moment.split(/[:@]/)[0])));

/** In a life there are two deploys, of which the second is the converge. Claims are made before the decision is in the log. */
const SUPERVISOR_MOMENTS = [
  'supervisor/after-claim:1',
  ...within('LabDeployRequested', {
    'supervisor/before-append': [1], 'supervisor/after-append': [5], 'supervisor/before-dispatch': [3], 'supervisor/after-dispatch': [2],
    'supervisor/before-report-ack': [4],
  }),
  'supervisor/after-claim:2',
  ...within('LabDeployRequested:2', {
    'supervisor/before-append': [4], 'supervisor/after-append': [1], 'supervisor/before-dispatch': [2], 'supervisor/after-dispatch': [1],
    'supervisor/before-report-ack': [3],
  }),
  ...within('LabDestroyRequested', {
    'supervisor/before-append': [2], 'supervisor/after-append': [1], 'supervisor/before-dispatch': [1], 'supervisor/after-dispatch': [1],
    'supervisor/before-report-ack': [2],
  }),
];
/** The next life dies, too: while it reads the log, takes the lab over, sends again what was owed. */
const RESUMES = [
  'supervisor/before-dispatch@LabDeployRequested,supervisor/after-fold', 'supervisor/after-append:5@LabDeployRequested,supervisor/before-append@TakenOver',
  'supervisor/after-append:2@LabDeployRequested:2,supervisor/after-append@TakenOver', 'supervisor/before-dispatch@LabDestroyRequested,supervisor/after-dispatch@TakenOver',
];
const IDLE = 'supervisor/after-snapshot';

/** The converge is the first to remove a link, the destroy the second. */
const HOST_MOMENTS = [
  ...HOST_POINTS.map((point) => `${point}:1`),
  ...within('link.remove', { 'after-ack-before-execute': [1], 'after-remove-before-answer': [1], 'after-create-before-start': [1], 'before-report-write': [3] }),
  ...within('link.remove:2', { 'after-accept-before-ack': [1], 'after-remove-before-answer': [2], 'before-report-publish': [2], 'after-report-before-mark': [1] }),
];

describe('Must be shown 2: kill -9 of the supervisor at a named moment', () => {
  it('the undisturbed run is what all others are compared with', async () => {
    expect(outlineOf(await live('never'))).toEqual(undisturbed(OF));
  });

  it.each([...SUPERVISOR_MOMENTS, ...RESUMES])('S08 S11: %s', async (moment) => {
    const life = await live(moment);
    expect(life.dead).toBe(true);
    expect(outlineOf(life)).toEqual(undisturbed(OF));
  });

  it(`S08 S11: ${IDLE}`, async () => {
    expect(outlineOf(await live(IDLE, { awaitedWhenIdle: true }))).toEqual(undisturbed(OF));
  });

  it('every moment that has a name has its turn', () => {
    expect(pointsOf([...SUPERVISOR_MOMENTS, ...RESUMES, IDLE])).toEqual(new Set(SUPERVISOR_POINTS));
  });
});

describe('Must be shown 3: kill -9 of the host-actor at a named moment', () => {
  it.each(HOST_MOMENTS)('S11 S13: %s', async (moment) => {
    const life = await live(moment);
    expect(life.dead).toBe(true);
    expect(outlineOf(life)).toEqual(undisturbed(OF));
  });
});
