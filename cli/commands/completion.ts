// completion: a script for the shell that completes verbs and options.
import { z } from 'zod';
import { command } from '../command-spec.ts';
import type { CommandSpec } from '../command-spec.ts';
import { CliError, EXIT } from '../exit-code.ts';
import { renderCompletion, SHELLS } from '../output/completion.ts';

/** @param all - the commands to complete; this one is not among them. */
export const completionCommand = (all: () => readonly CommandSpec[]): CommandSpec => command({
  usage: 'completion <shell>',
  summary: 'print a script that completes verbs and options',
  details: `SHELL is one of ${SHELLS.join(', ')}.`,
  examples: ['source <(labwright completion bash)', 'labwright completion zsh > "${fpath[1]}/_labwright"'],
  schema: z.object({}),
  run: async ({ terminal }, _options, [shell = '']) => {
    const known = SHELLS.find((one) => one === shell);
    if (known === undefined) throw new CliError(EXIT.usage, 'unknown-shell', `${JSON.stringify(shell)} is none of ${SHELLS.join(', ')}`);
    terminal.out(renderCompletion(known, all()));
    return EXIT.ok;
  },
});
