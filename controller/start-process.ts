// Starts one process in its own session, with its log as output and its lock as descriptor 3.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { MARK_VARIABLE } from './adopt-process.ts';
import { ControllerError } from './controller-error.ts';
import { openLog } from './log-file.ts';
import { readProcessIdentity } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';
import type { ProcessCommand, ProcessSpec } from './process-spec.ts';

export type StartedProcess = {
  readonly identity: ProcessIdentity;
  /** How it ended, in words; never rejects. */
  readonly ended: Promise<string>;
};

/** Starts the command detached from terminal and parent; it holds the lock `lockFd` until it dies.
 *  @throws {ControllerError} `process-failed` (retryable) when the program cannot be run. */
export const startProcess = async (spec: ProcessSpec, command: ProcessCommand, lockFd: number): Promise<StartedProcess> => {
  const log = await openLog(spec.logPath);
  try {
    // Not execa: it hands no descriptor that is open already to a child, and the lock must be given away.
    const child = spawn(command.file, command.args, {
      cwd: '/',
      env: { ...process.env, ...command.env, [MARK_VARIABLE]: spec.recordPath },
      detached: true,
      stdio: ['ignore', log.fd, log.fd, lockFd],
    });
    const ended = untilEnd(child);
    const identity = child.pid === undefined ? undefined : readProcessIdentity(child.pid);
    if (identity === undefined) {
      throw new ControllerError('process-failed', `${spec.name} could not be started: ${command.file}: ${await ended}`, { retryable: true });
    }
    return { identity, ended };
  } finally {
    await log.close();
  }
};

const untilEnd = (child: ChildProcess): Promise<string> =>
  new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal === null ? `it ended with exit code ${code}` : `it was ended by ${signal}`));
  });
