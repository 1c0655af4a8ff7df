// Runs one command inside a running node, with its exit code and both outputs.
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { ProviderError, isProviderError } from '../provider-error.ts';
import type { ExecOnce, ExecResult, VerbOptions } from '../provider.ts';
import { requireAny, requireOurs } from './container-life.ts';
import type { EngineClient } from './engine-client.ts';
import { engineStatus, engineText } from './engine-client.ts';
import { splitWords } from './split-words.ts';
import { readOutput } from './stream-frames.ts';

const defaultTimeoutMs = 60_000;
const maxBytes = 1024 * 1024;

type ExecOptions = VerbOptions & { timeoutMs?: number; once?: ExecOnce; foreign?: boolean };
type Exec = { readonly id: string; readonly runtimeId: string; readonly what: string; readonly options: ExecOptions };

const pollMs = 50;
const outputLost = 'its output is lost: the process that read it died meanwhile\n';

/** Runs the command; a text is split into words, no shell runs it. A command that cannot be started has exit code 126 or
 *  127 and the engine's words; one that overstays is killed. With `once`, one that ran before a crash of the caller is not run
 *  again: its exit code is read from the engine.
 *  @throws {ProviderError} `exec-unparsable`, `exec-timeout`, `not-running`, `container-absent`, and those of the client. */
export async function execInNode(engine: EngineClient, runtimeId: string, command: string | readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  const words = typeof command === 'string' ? splitWords(command) : command;
  const node = await (options.foreign === true ? requireAny : requireOurs)(engine, runtimeId, options);
  if (node.status !== 'running') throw new ProviderError('not-running', `cannot run ${words.join(' ')} in ${node.name}: it is ${node.status}`);
  const what = `running ${words.join(' ')} in ${node.name}`;
  const begun = options.once?.begun;
  const state = begun === undefined ? 'unknown' : await readBegun(engine, begun, what, options);
  if (begun !== undefined && state === 'begun') return await endOfBegun(engine, { id: begun, runtimeId, what, options });
  if (begun !== undefined && state === 'not-begun') return await run(engine, { id: begun, runtimeId, what, options });
  const made = await engine.call({ what, ...options }, (docker, abortSignal) =>
    docker.getContainer(runtimeId).exec({ Cmd: [...words], AttachStdout: true, AttachStderr: true, AttachStdin: false, Tty: false, abortSignal }),
  ).catch((cause: unknown) => {
    if (engineStatus(cause) !== 409) throw cause;
    throw new ProviderError('not-running', `cannot run ${words.join(' ')} in ${node.name}: ${engineText(cause)}`, { cause });
  });
  await options.once?.note(made.id);
  return await run(engine, { id: made.id, runtimeId, what, options });
}

async function run(engine: EngineClient, exec: Exec): Promise<ExecResult> {
  const { id, what, options } = exec;
  try {
    const output = await engine.call({ what, ...options, deadlineMs: options.timeoutMs ?? defaultTimeoutMs, lane: 'exec' }, async (docker, abortSignal) =>
      readOutput(await docker.getExec(id).start({ Detach: false, Tty: false, abortSignal }), { tty: false, maxBytes }),
    );
    const end = await readEnd(engine, id, what, options);
    return { ...withEngineError(output, end.exitCode), exitCode: end.exitCode };
  } catch (error) {
    return await afterFailure(engine, exec, error);
  }
}

async function afterFailure(engine: EngineClient, { id, runtimeId, what, options }: Exec, error: unknown): Promise<ExecResult> {
  if (isProviderError(error, 'engine-timeout', 'cancelled')) await killLeftOver(engine, id, runtimeId);
  if (isProviderError(error, 'engine-timeout')) {
    const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
    throw new ProviderError('exec-timeout', `${what} did not end within ${timeoutMs} ms and was killed`, { cause: error, details: { timeoutMs } });
  }
  return refusedStart(error);
}

/** What became of a command that an earlier process of ours had noted; `unknown`: its container is another one now. */
async function readBegun(engine: EngineClient, id: string, what: string, options: VerbOptions): Promise<'begun' | 'not-begun' | 'unknown'> {
  try {
    const { Running, ExitCode } = await engine.call({ what, ...options }, (docker, abortSignal) => docker.getExec(id).inspect({ abortSignal }));
    return Running || ExitCode !== null ? 'begun' : 'not-begun';
  } catch (error) {
    if (engineStatus(error) === 404) return 'unknown';
    throw error;
  }
}

async function endOfBegun(engine: EngineClient, exec: Exec): Promise<ExecResult> {
  const { id, what, options } = exec;
  try {
    return await engine.call({ what, ...options, deadlineMs: options.timeoutMs ?? defaultTimeoutMs, lane: 'exec' }, async (docker, abortSignal) => {
      for (;;) {
        const { Running, ExitCode } = await docker.getExec(id).inspect({ abortSignal });
        if (!Running) return { exitCode: ExitCode ?? -1, stdout: '', stderr: outputLost, engineError: undefined, truncated: true };
        await delay(pollMs, undefined, { signal: abortSignal });
      }
    });
  } catch (error) {
    return await afterFailure(engine, exec, error);
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
