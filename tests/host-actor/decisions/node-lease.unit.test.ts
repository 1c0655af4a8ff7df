// When a host has to end nodes that may live elsewhere, by a clock of the test's own.
import { beforeEach, expect, it } from 'vitest';
import { NodeLease } from '../../../host-actor/node-lease.ts';
import type { LastingNodeOrder } from '../../../host-actor/wanted.ts';

let now = 0;
let lease: NodeLease;
const moving = { fenceAfterMs: 60_000 } as LastingNodeOrder;
const staying = {} as LastingNodeOrder;

beforeEach(() => {
  now = 1_000_000;
  lease = new NodeLease(() => now);
});

/** Lets so many seconds pass, with or without contact. */
function pass(seconds: number, contact: boolean): void {
  for (let second = 0; second < seconds; second += 1) {
    now += 1_000;
    if (contact) lease.noteContact();
    else lease.tick();
  }
}

it('P08: silence as long as the lab says ends the node; contact alone does not bring it back before newer orders had time to come', () => {
  pass(10, true);
  expect([lease.mustStop(moving), lease.mayStart(moving)]).toEqual([false, true]);
  pass(59, false);
  expect(lease.mustStop(moving)).toBe(false);
  expect(lease.mayStart(moving)).toBe(false);
  pass(1, false);
  expect([lease.mustStop(moving), lease.mustStop(staying)]).toEqual([true, false]);
  pass(5, true);
  expect([lease.mustStop(moving), lease.mayStart(moving)]).toEqual([true, false]);
  pass(1, true);
  expect([lease.mustStop(moving), lease.mayStart(moving)]).toEqual([false, true]);
});

it('P08: a process that was stopped finds out at its first look, though the server answers at once', () => {
  pass(10, true);
  now += 300_000;
  lease.noteContact();
  expect(lease.mustStop(moving)).toBe(true);
});

it('a short silence costs nothing, and a host that just started asks before it starts such a node again', () => {
  expect([lease.mayStart(moving), lease.mayStart(staying)]).toEqual([false, true]);
  pass(6, true);
  expect(lease.mayStart(moving)).toBe(true);
  pass(2, false);
  expect([lease.mustStop(moving), lease.mayStart(moving)]).toEqual([false, true]);
});

it('P08: silence that began before this process counts on; an older contact than its own start is not made younger', () => {
  lease.goOn(now - 59_000);
  expect(lease.mustStop(moving)).toBe(false);
  pass(1, false);
  expect(lease.mustStop(moving)).toBe(true);
  lease = new NodeLease(() => now);
  lease.goOn(now + 10_000);
  pass(59, false);
  expect(lease.mustStop(moving)).toBe(false);
});
