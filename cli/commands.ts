// All verbs, in the order in which help lists them.
import type { CommandSpec } from './command-spec.ts';
import { deployCommand } from './commands/deploy.ts';
import { destroyCommand } from './commands/destroy.ts';
import { downCommand, statusCommand, upCommand } from './commands/controller.ts';
import { execCommand } from './commands/exec.ts';
import { inspectCommand } from './commands/inspect.ts';
import { restartCommand, retryCommand, startCommand, stopCommand } from './commands/lifecycle.ts';
import { listCommand } from './commands/list.ts';
import { planCommand } from './commands/plan.ts';
import { schemaCommand, validateCommand } from './commands/validate.ts';
import { versionCommand } from './commands/version.ts';

export const commands: readonly CommandSpec[] = [
  deployCommand, planCommand, destroyCommand, listCommand, inspectCommand, execCommand, startCommand, stopCommand, restartCommand, retryCommand,
  validateCommand, schemaCommand, upCommand, downCommand, statusCommand, versionCommand,
];
