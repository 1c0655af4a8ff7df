// The supervisor killed at named moments of a deploy, a converge and a destroy: after its restart all ends as if nothing had happened.
import { describe, expect, it } from 'vitest';
import { CRASH_POINTS } from '../../../supervisor/crash-point.ts';
import { outlineOf, undisturbed } from '../lab-life.ts';
import { liveDying, within } from './named-moments.ts';

const OF = { name: 'tcrash', net: '172.31.77' };
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

describe('Must be shown 2: kill -9 of the supervisor at a named moment', () => {
  it('the undisturbed run is what all others are compared with', async () => {
    expect(outlineOf(await liveDying(OF, 'never'))).toEqual(undisturbed(OF));
  });

  it.each([...SUPERVISOR_MOMENTS, ...RESUMES])('S08 S11: %s', async (moment) => {
    const life = await liveDying(OF, moment);
    expect(life.dead).toBe(true);
    expect(outlineOf(life)).toEqual(undisturbed(OF));
  });

  it(`S08 S11: ${IDLE}`, async () => {
    expect(outlineOf(await liveDying(OF, IDLE, { awaitedWhenIdle: true }))).toEqual(undisturbed(OF));
  });

  it('every moment that has a name has its turn', () => {
    expect(pointsOf([...SUPERVISOR_MOMENTS, ...RESUMES, IDLE])).toEqual(new Set(CRASH_POINTS));
  });
});
