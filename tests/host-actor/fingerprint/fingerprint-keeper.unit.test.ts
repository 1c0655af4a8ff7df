// When a host reads what it can do, and when its digest is another one.
import { pino } from 'pino';
import { expect, it } from 'vitest';
import type { Probe } from '../../../host-actor/fingerprint/probe.ts';
import { FingerprintKeeper } from '../../../host-actor/fingerprint-keeper.ts';
import { eventually } from '../../support/eventually.ts';

const ok = (found: string): Probe => ({ id: 'memory', title: 'Memory', status: 'ok', found });
const missing: Probe = { id: 'kvm', title: 'KVM', status: 'missing', found: 'no', costs: 'c', remedy: 'r' };

it('reads in the background when it is calm, and at once when it is asked', async () => {
  const calm = Promise.withResolvers<void>();
  const hows: boolean[] = [];
  let waits = 0;
  const keeper = new FingerprintKeeper({
    log: pino({ level: 'silent' }), now: () => 5, firstAfterMs: 1,
    whenCalm: async () => {
      waits += 1;
      await calm.promise;
    },
    read: async ({ background }) => {
      hows.push(background);
      return [ok('7 GiB free')];
    },
  });
  keeper.start();
  await eventually(() => waits > 0, { what: 'the first reading to be due' });
  await keeper.read();
  expect(hows).toEqual([false]);
  calm.resolve();
  await eventually(() => hows.length > 1, { what: 'the reading in the background' });
  keeper.stop();
  expect(hows).toEqual([false, true]);
});

it('does not begin to read when it is stopped while it waits for calm', async () => {
  const calm = Promise.withResolvers<void>();
  let [waits, reads] = [0, 0];
  const keeper = new FingerprintKeeper({
    log: pino({ level: 'silent' }), now: () => 5, firstAfterMs: 1, everyMs: 1,
    whenCalm: async () => {
      waits += 1;
      await calm.promise;
    },
    read: async () => {
      reads += 1;
      return [];
    },
  });
  keeper.start();
  await eventually(() => waits > 0, { what: 'the first reading to be due' });
  keeper.stop();
  calm.resolve();
  await new Promise<void>((resolve) => setImmediate(resolve));
  expect([waits, reads]).toEqual([1, 0]);
});

it('reads in the background some time after the start, again and again, and tells a digest of what is well', async () => {
  const readings: Probe[][] = [[ok('7 GiB free')], [ok('3 GiB free')], [ok('3 GiB free'), missing]];
  const hows: boolean[] = [];
  const digests: (string | undefined)[] = [];
  const keeper = new FingerprintKeeper({
    log: pino({ level: 'silent' }), now: () => 5, firstAfterMs: 1, everyMs: 1, whenCalm: async () => undefined,
    read: async ({ background }) => {
      digests.push(keeper.digest());
      hows.push(background);
      return readings[Math.min(hows.length, readings.length) - 1] ?? [];
    },
  });
  keeper.start();
  await eventually(() => hows.length > 3, { what: 'readings' });
  keeper.stop();
  expect(hows.every(Boolean)).toBe(true);
  const [before, first, second, third] = digests;
  expect([before, first === second, second === third]).toEqual([undefined, true, false]);
  const read = hows.length;
  expect(await keeper.read({ fresh: false })).toMatchObject({ probes: [{ id: 'memory' }, { id: 'kvm' }], readAt: 5 });
  expect(hows).toHaveLength(read);
  await keeper.read();
  expect(hows.at(-1)).toBe(false);
});
