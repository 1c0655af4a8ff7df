// kill -9 of nats-server, and of all processes at once with the parent, at named moments of a deploy, a converge and a destroy.
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Notice } from '../../machines/vocabulary/lab-view.ts';
import { lab } from '../support/lab-builders.ts';
import { openTestBed } from '../support/test-bed.ts';
import type { TestBed } from '../support/test-bed.ts';
import { killAllControl, killControl } from './kill-control.ts';
import { liveOneLife, outlineOf, undisturbed } from './lab-life.ts';

const OF = { name: 'te2e-all', net: '172.31.101' };

let bed: TestBed | null = null;
afterEach(async () => {
  await bed?.up();
  await bed?.close();
  bed = null;
});

/** What a person would see at that moment; `round` counts how often the lab was seen running before. */
type Moment = (notice: Notice, round: number) => boolean;
const node = (...states: string[]) => (notice: Notice) => notice.nodes.some((one) => states.includes(one.state));
const MOMENTS: Record<string, Moment> = {
  'deploy is in the log': (notice) => notice.n === 1,
  // One whose links are settled by then is started in the same entry.
  'a node was prepared': node('waiting', 'starting'),
  'a link came up': (notice) => notice.links.some((one) => one.state === 'up'),
  'a node was started': node('configuring'),
  'a node runs': node('running'),
  'the lab runs': (notice) => notice.state === 'running',
  'converge is in the log': (notice, round) => round > 0 && notice.state === 'deploying',
  'the third node is gone': (notice, round) => round > 0 && notice.gone.includes('c'),
  'the changed node is made anew': (notice, round) => round > 0 && node('preparing')(notice),
  'the changed node starts': (notice, round) => round > 0 && node('configuring')(notice),
  'destroy is in the log': (notice) => notice.state === 'destroying',
  'a node was removed': (notice) => notice.state === 'destroying' && notice.gone.length > 0,
};

/** Lives one life; at the moment `strike` is called, once. Returns whether it came. */
async function liveStruck(moment: Moment, strike: (its: TestBed) => Promise<void>): Promise<boolean> {
  const its = await openTestBed();
  bed = its;
  const over = new AbortController();
  let struck = false;
  const watching = (async () => {
    let round = 0;
    for await (const notice of its.ops.notices(over.signal, lab(OF.name))) {
      if (moment(notice, round)) {
        struck = true;
        return await strike(its);
      }
      if (notice.state === 'running') round += 1;
    }
  })();
  try {
    expect(outlineOf(await liveOneLife(its, OF))).toEqual(undisturbed(OF));
  } finally {
    over.abort();
    await watching;
  }
  return struck;
}

describe('Must be shown 3: kill -9 of nats-server', () => {
  it('is compared with an undisturbed run', async () => {
    expect(await liveStruck(() => false, async () => undefined)).toBe(false);
  });

  /** Whatever it is that happens then: a life has some thirty entries. */
  const entries = Object.fromEntries([2, 5, 9, 13, 16, 19, 22, 25].map((n): [string, Moment] => [`entry ${n} is in the log`, (notice) => notice.n >= n]));
  it.each(Object.entries({ ...MOMENTS, ...entries }))('S13 S19: when %s', async (_name, moment) => {
    expect(await liveStruck(moment, async ({ home }) => expect(await killControl(home, ['nats-server'])).toEqual(['nats-server']))).toBe(true);
  });
});

describe('Must be shown 3: kill -9 of all processes at once, the parent included, then up', () => {
  it.each(Object.entries(MOMENTS))('S11 S13: when %s', async (_name, moment) => {
    expect(await liveStruck(moment, async (struck) => {
      await killAllControl(struck.home);
      await struck.up();
    })).toBe(true);
  });

  const points = [
    'supervisor/before-append:2', 'supervisor/after-append:4', 'supervisor/before-dispatch:2', 'after-accept-before-ack:1',
    'after-create-before-start:2', 'after-wire-before-answer:2', 'after-exec-before-result:1', 'before-report-publish:3',
  ];
  it.each(points)('S11 S13: at %s', async (point) => {
    const mark = `/tmp/${OF.name}-mark-${process.pid}`;
    await rm(`${mark}.0`, { force: true });
    const its = await openTestBed({ LABWRIGHT_CRASH_AT: point, LABWRIGHT_CRASH_MARK: mark });
    bed = its;
    const over = new AbortController();
    const striking = (async () => {
      // The process that reaches the moment makes the mark and dies; the others follow within a few milliseconds.
      while (!existsSync(`${mark}.0`) && !over.signal.aborted) await delay(2);
      if (over.signal.aborted) return;
      await killAllControl(its.home);
      await its.up();
    })();
    try {
      expect(outlineOf(await liveOneLife(its, OF))).toEqual(undisturbed(OF));
    } finally {
      over.abort();
      await striking;
    }
    expect(existsSync(`${mark}.0`)).toBe(true);
    await rm(`${mark}.0`, { force: true });
  });
});
