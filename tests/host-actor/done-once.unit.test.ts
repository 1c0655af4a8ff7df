// Work under an id, asked for again: once is enough.
import { describe, expect, it } from 'vitest';
import { makeDoneOnce } from '../../host-actor/done-once.ts';

function counted(most = 10) {
  const clock = { now: 0 };
  const once = makeDoneOnce<number>({ now: () => clock.now, forgetAfterMs: 1_000, most });
  let runs = 0;
  const ask = async (id: string) => await once(id, async () => await Promise.resolve((runs += 1)));
  return { clock, once, ask };
}

describe('work that is asked for again', () => {
  it('is done once, while it is under way and after it', async () => {
    const { ask } = counted();
    expect(await Promise.all([ask('a'), ask('a'), ask('b')])).toEqual([1, 1, 2]);
    expect([await ask('a'), await ask('b')]).toEqual([1, 2]);
  });

  it('fails as it failed', async () => {
    const { once } = counted();
    const fail = async () => await Promise.reject(new Error('no such node'));
    await expect(once('a', fail)).rejects.toThrow('no such node');
    await expect(once('a', async () => await Promise.resolve(1))).rejects.toThrow('no such node');
  });

  it('is forgotten after a while, or when there is too much of it; never while it is under way', async () => {
    const { clock, ask, once } = counted(2);
    const gate = Promise.withResolvers<number>();
    const long = once('long', async () => await gate.promise);
    for (const id of ['a', 'b', 'c', 'd']) await ask(id);
    expect([await ask('d'), await ask('a')]).toEqual([4, 5]);
    clock.now += 1_001;
    expect(await ask('d')).toBe(6);
    gate.resolve(77);
    expect([await once('long', async () => await Promise.resolve(0)), await long]).toEqual([77, 77]);
  });
});
