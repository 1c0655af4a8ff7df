// Serial for each object, parallel across objects, and single jobs that travel together.
import { describe, expect, it } from 'vitest';
import { BatchCollector } from '../../../host-actor/batch-collector.ts';
import { ObjectQueue } from '../../../host-actor/object-queue.ts';

describe('object queue', () => {
  it('S04: runs tasks of one object one after another, also after one that failed', async () => {
    const queue = new ObjectQueue();
    const log: string[] = [];
    const task = (name: string, fails = false) => async () => {
      log.push(`${name} begins`);
      await Promise.resolve();
      log.push(`${name} ends`);
      if (fails) throw new Error(name);
    };
    const first = queue.run('k', task('one', true));
    const second = queue.run('k', task('two'));
    await expect(first).rejects.toThrow('one');
    await second;
    expect(log).toEqual(['one begins', 'one ends', 'two begins', 'two ends']);
  });

  it('runs other objects meanwhile, and forgets what is done', async () => {
    const queue = new ObjectQueue();
    const gate = Promise.withResolvers<void>();
    const slow = queue.run('a', () => gate.promise);
    await queue.run('b', async () => undefined);
    expect(queue.isBusy('a')).toBe(true);
    gate.resolve();
    await slow;
    await queue.idle();
    expect(queue.size).toBe(0);
  });
});

describe('batch collector', () => {
  it('carries out the jobs of a turn together, and those that came meanwhile in the next batch', async () => {
    const batches: number[][] = [];
    const collector = new BatchCollector<number, number>(async (jobs) => {
      batches.push([...jobs]);
      if (batches.length === 1) void collector.submit(4);
      await Promise.resolve();
      return jobs.map((job) => ({ ok: true, value: job * 10 }));
    });
    expect(await Promise.all([collector.submit(1), collector.submit(2), collector.submit(3)])).toEqual([10, 20, 30]);
    await collector.submit(5);
    expect(batches[0]).toEqual([1, 2, 3]);
    expect(batches.flat()).toEqual([1, 2, 3, 4, 5]);
  });

  it('gives each job its own outcome', async () => {
    const collector = new BatchCollector<number, number>(async (jobs) => jobs.map((job) => (job === 2 ? { ok: false, error: new Error('two') } : { ok: true, value: job })));
    const outcomes = await Promise.allSettled([collector.submit(1), collector.submit(2)]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });
});
