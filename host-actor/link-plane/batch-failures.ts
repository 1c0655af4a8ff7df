// Reads what `ip -force -batch` and `tc -force -batch` print about lines that failed.

export type BatchFailure = { readonly line: number; readonly reason: string };

export type BatchComplaints = {
  /** One for each line that the kernel refused; `line` counts from 1. */
  readonly failures: readonly BatchFailure[];
  /** What was printed after the last failed line: the cause, when a line could not be parsed and the batch ended there. */
  readonly trailing: string;
};

const FAILED = /^Command failed -:(\d+)$/;
const NOISE = new Set([
  'We have an error talking to the kernel',
  'bad action parsing',
  'Illegal "action"',
  'Command "action" is unknown, try "tc actions help".',
  'Error: Peer netns reference is invalid.',
]);
const NOISE_START = ['parse_action: bad value'];

/** Maps stderr of a batch to its lines; the reason of a failed line is whatever was printed before its `Command failed`. */
export function parseBatchFailures(stderr: string): BatchComplaints {
  const failures: BatchFailure[] = [];
  let pending: string[] = [];
  for (const raw of stderr.split('\n')) {
    const text = raw.trim();
    const failed = FAILED.exec(text);
    if (failed) {
      failures.push({ line: Number(failed[1]), reason: pending.join('; ') || 'no reason given' });
      pending = [];
    } else if (text !== '' && !NOISE.has(text) && !NOISE_START.some((start) => text.startsWith(start))) {
      pending.push(text.replace(/^(RTNETLINK answers|Error): /, ''));
    }
  }
  return { failures, trailing: pending.join('; ') };
}
