// Counting a tier: what passes, fails or is skipped is named, and nothing that went wrong stays uncounted.
import { describe, expect, it } from 'vitest';
import { countTests } from '../../setup/count-tests.ts';

const file = (status: string, ...tests: readonly string[]) => ({
  name: 'a.test.ts',
  status,
  assertionResults: tests.map((test, index) => ({ fullName: `test ${index}`, status: test })),
});

describe('countTests', () => {
  it('counts passed, failed and skipped tests and names the last two', () => {
    expect(countTests({ testResults: [file('failed', 'passed', 'failed', 'skipped', 'todo')] }, 1)).toEqual({
      passed: 1,
      failed: 1,
      skipped: 2,
      lines: ['failed: test 1 (a.test.ts)', 'skipped: test 2 (a.test.ts)', 'skipped: test 3 (a.test.ts)'],
    });
  });

  it('says with a failed test what it said, its first lines', () => {
    const test = { fullName: 'links', status: 'failed', failureMessages: ['AssertionError: expected 1 to be 2\n    at file:///a.test.ts:3:4'] };
    expect(countTests({ testResults: [{ name: 'a.test.ts', status: 'failed', assertionResults: [test] }] }, 1).lines).toEqual([
      'failed: links (a.test.ts)',
      '  AssertionError: expected 1 to be 2',
      '      at file:///a.test.ts:3:4',
    ]);
  });

  it('names a test that passed at its second try, and what the first one said', () => {
    const test = { fullName: 'links', status: 'passed', failureMessages: ['AssertionError: expected 1 to be 2'] };
    expect(countTests({ testResults: [{ name: 'a.test.ts', status: 'passed', assertionResults: [test] }] }, 0)).toEqual({
      passed: 1, failed: 0, skipped: 0, lines: ['passed at its second try only: links (a.test.ts)', '  AssertionError: expected 1 to be 2'],
    });
  });

  it('counts a file that could not be loaded as one failure', () => {
    expect(countTests({ testResults: [file('failed'), file('passed', 'passed')] }, 1)).toMatchObject({ passed: 1, failed: 1 });
  });

  it('counts a bad exit status without a failed test as one failure', () => {
    expect(countTests({ testResults: [file('passed', 'passed')] }, 124)).toMatchObject({ passed: 1, failed: 1 });
  });

  it.each([
    [0, { passed: 1, failed: 0, skipped: 0, lines: [] }],
    [2, { passed: 0, failed: 1, skipped: 0, lines: [] }],
  ])('counts a tier without report by its exit status %i', (status, counted) => {
    expect(countTests(undefined, status)).toEqual(counted);
  });
});
