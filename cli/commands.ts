// All verbs, in the order in which help lists them.
import type { CommandSpec } from './command-spec.ts';
import { completionCommand } from './commands/completion.ts';
import { downCommand, statusCommand, upCommand } from './commands/controller.ts';
import { deployCommand } from './commands/deploy.ts';
import { destroyCommand } from './commands/destroy.ts';
import { doctorCommand } from './commands/doctor.ts';
import { eventsCommand } from './commands/events.ts';
import { execCommand } from './commands/exec.ts';
import { explainCommand } from './commands/explain.ts';
import { generateCommand } from './commands/generate.ts';
import { graphCommand } from './commands/graph.ts';
import { hostCommand } from './commands/host.ts';
import { historyCommand } from './commands/history.ts';
import { inspectCommand } from './commands/inspect.ts';
import { restartCommand, retryCommand, startCommand, stopCommand } from './commands/lifecycle.ts';
import { linkCommand } from './commands/link.ts';
import { listCommand } from './commands/list.ts';
import { nodeCommand } from './commands/node.ts';
import { orphansCommand } from './commands/orphans.ts';
import { planCommand } from './commands/plan.ts';
import { pruneCommand } from './commands/prune.ts';
import { redeployCommand } from './commands/redeploy.ts';
import { saveCommand } from './commands/save.ts';
import { supervisorCommand } from './commands/supervisor.ts';
import { toolsCommand } from './commands/tools.ts';
import { schemaCommand, validateCommand } from './commands/validate.ts';
import { viewerCommand } from './commands/viewer.ts';
import { versionCommand } from './commands/version.ts';

export const commands: readonly CommandSpec[] = [
  deployCommand, planCommand, redeployCommand, destroyCommand, listCommand, inspectCommand, execCommand,
  nodeCommand, linkCommand, startCommand, stopCommand, restartCommand, retryCommand, historyCommand, eventsCommand, saveCommand,
  validateCommand, schemaCommand, explainCommand, graphCommand, generateCommand, toolsCommand, hostCommand, viewerCommand, orphansCommand, pruneCommand, upCommand, downCommand, statusCommand, supervisorCommand, doctorCommand, versionCommand,
  completionCommand(() => commands),
];
