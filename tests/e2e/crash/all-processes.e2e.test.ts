// kill -9 of all processes at once, the parent included, at moments of a deploy, a converge and a destroy; then `labwright up`.
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { killAllControl } from '../kill-control.ts';
import { outlineOf, undisturbed } from '../lab-life.ts';
import { liveDying } from './named-moments.ts';
import { liveStruck, MOMENTS } from './noticed-moments.ts';

const OF = { name: 'te2e-all', net: '172.31.101' };
const GIVE_UP_MS = 60_000;

const POINTS = [
  'supervisor/before-append:2', 'supervisor/after-append:4', 'supervisor/before-dispatch:2', 'after-accept-before-ack:1',
  'after-create-before-start:2', 'after-wire-before-answer:2', 'after-exec-before-result:1', 'before-report-publish:3',
];

describe('Must be shown 3: kill -9 of all processes at once, the parent included, then up', () => {
  it.each(Object.entries(MOMENTS))('S11 S13: when %s', async (_name, moment) => {
    expect(await liveStruck(OF, moment, async (bed) => {
      await killAllControl(bed.home);
      await bed.up();
    })).toBe(true);
  });

  it.each(POINTS)('S11 S13: at %s', async (point) => {
    const life = await liveDying(OF, point, {
      during: async (bed, dead) => {
        // The process that reaches the moment makes the mark and dies; the others follow within a few milliseconds.
        for (const giveUpAt = Date.now() + GIVE_UP_MS; !dead() && Date.now() < giveUpAt;) await delay(2);
        await killAllControl(bed.home);
        await bed.up();
      },
    });
    expect(life.dead).toBe(true);
    expect(outlineOf(life)).toEqual(undisturbed(OF));
  });
});
