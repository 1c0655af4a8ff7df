// When a host has to end nodes that may live elsewhere, by a clock of the test's own.
import { beforeEach, expect, it } from 'vitest';
import { Fence } from '../../../host-actor/fence.ts';
import type { LastingNodeOrder } from '../../../host-actor/wanted.ts';

let now = 0;
let fence: Fence;
const moving = { fenceAfterMs: 60_000 } as LastingNodeOrder;
const staying = {} as LastingNodeOrder;

beforeEach(() => {
  now = 1_000_000;
  fence = new Fence(() => now);
});

/** Lets so many seconds pass, with or without contact. */
function pass(seconds: number, contact: boolean): void {
  for (let second = 0; second < seconds; second += 1) {
    now += 1_000;
    if (contact) fence.noteContact();
    else fence.tick();
  }
}

it('P08: silence as long as the lab says ends the node; contact alone does not bring it back before newer orders had time to come', () => {
  pass(10, true);
  expect([fence.mustStop(moving), fence.mayStart(moving)]).toEqual([false, true]);
  pass(59, false);
  expect(fence.mustStop(moving)).toBe(false);
  expect(fence.mayStart(moving)).toBe(false);
  pass(1, false);
  expect([fence.mustStop(moving), fence.mustStop(staying)]).toEqual([true, false]);
  pass(5, true);
  expect([fence.mustStop(moving), fence.mayStart(moving)]).toEqual([true, false]);
  pass(1, true);
  expect([fence.mustStop(moving), fence.mayStart(moving)]).toEqual([false, true]);
});

it('P08: a process that was stopped finds out at its first look, though the server answers at once', () => {
  pass(10, true);
  now += 300_000;
  fence.noteContact();
  expect(fence.mustStop(moving)).toBe(true);
});

it('a short silence costs nothing, and a host that just started asks before it starts such a node again', () => {
  expect([fence.mayStart(moving), fence.mayStart(staying)]).toEqual([false, true]);
  pass(6, true);
  expect(fence.mayStart(moving)).toBe(true);
  pass(2, false);
  expect([fence.mustStop(moving), fence.mayStart(moving)]).toEqual([false, true]);
});
