// 100 kills at random moments of real labs: LABWRIGHT_KILLS of LABWRIGHT_VICTIMS, from LABWRIGHT_SEED, which is printed so that a run can be repeated.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { eventually } from '../support/eventually.ts';
import { randomFrom } from '../support/seeded-random.ts';
import { openTestBed } from '../support/test-bed.ts';
import type { TestBed } from '../support/test-bed.ts';
import { killAllControl, killControl } from './kill-control.ts';
import { liveOneLife, outlineOf, undisturbed } from './lab-life.ts';

const OF = { name: 'te2e-rand', net: '172.31.104' };
const KILLS = Number(process.env['LABWRIGHT_KILLS'] ?? 100);
const SEED = Number(process.env['LABWRIGHT_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const KILLS_A_LIFE = 2;
const Victim = z.enum(['supervisor', 'host-actor', 'nats-server', 'all']);
type Victim = z.infer<typeof Victim>;
/** Each of them dies as often as the others; name one alone to have it killed every time. */
const VICTIMS = z.array(Victim).min(1).parse(process.env['LABWRIGHT_VICTIMS']?.split(',') ?? Victim.options);

type Kill = { readonly victim: Victim; /** Share of an undisturbed life after which it comes. */ readonly at: number; readonly awayMs: number };
const random = randomFrom(SEED);
const kill = (): Kill => ({ victim: VICTIMS[Math.floor(random() * VICTIMS.length)] ?? 'all', at: random(), awayMs: Math.floor(random() * 1_500) });
const lives = Array.from({ length: Math.ceil(KILLS / KILLS_A_LIFE) }, () => Array.from({ length: KILLS_A_LIFE }, kill).toSorted((one, other) => one.at - other.at));
const words = (kills: readonly Kill[]) => kills.map(({ victim, at }) => `${victim} at ${Math.round(at * 100)} %`).join(', ');

describe(`kill -9 at random moments, LABWRIGHT_SEED=${SEED} LABWRIGHT_VICTIMS=${VICTIMS.join(',')}`, () => {
  let bed: TestBed | null = null;
  let lifeMs = 0;
  let struck = 0;
  beforeAll(async () => {
    bed = await openTestBed();
    await liveOneLife(bed, OF);
    const from = performance.now();
    await liveOneLife(bed, { ...OF, name: `${OF.name}-0` });
    lifeMs = performance.now() - from;
    await bed.close();
  });
  afterEach(async () => {
    await bed?.up();
    await bed?.close();
    bed = null;
  });

  /** Until it hit: one that is just being started by its parent has no record yet. */
  afterAll(() => process.stdout.write(`${struck} of ${lives.length * KILLS_A_LIFE} kills hit a process while a lab lived; the others came after its end\n`));

  async function strike(its: TestBed, { victim, awayMs }: Kill): Promise<void> {
    if (victim !== 'all') return void (await eventually(async () => (await killControl(its.home, [victim])).length > 0, { what: `${victim} to be there`, everyMs: 10 }));
    await killAllControl(its.home);
    await delay(awayMs);
    await its.up();
  }

  it.each(lives.map((kills, index) => [index + 1, words(kills), kills] as const))('life %i: %s', async (_index, _words, kills) => {
    const its = await openTestBed();
    bed = its;
    const over = new AbortController();
    const from = performance.now();
    const striking = (async () => {
      for (const one of kills) {
        await delay(Math.max(0, one.at * lifeMs - (performance.now() - from)), undefined, { signal: over.signal }).catch(() => undefined);
        if (over.signal.aborted) return;
        await strike(its, one);
        struck += 1;
      }
    })();
    try {
      expect(outlineOf(await liveOneLife(its, OF))).toEqual(undisturbed(OF));
    } finally {
      over.abort();
      await striking;
    }
  });
});
