// Reports cut to what a message may carry: nothing lost that fits, the longest texts shortened where a single observation does not.
import { describe, expect, it } from 'vitest';
import { fitReports } from '../../host-actor/fit-reports.ts';
import type { Observation, Report } from '../../machines/vocabulary/observation.ts';
import { EffectId } from '../../machines/vocabulary/ids.ts';
import { host, lab, node } from '../support/lab-builders.ts';

const died = (index: number, line: string): Observation =>
  ({ type: 'node.died', at: index, node: node(`n${index}`), generation: 1, exitCode: 1, oomKilled: false, log: [line], next: 'restart' });
const report = (observations: Observation[]): Report => ({ v: 1, id: 'r/t', host: host('h1'), lab: lab('t'), observations });
const bytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

describe('fitReports', () => {
  it('leaves a report alone that fits', () => {
    const small = report([died(1, 'x')]);
    expect(fitReports([small], 10_000)).toEqual([small]);
  });

  it('keeps every observation, in order, in as many reports as are needed, with ids that are the same each time', () => {
    const all = Array.from({ length: 50 }, (_, index) => died(index, 'ü'.repeat(1_000)));
    const parts = fitReports([report(all)], 10_000);
    expect(parts.flatMap(({ observations }) => observations)).toEqual(all);
    expect(Math.max(...parts.map(bytes))).toBeLessThanOrEqual(10_000);
    expect(new Set(parts.map(({ id }) => id)).size).toBe(parts.length);
    expect(fitReports([report(all)], 10_000)).toEqual(parts);
  });

  it('shortens what is too large by itself: the end of a log stays, the output of a command is cut', () => {
    const log = Array.from({ length: 2_000 }, (_, index) => `line ${index} ${'x'.repeat(50)}`);
    const result = { command: 'cat big', target: 'container' as const, exitCode: 0, stdout: '\u0000'.repeat(100_000), stderr: 'why' };
    const [first, second] = fitReports([report([
      { type: 'effect.failed', effectId: EffectId.parse('t/1/1'), at: 1, code: 'x', message: 'failed', retryable: false, log },
      { type: 'node.exec-done', at: 2, node: node('a'), generation: 1, results: [result] },
    ])], 20_000);
    expect([bytes(first), bytes(second)].every((size) => size <= 20_000)).toBe(true);
    expect(first?.observations).toMatchObject([{ message: 'failed', log: expect.arrayContaining([expect.stringMatching(/^line 1999 /)]) }]);
    expect(second?.observations).toMatchObject([{ results: [{ stderr: 'why', stdout: expect.stringMatching(/cut: too large/) }] }]);
  });
});
