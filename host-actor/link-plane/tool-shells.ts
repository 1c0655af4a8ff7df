// Starts small programs fast: a few waiting shells fork them, since forking our own big process costs several times the program itself.
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import { LinkPlaneError } from './link-plane-error.ts';
import { commandIn, runTool, toolEnvironment, type RunTool, type ToolCall, type ToolRun } from './run-tool.ts';

/** Above this the shell's reading of the input costs more than the fork. */
const SMALL_INPUT = 16_384;
const MAX_SHELLS = 3;
/** A shell without work ends; in another namespace soon, for it holds that. */
const IDLE_MS = { own: 600_000, other: 3_000 };
const DEFAULT_DEADLINE_MS = 60_000;
const NOT_STARTED = new Set([126, 127]);
const PLAIN_WORD = /^[A-Za-z0-9_./:=@+-]+$/;

type Job = { readonly call: ToolCall; readonly resolve: (run: ToolRun) => void; readonly reject: (error: unknown) => void };
type Shell = { readonly child: ChildProcessWithoutNullStreams; readonly token: string; readonly idleMs: number; job: Job | undefined; stdout: string; stderr: string; timer: NodeJS.Timeout | undefined };

/** Runs programs in a namespace (our own when undefined). The programs themselves stay one-shot: only the shell that forks them
 *  lives on. A long-lived ip or tc would keep dead namespaces alive and hit devices that took an old one's place.
 *  Measured with 150 MB of our own: 1.8 ms a program, 10 ms when forked from here. */
export function createToolShells(netns: string | undefined): RunTool {
  const shells = new Set<Shell>();
  const waiting: Job[] = [];

  const next = (): void => {
    const [job] = waiting;
    if (!job) return;
    const idle = [...shells].find((shell) => shell.job === undefined) ?? (shells.size < MAX_SHELLS ? startShell(netns, shells, next) : undefined);
    if (!idle) return;
    waiting.shift();
    give(idle, job);
    next();
  };
  return (call) => {
    const small = (call.stdin?.length ?? 0) <= SMALL_INPUT && [call.program, ...call.args].every((word) => PLAIN_WORD.test(word));
    if (!small) return runTool({ ...call, ...commandIn(netns, call.program, call.args) });
    return new Promise((resolve, reject) => {
      waiting.push({ call, resolve, reject });
      next();
    });
  };
}

function startShell(netns: string | undefined, shells: Set<Shell>, next: () => void): Shell {
  const { program, args } = commandIn(netns, 'sh', []);
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...args], { stdio: 'pipe', env: toolEnvironment(), detached: true });
  const shell: Shell = { child, token: `@@${randomBytes(12).toString('hex')}`, idleMs: netns === undefined ? IDLE_MS.own : IDLE_MS.other, job: undefined, stdout: '', stderr: '', timer: undefined };
  shells.add(shell);
  // Waiting shells are no reason for our process to stay.
  setRef(shell, 'unref');
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shell.stdout += text;
    settle(shell, shells, next);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    shell.stderr += text;
    settle(shell, shells, next);
  });
  child.stdin.on('error', () => undefined);
  const gone = (): void => {
    if (!shells.delete(shell)) return;
    clearTimeout(shell.timer);
    const { job } = shell;
    shell.job = undefined;
    job?.reject(new LinkPlaneError('tool-failed', `${job.call.program} could not be run: the shell that starts it ended (${shell.stderr.slice(-300).trim()})`, { program: job.call.program }));
    next();
  };
  child.once('error', gone);
  child.once('close', gone);
  return shell;
}

function give(shell: Shell, job: Job): void {
  clearTimeout(shell.timer);
  shell.job = job;
  shell.stdout = '';
  shell.stderr = '';
  setRef(shell, 'ref');
  const { call } = job;
  const words = [call.program, ...call.args].join(' ');
  const input = call.stdin === undefined ? '</dev/null' : `<<'${shell.token}'\n${call.stdin.endsWith('\n') ? call.stdin : `${call.stdin}\n`}${shell.token}`;
  shell.child.stdin.write(`${words} ${input}\nprintf '\\n${shell.token} %s\\n' $?\nprintf '\\n${shell.token}\\n' >&2\n`);
  const deadlineMs = call.deadlineMs ?? DEFAULT_DEADLINE_MS;
  shell.timer = setTimeout(() => {
    shell.job = undefined;
    kill(shell);
    job.reject(new LinkPlaneError('deadline', `${call.program} did not end within ${deadlineMs} ms: ${shell.stderr.slice(-300)}`, { program: call.program, deadlineMs }));
  }, deadlineMs);
}

/** Both ends are marked after the program's own output; the mark is looked for at the end only, for that may be a megabyte. */
function settle(shell: Shell, shells: Set<Shell>, next: () => void): void {
  const { job, token } = shell;
  if (!job || !shell.stdout.endsWith('\n') || !shell.stderr.endsWith(`\n${token}\n`) || !shell.stdout.slice(-token.length - 8).includes(token)) return;
  const outEnd = shell.stdout.lastIndexOf(`\n${token} `);
  const exitCode = Number(shell.stdout.slice(outEnd + token.length + 2));
  const run = { exitCode, stdout: shell.stdout.slice(0, outEnd), stderr: shell.stderr.slice(0, -token.length - 2) };
  clearTimeout(shell.timer);
  shell.job = undefined;
  shell.timer = setTimeout(() => {
    shells.delete(shell);
    shell.child.stdin.end();
  }, shell.idleMs).unref();
  setRef(shell, 'unref');
  if (NOT_STARTED.has(exitCode)) job.reject(new LinkPlaneError('tool-failed', `${job.call.program} could not be started: ${run.stderr.trim()}`, { program: job.call.program, exitCode }));
  else job.resolve(run);
  next();
}

/** The program is in the shell's process group and goes with it. */
function kill(shell: Shell): void {
  if (shell.child.pid === undefined) return;
  try {
    process.kill(-shell.child.pid, 'SIGKILL');
  } catch {
    // It ended by itself meanwhile.
  }
}

function setRef(shell: Shell, how: 'ref' | 'unref'): void {
  shell.child[how]();
  for (const stream of [shell.child.stdin, shell.child.stdout, shell.child.stderr]) if (stream instanceof Socket) stream[how]();
}
