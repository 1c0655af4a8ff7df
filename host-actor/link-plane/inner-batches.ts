// Runs batches of ip inside many namespaces with as few processes as can be: one ip a namespace, started by one or two shells.
import { availableParallelism } from 'node:os';
import { parseBatchFailures } from './batch-failures.ts';
import { runBatch, type BatchLine, type LineFailure } from './run-batch.ts';
import type { RunTool } from './run-tool.ts';

/** Lines to run inside one namespace, given by name or path. */
export type InnerBatch = { readonly netns: string; readonly lines: readonly BatchLine[] };

const SECTION = '@@labwright ';

/** Runs each batch in its namespace; failures say which line, and a batch that could not start fails its first line.
 *  A child of a shell costs 1.8 ms a namespace (measured for 100), a process from here twice that and our main thread's time. */
export async function runInnerBatches(run: RunTool, batches: readonly InnerBatch[]): Promise<readonly LineFailure[]> {
  const [first, ...others] = batches.filter((batch) => batch.lines.length > 0);
  if (!first) return [];
  if (others.length === 0) {
    const [program = 'ip', ...args] = ipInside(first.netns);
    const result = await runBatch((call) => run({ ...call, program, args: [...args, ...call.args] }), 'ip', first.lines);
    return result.aborted === undefined ? result.failures : [...result.failures, abortFailure(first, result.aborted)];
  }
  const all = [first, ...others];
  const shells = Math.min(availableParallelism(), 4, Math.ceil(all.length / 4));
  const shares = Array.from({ length: shells }, (_, shell) => all.filter((_batch, index) => index % shells === shell));
  return (await Promise.all(shares.map((share) => runShare(run, share)))).flat();
}

/** Asks ip (with `-j` and the given options) inside each namespace; answers by namespace, empty for one that is gone. */
export async function queryInner(run: RunTool, queries: readonly { readonly netns: string; readonly lines: readonly string[] }[], options = '-j'): Promise<ReadonlyMap<string, string>> {
  if (queries.length === 0) return new Map();
  const script = queries.map(({ netns, lines }, index) => `echo '${SECTION}${index}'\n${ipInside(netns).join(' ')} ${options} -force -batch - 2>/dev/null <<'END_OF_BATCH'\n${lines.join('\n')}\nEND_OF_BATCH\n`);
  const { stdout } = await run({ program: 'sh', args: [], stdin: script.join('') });
  const answers = stdout.split(SECTION).slice(1);
  return new Map(
    answers.flatMap((answer) => {
      const newline = answer.indexOf('\n');
      const query = queries[Number(answer.slice(0, newline))];
      return query === undefined ? [] : [[query.netns, answer.slice(newline + 1)] as const];
    }),
  );
}

async function runShare(run: RunTool, batches: readonly InnerBatch[]): Promise<readonly LineFailure[]> {
  const script = batches.map(section).join('');
  const { stderr } = await run({ program: 'sh', args: [], stdin: script });
  const parts = stderr.split(SECTION).slice(1);
  return parts.flatMap((part) => {
    const newline = part.indexOf('\n');
    const batch = batches[Number(part.slice(0, newline))];
    return batch ? shareFailures(batch, part.slice(newline + 1)) : [];
  });
}

/** `ip -n` takes names only. */
function ipInside(netns: string): readonly string[] {
  return netns.startsWith('/') ? ['nsenter', `--net=${netns}`, 'ip'] : ['ip', '-n', netns];
}

/** Every word has been checked against a pattern without shell characters before it comes here. */
function section(batch: InnerBatch, index: number): string {
  const lines = batch.lines.map((line) => line.text).join('\n');
  return `echo '${SECTION}${index}' >&2\n${ipInside(batch.netns).join(' ')} -force -batch - <<'END_OF_BATCH' || echo "ended $?" >&2\n${lines}\nEND_OF_BATCH\n`;
}

function shareFailures(batch: InnerBatch, stderr: string): readonly LineFailure[] {
  const ended = /^ended (\d+)$/m.exec(stderr);
  const complaints = parseBatchFailures(stderr.replace(/^ended \d+$/m, ''));
  const failures = complaints.failures.flatMap(({ line, reason }) => {
    const failed = batch.lines[line - 1];
    return failed && !failed.mayFail ? [{ owner: failed.owner, text: failed.text, reason }] : [];
  });
  const aborted = ended !== null && (ended[1] !== '1' || complaints.failures.length === 0);
  return aborted ? [...failures, abortFailure(batch, complaints.trailing)] : failures;
}

function abortFailure(batch: InnerBatch, reason: string): LineFailure {
  return { owner: batch.lines[0]?.owner ?? '', text: `batch in namespace ${batch.netns}`, reason: reason || 'ended early' };
}
