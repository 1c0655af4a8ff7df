// 200 faults at random on four hosts: LABWRIGHT_FAULTS of them, from LABWRIGHT_SEED, which is printed so that a run can be repeated.
import { describe, expect, it } from 'vitest';
import { liveThroughFaults } from '../support/faults/live-through-faults.ts';

const FAULTS = Number(process.env['LABWRIGHT_FAULTS'] ?? 200);
const SEED = Number(process.env['LABWRIGHT_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const SUPERVISORS = Number(process.env['LABWRIGHT_SUPERVISORS'] ?? 1);
const ONLY = (process.env['LABWRIGHT_FAULT_KINDS'] ?? '').split(',').filter(Boolean);
const OVS = process.env['LABWRIGHT_PLANE'] === 'ovs';

describe(`random faults, LABWRIGHT_SEED=${SEED}`, () => {
  it(`${FAULTS} of them leave no second copy, no link that lies, no leftover and nothing owed`, { timeout: 3_600_000 }, async () => {
    const outcomes = await liveThroughFaults({ seed: SEED, faults: FAULTS, prefix: 'tf', supervisors: SUPERVISORS, ovs: OVS, only: ONLY }, ({ round, struck, quietMs, left, retries, moved }) => {
      process.stdout.write(`round ${round}, right after ${quietMs} ms\n${[...struck, ...retries.map((one) => `RETRIED ${one}`), ...(moved.length > 0 ? [`MOVED ${moved.join(', ')}`] : []), ...left.map((one) => `LEFT ${one}`)].map((line) => `  ${line}\n`).join('')}`);
    });
    expect(outcomes.filter(({ left }) => left.length > 0)).toEqual([]);
  });
});
