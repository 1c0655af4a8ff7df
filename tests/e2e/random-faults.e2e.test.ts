// A few faults at random on four hosts, always the same ones; the long run is `npm run test:faults`.
import { expect, it } from 'vitest';
import { liveThroughFaults } from '../support/faults/live-through-faults.ts';

const short = { prefix: 'te2e-f', supervisors: 1, ovs: false } as const;

it('X01 X02 X08 X10: faults at random leave no second copy, no link that lies, no leftover and nothing owed', async () => {
  const outcomes = await liveThroughFaults({ ...short, seed: 4, faults: 15, only: [] }, () => undefined);
  expect(outcomes.reduce((sum, { hits }) => sum + hits, 0)).toBe(15);
  expect(outcomes.filter(({ left }) => left.length > 0)).toEqual([]);
});

it('P08: nor do hosts that are drained, fenced, frozen or lost for so long that their nodes live elsewhere when they are back', async () => {
  const outcomes = await liveThroughFaults({ ...short, seed: 1, faults: 9, only: ['host-left', 'host-fenced', 'host-frozen', 'host-drained', 'nats-pause'] }, () => undefined);
  expect(outcomes.filter(({ left }) => left.length > 0)).toEqual([]);
  expect(outcomes.flatMap(({ moved }) => moved).length).toBeGreaterThanOrEqual(3);
});
