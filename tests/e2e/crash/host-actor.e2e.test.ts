// The host-actor killed at named moments of a deploy, a converge and a destroy: after its return all ends as if nothing had happened.
import { describe, expect, it } from 'vitest';
import { CRASH_POINTS } from '../../../host-actor/crash-point.ts';
import { outlineOf, undisturbed } from '../lab-life.ts';
import { liveDying, within } from './named-moments.ts';

const OF = { name: 'tcrash-host', net: '172.31.78' };

/** The converge is the first to remove a link, the destroy the second. */
const HOST_MOMENTS = [
  ...CRASH_POINTS.map((point) => `${point}:1`),
  ...within('link.remove', { 'after-ack-before-execute': [1], 'after-remove-before-answer': [1], 'after-create-before-start': [1], 'before-report-write': [3] }),
  ...within('link.remove:2', { 'after-accept-before-ack': [1], 'after-remove-before-answer': [2], 'before-report-publish': [2], 'after-report-before-mark': [1] }),
];

describe('Must be shown 3: kill -9 of the host-actor at a named moment', () => {
  it.each(HOST_MOMENTS)('S11 S13: %s', async (moment) => {
    const life = await liveDying(OF, moment);
    expect(life.dead).toBe(true);
    expect(outlineOf(life)).toEqual(undisturbed(OF));
  });
});
