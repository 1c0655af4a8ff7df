// A few faults at random on four hosts, always the same ones; the long run is `npm run test:faults`.
import { expect, it } from 'vitest';
import { liveThroughFaults } from '../support/faults/live-through-faults.ts';

it('X01 X02 X08 X10: faults at random leave no second copy, no link that lies, no leftover and nothing owed', async () => {
  const outcomes = await liveThroughFaults({ seed: 4, faults: 15, prefix: 'te2e-f', supervisors: 1, ovs: false, only: [] }, () => undefined);
  expect(outcomes.filter(({ left }) => left.length > 0)).toEqual([]);
});
