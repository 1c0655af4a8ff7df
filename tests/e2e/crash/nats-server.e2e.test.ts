// kill -9 of nats-server at moments of a deploy, a converge and a destroy.
import { describe, expect, it } from 'vitest';
import { killControl } from '../kill-control.ts';
import { liveStruck, MOMENTS } from './noticed-moments.ts';
import type { Moment } from './noticed-moments.ts';

const OF = { name: 'te2e-nats', net: '172.31.102' };

describe('Must be shown 3: kill -9 of nats-server', () => {
  it('is compared with an undisturbed run', async () => {
    expect(await liveStruck(OF, () => false, async () => undefined)).toBe(false);
  });

  /** Whatever it is that happens then: a life has some twenty-five entries. */
  const entries = Object.fromEntries([2, 4, 6, 8, 11, 14, 16, 18].map((n): [string, Moment] => [`entry ${n} is in the log`, (notice) => notice.n >= n]));
  it.each(Object.entries({ ...MOMENTS, ...entries }))('S13 S19: when %s', async (_name, moment) => {
    expect(await liveStruck(OF, moment, async ({ home }) => expect(await killControl(home, ['nats-server'])).toEqual(['nats-server']))).toBe(true);
  });
});
