// Exit codes of the command, each with one meaning.
export const EXIT = {
  ok: 0,
  /** The command could not be carried out; the message says why. */
  failed: 1,
  /** The command line or the lab file is wrong; nothing was touched. */
  usage: 2,
  /** The lab is there, but a node or link of it has failed. */
  degraded: 3,
  /** The wish stands and is being worked on, but the time to wait for it is over. */
  timeout: 4,
  /** No controller answers. */
  unreachable: 5,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A failure that the user is told of, with the exit code it ends in. */
export class CliError extends Error {
  readonly exitCode: ExitCode;
  readonly code: string;
  readonly details: Record<string, unknown>;

  constructor(exitCode: ExitCode, code: string, message: string, options: { cause?: unknown; details?: Record<string, unknown> } = {}) {
    super(message, { cause: options.cause });
    this.exitCode = exitCode;
    this.code = code;
    this.details = options.details ?? {};
  }
}
