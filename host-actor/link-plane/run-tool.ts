// Runs one program of the link plane to its end: one-shot, input on stdin, inside the namespace that carries the host ends.
import { spawn } from 'node:child_process';
import { LinkPlaneError } from './link-plane-error.ts';

export type ToolRun = { readonly exitCode: number | undefined; readonly stdout: string; readonly stderr: string };

export type ToolCall = {
  readonly program: string;
  readonly args: readonly string[];
  readonly stdin?: string;
  readonly deadlineMs?: number;
};

export type RunTool = (call: ToolCall) => Promise<ToolRun>;

const DEFAULT_DEADLINE_MS = 60_000;
/** Reasons are read from what the programs print, so in one language; the rest of our environment is none of their business. */
export function toolEnvironment(): Readonly<Record<string, string>> {
  return { PATH: [process.env['PATH'], '/usr/sbin:/usr/bin:/sbin:/bin'].filter((path) => path).join(':'), LC_ALL: 'C' };
}

/** Where the plane's programs run: in a named or given namespace, or in our own. */
export function toolRunnerIn(hostNetns: string | undefined): RunTool {
  return (call) => runTool({ ...call, ...commandIn(hostNetns, call.program, call.args) });
}

/** A program with its arguments as it is called to run in a namespace. */
export function commandIn(netns: string | undefined, program: string, args: readonly string[]): { readonly program: string; readonly args: readonly string[] } {
  if (netns === undefined) return { program, args };
  return { program: 'nsenter', args: [`--net=${netns.includes('/') ? netns : `/run/netns/${netns}`}`, program, ...args] };
}

/** Runs a program and returns what it printed, whatever its exit code. node:child_process because a repair is three such
 *  processes and the library used elsewhere doubles the cost of each (2.2 against 4.6 ms, and many times more when our process is big: see tool-shells.ts).
 *  @throws {LinkPlaneError} `tool-failed` when it cannot be started, `deadline` when it did not end in time. */
export function runTool(call: ToolCall): Promise<ToolRun> {
  const deadlineMs = call.deadlineMs ?? DEFAULT_DEADLINE_MS;
  return new Promise((resolve, reject) => {
    const child = spawn(call.program, call.args, { stdio: ['pipe', 'pipe', 'pipe'], env: toolEnvironment() });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, deadlineMs);
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    // A program that ends early leaves us writing into a closed pipe; its exit code tells the story.
    child.stdin.on('error', () => undefined);
    child.once('error', (cause) => {
      clearTimeout(timer);
      reject(new LinkPlaneError('tool-failed', `${call.program} could not be started: ${cause.message}`, { program: call.program, ...('code' in cause && cause.code === 'ENOENT' ? { exitCode: 127 } : {}) }, cause));
    });
    child.once('close', (exitCode) => {
      clearTimeout(timer);
      const printed = { stdout: Buffer.concat(stdout).toString('utf8'), stderr: Buffer.concat(stderr).toString('utf8') };
      if (late) {
        reject(new LinkPlaneError('deadline', `${call.program} did not end within ${deadlineMs} ms: ${printed.stderr.slice(-300)}`, { program: call.program, deadlineMs }));
        return;
      }
      resolve({ exitCode: exitCode ?? undefined, ...printed });
    });
    child.stdin.end(call.stdin ?? '');
  });
}
