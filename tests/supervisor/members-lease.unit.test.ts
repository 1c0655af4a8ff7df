// Members that fall silent, and one that stood still itself, at the times of the lease: a clock that the test moves, a bus in memory.
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { MemberBeat, MemberBus } from '../../nats/member-bus.ts';
import { LoopHealth } from '../../nats/loop-health.ts';
import { leaseTimes } from '../../supervisor/lease.ts';
import type { Members } from '../../supervisor/members.ts';
import { createMembers } from '../../supervisor/members.ts';

const LEASE_MS = 5_000;
const LABS = Array.from({ length: 40 }, (_, index) => `lab-${index}`);
const listeners = new Map<string, (beat: MemberBeat) => void>();
const silent = new Set<string>();
let paused: string[];

/** One that is silent neither speaks nor answers, and yet has a connection. */
const busOf = (id: string): MemberBus => ({
  say: (beat) => {
    if (!silent.has(id)) for (const [other, hear] of listeners) if (other !== id) hear(beat);
  },
  hear: (listener) => void listeners.set(id, listener),
  ask: async () => await new Promise(() => undefined),
  serve: () => undefined,
  stop: () => undefined,
});
const member = (id: string): Members => createMembers({
  id, bus: busOf(id), logger: pino({ level: 'silent' }), now: Date.now, loops: new LoopHealth(pino({ level: 'silent' }), Date.now), version: '0', leaseMs: LEASE_MS,
  labs: () => 0, isConnected: () => true, changed: () => undefined, paused: () => void paused.push(id),
});

beforeEach(() => {
  vi.useFakeTimers();
  listeners.clear();
  silent.clear();
  paused = [];
});
afterEach(() => void vi.useRealTimers());

it.each([0, 0.1, 0.5, 0.9])('S10: labs of one that falls silent %s of a beat after its last one have the next owner within the lease', (part) => {
  const { beatMs } = leaseTimes(LEASE_MS);
  const [a, b] = [member('a'), member('b')];
  a.start();
  vi.advanceTimersByTime(beatMs * 0.3);
  b.start();
  vi.advanceTimersByTime(10 * beatMs + 1);
  const ofA = LABS.filter((lab) => b.ownerOf(lab) === 'a');
  expect(ofA.length).toBeGreaterThan(0);
  vi.advanceTimersByTime(part * beatMs);
  silent.add('a');
  const from = Date.now();
  while (ofA.some((lab) => b.ownerOf(lab) !== 'b')) vi.advanceTimersByTime(10);
  expect(Date.now() - from).toBeLessThanOrEqual(LEASE_MS - beatMs + 10);
  expect(Date.now() - from).toBeGreaterThan(LEASE_MS / 2);
});

it('S19: one that stood still so long that it may have been replaced owns nothing, before the lease is over', () => {
  const { goneAfterMs, beatMs } = leaseTimes(LEASE_MS);
  const alone = member('a');
  alone.start();
  vi.advanceTimersByTime(3 * beatMs);
  expect(alone.ownerOf('lab')).toBe('a');
  // Time passes and nothing runs.
  vi.setSystemTime(Date.now() + goneAfterMs);
  expect([alone.ownerOf('lab'), paused]).toEqual(['a', []]);
  vi.setSystemTime(Date.now() + beatMs);
  expect([alone.ownerOf('lab'), paused, alone.stoodStill()]).toEqual([undefined, ['a'], true]);
});
