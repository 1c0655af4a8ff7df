// Runs one command inside a running node, with its exit code and both outputs.
import { readFile } from 'node:fs/promises';
import { ProviderError, isProviderError } from '../provider-error.ts';
import type { ExecResult, VerbOptions } from '../provider.ts';
import { requireOurs } from './container-life.ts';
import type { EngineClient } from './engine-client.ts';
import { engineStatus, engineText } from './engine-client.ts';
import { splitWords } from './split-words.ts';
import { readOutput } from './stream-frames.ts';

const defaultTimeoutMs = 60_000;
const maxBytes = 1024 * 1024;

/** Runs the command; a text is split into words, no shell runs it. A command that cannot be started has exit code 126 or
 *  127 and the engine's words; one that overstays is killed.
 *  @throws {ProviderError} `exec-unparsable`, `exec-timeout`, `not-running`, `container-absent`, and those of the client. */
export async function execInNode(engine: EngineClient, runtimeId: string, command: string | readonly string[], options: VerbOptions & { timeoutMs?: number } = {}): Promise<ExecResult> {
  const words = typeof command === 'string' ? splitWords(command) : command;
  const node = await requireOurs(engine, runtimeId, options);
  if (node.status !== 'running') throw new ProviderError('not-running', `cannot run ${words.join(' ')} in ${node.name}: it is ${node.status}`);
  const what = `running ${words.join(' ')} in ${node.name}`;
  const made = await engine.call({ what, ...options }, (docker, abortSignal) =>
    docker.getContainer(runtimeId).exec({ Cmd: [...words], AttachStdout: true, AttachStderr: true, AttachStdin: false, Tty: false, abortSignal }),
  );
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  try {
    const output = await engine.call({ what, ...options, deadlineMs: timeoutMs, lane: 'exec' }, async (_docker, abortSignal) =>
      readOutput(await made.start({ Detach: false, Tty: false, abortSignal }), { tty: false, maxBytes }),
    );
    const end = await readEnd(engine, made.id, what, options);
    return { ...withEngineError(output, end.exitCode), exitCode: end.exitCode };
  } catch (error) {
    if (isProviderError(error, 'engine-timeout', 'cancelled')) await killLeftOver(engine, made.id, runtimeId);
    if (isProviderError(error, 'engine-timeout')) {
      throw new ProviderError('exec-timeout', `${what} did not end within ${timeoutMs} ms and was killed`, { cause: error, details: { timeoutMs } });
    }
    return refusedStart(error);
  }
}

async function readEnd(engine: EngineClient, execId: string, what: string, options: VerbOptions) {
  const end = await engine.call({ what, ...options }, (docker, abortSignal) => docker.getExec(execId).inspect({ abortSignal }));
  return { exitCode: end.ExitCode ?? -1, pid: end.Pid, running: end.Running };
}

/** Engines report a command that does not exist as its output, with 126 or 127 as exit code. */
function withEngineError(output: { stdout: string; stderr: string; truncated: boolean }, exitCode: number): Omit<ExecResult, 'exitCode'> {
  const text = output.stdout.trim();
  const refused = (exitCode === 126 || exitCode === 127) && text.startsWith('OCI runtime exec failed');
  return refused ? { ...output, stdout: '', stderr: text, engineError: text } : { ...output, engineError: undefined };
}

/** Some engines answer the same with an HTTP error. */
function refusedStart(error: unknown): ExecResult {
  const text = engineText(error);
  if (engineStatus(error) === undefined || !text.includes('exec failed')) throw error;
  return { exitCode: 126, stdout: '', stderr: text, engineError: text, truncated: false };
}

/** The engine has no call to end an exec. Its process is killed from outside, if it is still one of that container. */
async function killLeftOver(engine: EngineClient, execId: string, runtimeId: string): Promise<void> {
  try {
    const { pid, running } = await readEnd(engine, execId, 'ending a command that overstayed', { deadlineMs: 5_000 });
    if (!running || pid <= 1) return;
    const cgroup = await readFile(`/proc/${pid}/cgroup`, 'utf8');
    if (cgroup.includes(runtimeId)) process.kill(pid, 'SIGKILL');
  } catch {
    // The engine is frozen or the process has ended: the time-out that is being reported says all.
  }
}
