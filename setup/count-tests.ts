// Counts one test tier from vitest's JSON report: count-tests.ts REPORT EXIT-STATUS prints what failed, was retried or left out, then "P F S".
import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';

const Report = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string(), failureMessages: z.array(z.string()).nullish() })),
    }),
  ),
});

const MESSAGE_LINES = 6;
const LINE_LENGTH = 300;

/** What one tier amounts to; `lines` name each test that failed or needed a second try, with why, or was left out. */
export type TierCount = { readonly passed: number; readonly failed: number; readonly skipped: number; readonly lines: readonly string[] };

/**
 * Counts a report, which is undefined for a tier without one (types, lint: one test each).
 * A file that could not be loaded, and an exit status without a failed test, count as one failure: nothing fails unseen.
 */
export const countTests = (report: unknown, exitStatus: number): TierCount => {
  if (report === undefined) {
    return { passed: exitStatus === 0 ? 1 : 0, failed: exitStatus === 0 ? 0 : 1, skipped: 0, lines: [] };
  }
  const files = Report.parse(report).testResults;
  const tests = files.flatMap((file) => file.assertionResults.map((test) => ({ ...test, file: file.name })));
  const failedTests = tests.filter(({ status }) => status === 'failed');
  const skippedTests = tests.filter(({ status }) => status !== 'failed' && status !== 'passed');
  // The runner keeps what the first try said.
  const retriedTests = tests.filter(({ status, failureMessages }) => status === 'passed' && (failureMessages ?? []).length > 0);
  const brokenFiles = files.filter((file) => file.status === 'failed' && file.assertionResults.every(({ status }) => status !== 'failed'));
  const unexplained = exitStatus !== 0 && failedTests.length + brokenFiles.length === 0 ? 1 : 0;
  return {
    passed: tests.length - failedTests.length - skippedTests.length,
    failed: failedTests.length + brokenFiles.length + unexplained,
    skipped: skippedTests.length,
    lines: [
      ...failedTests.flatMap((test) => whatItSaid('failed', test)),
      ...retriedTests.flatMap((test) => whatItSaid('passed at its second try only', test)),
      ...brokenFiles.map(({ name }) => `failed: ${name} could not be run`),
      ...(unexplained === 1 ? [`failed: the test runner ended with status ${exitStatus}`] : []),
      ...skippedTests.map(({ file, fullName }) => `skipped: ${fullName} (${file})`),
    ],
  };
};

const whatItSaid = (what: string, { file, fullName, failureMessages }: { file: string; fullName: string; failureMessages?: string[] | null | undefined }): string[] => [
  `${what}: ${fullName} (${file})`,
  ...(failureMessages?.[0] ?? '').split('\n', MESSAGE_LINES).filter((line) => line !== '').map((line) => `  ${line.slice(0, LINE_LENGTH)}`),
];

if (import.meta.main) {
  const [path = '', exitStatus = '1'] = process.argv.slice(2);
  const counted = countTests(existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined, Number(exitStatus));
  for (const line of counted.lines) console.log(line);
  console.log(`${counted.passed} ${counted.failed} ${counted.skipped}`);
}
