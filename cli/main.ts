// The command line: arguments in, text or JSON out, one exit code.
import { CommanderError } from 'commander';
import { ControllerError } from '../controller/controller-error.ts';
import { OpsRequestError } from '../nats/errors.ts';
import { commands } from './commands.ts';
import { parseOptions } from './command-spec.ts';
import type { Dispatch } from './command-spec.ts';
import { GlobalOptions } from './context.ts';
import { CliError, EXIT } from './exit-code.ts';
import type { ExitCode } from './exit-code.ts';
import { buildProgram } from './program.ts';
import { createTerminal, leastLevel } from './terminal.ts';
import type { Terminal } from './terminal.ts';

// A reader that has seen enough (head, grep -q) is no accident.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
  throw error;
});

const run: Dispatch = async (spec, options, args) => {
  const globals = parseOptions(GlobalOptions, options);
  const terminal = createTerminal({ level: leastLevel(globals), env: process.env });
  noteRuntime(terminal, globals.runtime);
  process.exitCode = await spec.run?.({ terminal, globals }, options, args);
};

function noteRuntime(terminal: Terminal, runtime: string | undefined): void {
  if (runtime === undefined || runtime === 'docker') return;
  terminal.log('WARN', 'Only the docker runtime is known; --runtime is ignored', { runtime });
}

/** What is told of a failure, and the exit code it ends in. */
function explain(error: unknown): { code: string; message: string; exitCode: ExitCode; details: unknown } {
  if (error instanceof CliError) return error;
  if (error instanceof OpsRequestError) {
    const exitCode = error.code === 'no-responders' || error.code === 'connection-closed' || error.code === 'connection-lost' ? EXIT.unreachable : EXIT.failed;
    return { code: error.code, message: error.message, exitCode, details: error.details };
  }
  if (error instanceof ControllerError) return { code: error.code, message: error.message, exitCode: EXIT.failed, details: error.details };
  // Errors of other rooms and of the system name themselves and say all there is to say.
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return { code: error.code, message: error.message, exitCode: EXIT.failed, details: {} };
  return { code: 'internal', message: error instanceof Error ? (error.stack ?? error.message) : String(error), exitCode: EXIT.failed, details: {} };
}

try {
  await buildProgram(commands, run).parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  } else {
    const { code, message, exitCode, details } = explain(error);
    if (process.argv.includes('--json')) process.stderr.write(`${JSON.stringify({ error: { code, message, details } })}\n`);
    else createTerminal({ level: 'ERRO', env: process.env }).log('ERRO', message);
    process.exitCode = exitCode;
  }
}
