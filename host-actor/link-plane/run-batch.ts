// Runs a list of ip or tc lines as one batch and says which line failed why.
import { parseBatchFailures } from './batch-failures.ts';
import type { RunTool } from './run-tool.ts';

/** A line of a batch and whose it is. `mayFail`: its failure is no news (deleting what may be absent). */
export type BatchLine = { readonly text: string; readonly owner: string; readonly mayFail?: boolean };

export type LineFailure = { readonly owner: string; readonly text: string; readonly reason: string };

export type BatchResult = {
  readonly failures: readonly LineFailure[];
  /** Set when a line could not be parsed and an unknown rest of the batch never ran: what was printed last. */
  readonly aborted?: string;
};

/** Runs all lines in order; lines that the kernel refuses do not stop the rest. An empty list costs nothing. */
export async function runBatch(run: RunTool, tool: 'ip' | 'tc', lines: readonly BatchLine[]): Promise<BatchResult> {
  if (lines.length === 0) return { failures: [] };
  const stdin = `${lines.map((line) => line.text).join('\n')}\n`;
  const result = await run({ program: tool, args: ['-force', '-batch', '-'], stdin });
  const complaints = parseBatchFailures(result.stderr);
  const failures: LineFailure[] = [];
  for (const { line, reason } of complaints.failures) {
    const failed = lines[line - 1];
    if (failed && !failed.mayFail) failures.push({ owner: failed.owner, text: failed.text, reason });
  }
  const ended = result.exitCode === 0 || (result.exitCode === 1 && complaints.failures.length > 0);
  return ended ? { failures } : { failures, aborted: complaints.trailing || `${tool} ended with exit code ${result.exitCode ?? 'none'}` };
}
