// How often a dead process is started again.
import { describe, expect, it } from 'vitest';
import { decideRestart, DEFAULT_RESTART_POLICY } from '../../controller/restart-policy.ts';
import type { Death } from '../../controller/restart-policy.ts';

const policy = { healthyAfterMs: 1_000, maxEarlyDeaths: 3, maxDeaths: 5, windowMs: 60_000, firstDelayMs: 100, maxDelayMs: 300 };
const early = (atMs: number): Death => ({ atMs, livedMs: 10 });
const late = (atMs: number): Death => ({ atMs, livedMs: 5_000 });

describe('decideRestart', () => {
  it('doubles the delay for each early death in a row, up to its limit', () => {
    expect(decideRestart([], early(1_000), policy)).toMatchObject({ kind: 'restart', atMs: 1_100 });
    expect(decideRestart([early(1_000)], early(2_000), policy)).toMatchObject({ kind: 'restart', atMs: 2_200 });
    expect(decideRestart([early(1_000), early(2_000)], early(3_000), policy)).toMatchObject({ kind: 'restart', atMs: 3_300 });
  });

  it('gives up after too many early deaths in a row', () => {
    expect(decideRestart([early(1), early(2), early(3)], early(4), policy)).toMatchObject({ kind: 'give-up', why: 'it died 4 times in a row right after its start' });
  });

  it('begins anew after a life that was long enough', () => {
    expect(decideRestart([early(1), early(2), late(3)], early(4), policy)).toMatchObject({ kind: 'restart', atMs: 104 });
  });

  it('gives up after too many deaths of any kind in the window', () => {
    const deaths = [1, 2, 3, 4, 5].map(late);
    expect(decideRestart(deaths, late(6), policy)).toMatchObject({ kind: 'give-up', why: 'it died 6 times in 1 minutes' });
  });

  it('forgets deaths older than the window', () => {
    const decision = decideRestart([1, 2, 3].map(early), early(60_004), policy);
    expect(decision).toEqual({ kind: 'restart', atMs: 60_104, deaths: [early(60_004)] });
  });

  it('bounds every crash loop: the default gives up a process that dies at once within half a minute', () => {
    let deaths: readonly Death[] = [];
    let atMs = 0;
    for (let count = 0; count < 100; count += 1) {
      const decision = decideRestart(deaths, { atMs, livedMs: 50 }, DEFAULT_RESTART_POLICY);
      if (decision.kind === 'give-up') break;
      deaths = decision.deaths;
      atMs = decision.atMs + 50;
    }
    expect(atMs).toBeLessThan(30_000);
    expect(deaths).toHaveLength(DEFAULT_RESTART_POLICY.maxEarlyDeaths);
  });
});
