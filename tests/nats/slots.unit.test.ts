// Slots whose number finds itself: more while work is quick, fewer when it slows down.
import { describe, expect, it } from 'vitest';
import { makePacedSlots, makeSlots } from '../../nats/slots.ts';
import type { PacedSlots } from '../../nats/slots.ts';

const PACE = { targetMs: 2, fewest: 2, most: 8 };

/** Runs `count` things on a server that takes `costMs` for each, one after another; resolves when all are done. */
async function serve(slots: PacedSlots, count: number, costMs: number): Promise<void> {
  let now = 0;
  const queue: (() => void)[] = [];
  const all = Array.from({ length: count }, () => slots.run(async () => {
    const began = now;
    await new Promise<void>((resolve) => queue.push(resolve));
    slots.took(now - began);
  }));
  for (let done = 0; done < count; done += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    now += costMs;
    queue.shift()?.();
  }
  await Promise.all(all);
}

describe('slots', () => {
  it('are given in order, and no more than there are', async () => {
    const slots = makeSlots(1);
    const order: number[] = [];
    await Promise.all([1, 2, 3].map((n) => slots.run(async () => {
      await Promise.resolve();
      expect(slots.inUse).toBe(1);
      order.push(n);
    })));
    expect(order).toEqual([1, 2, 3]);
    expect(slots.inUse).toBe(0);
  });

  it('become more while work is quick, up to the most', async () => {
    const slots = makePacedSlots(PACE);
    await serve(slots, 2_000, 0.01);
    expect(slots.limit).toBe(PACE.most);
  });

  it('become as few as keep each within the target', async () => {
    const slots = makePacedSlots(PACE);
    await serve(slots, 2_000, 0.5);
    expect(slots.limit).toBeGreaterThanOrEqual(3);
    expect(slots.limit).toBeLessThanOrEqual(5);
  });

  it('are never fewer than the fewest, and a failure gives its slot back', async () => {
    const slots = makePacedSlots(PACE);
    await expect(slots.run(() => Promise.reject(new Error('x')))).rejects.toThrow('x');
    slots.took(0.1);
    await serve(slots, 100, 50);
    expect(slots.limit).toBe(PACE.fewest);
    expect(slots.inUse).toBe(0);
  });
});
