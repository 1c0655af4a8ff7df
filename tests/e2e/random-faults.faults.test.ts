// 200 faults at random on four hosts, under two supervisors: LABWRIGHT_FAULTS that struck, from LABWRIGHT_SEED, which is printed so that a run can be repeated.
import { describe, expect, it } from 'vitest';
import { liveThroughFaults } from '../support/faults/live-through-faults.ts';

const FAULTS = Number(process.env['LABWRIGHT_FAULTS'] ?? 200);
const SEED = Number(process.env['LABWRIGHT_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const SUPERVISORS = Number(process.env['LABWRIGHT_SUPERVISORS'] ?? 2);
const ONLY = (process.env['LABWRIGHT_FAULT_KINDS'] ?? '').split(',').filter(Boolean);
const OVS = process.env['LABWRIGHT_PLANE'] === 'ovs';

describe(`random faults, plane ${OVS ? 'ovs' : 'tc'}, ${SUPERVISORS} supervisor${SUPERVISORS === 1 ? '' : 's'}, LABWRIGHT_SEED=${SEED}`, () => {
  it(`${FAULTS} that struck leave no second copy, no link that lies, no leftover and nothing owed`, { timeout: 3_600_000 }, async () => {
    let [hits, drawn] = [0, 0];
    const outcomes = await liveThroughFaults({ seed: SEED, faults: FAULTS, prefix: 'tf', supervisors: SUPERVISORS, ovs: OVS, only: ONLY }, (outcome) => {
      const { round, struck, quietMs, left, retries, moved } = outcome;
      [hits, drawn] = [hits + outcome.hits, drawn + struck.length];
      process.stdout.write(`round ${round}, right after ${quietMs} ms, ${hits} struck of ${drawn} drawn\n${[...struck, ...retries.map((one) => `RETRIED ${one}`), ...(moved.length > 0 ? [`MOVED ${moved.join(', ')}`] : []), ...left.map((one) => `LEFT ${one}`)].map((line) => `  ${line}\n`).join('')}`);
    });
    expect(outcomes.filter(({ left }) => left.length > 0)).toEqual([]);
    expect(hits, `of ${drawn} faults that were drawn`).toBeGreaterThanOrEqual(FAULTS);
  });
});
