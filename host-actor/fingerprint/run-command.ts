// Runs one program for a probe, bounded by its signal; a program that is not there is an error of its own.
import { constants, setPriority } from 'node:os';
import { execa } from 'execa';
import type { ProbeContext } from './probe.ts';

export type CommandResult = {
  /** Undefined when it was ended by a signal. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
};

/** The probe needs a program that this host does not have. */
export class ProgramMissingError extends Error {
  readonly code = 'program-missing';
  readonly program: string;

  constructor(program: string) {
    super(`program ${program} is not there`);
    this.name = 'ProgramMissingError';
    this.program = program;
  }
}

/** Runs a program to its end. @throws {ProgramMissingError}; the signal's reason when it aborts. */
export const runCommand = async (
  context: Pick<ProbeContext, 'env' | 'signal' | 'background'>,
  file: string,
  args: readonly string[],
  options: { readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<CommandResult> => {
  const running = execa(file, args, {
    env: { ...context.env, LC_ALL: 'C', ...options.env },
    extendEnv: false,
    reject: false,
    cancelSignal: context.signal,
    killSignal: 'SIGKILL',
    forceKillAfterDelay: false,
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
  });
  if (context.background === true && running.pid !== undefined) yieldTo(running.pid);
  const result = await running;
  if (result.code === 'ENOENT') throw new ProgramMissingError(file);
  context.signal.throwIfAborted();
  return { exitCode: result.exitCode, stdout: result.stdout, stderr: result.stderr };
};

/** It may have ended by now. */
const yieldTo = (pid: number): void => {
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch {
    return;
  }
};

/** Runs a shell script in a network namespace of its own, which goes with it: nothing is left behind.
 *  @throws {ProgramMissingError} for a program that the script needs, too. */
export const runInPrivateNetwork = async (context: Pick<ProbeContext, 'env' | 'signal' | 'background'>, script: string, input?: string): Promise<CommandResult> => {
  // The network namespace ends with its last process: --kill-child ends the script when unshare is killed.
  const args = ['--net', '--fork', '--kill-child', 'sh', '-e', '-c', script];
  const result = await runCommand(context, 'unshare', args, input === undefined ? {} : { input });
  const program = /^sh: \d+: ([\w.-]+): not found$/m.exec(result.stderr)?.[1];
  if (program !== undefined) throw new ProgramMissingError(program);
  return result;
};

/** The last line a program wrote on stderr, else on stdout: its reason. */
export const reasonOf = (result: CommandResult): string =>
  (result.stderr.trim() || result.stdout.trim()).split('\n').at(-1) || `exit code ${result.exitCode ?? 'none'}`;
