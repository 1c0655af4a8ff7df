// The whole command line: options that hold for all verbs, and the verbs.
import { Command, Option } from 'commander';
import { addCommand, collect } from './command-spec.ts';
import type { CommandSpec, Dispatch } from './command-spec.ts';

/** Options that may stand before or after the verb. */
export const GLOBAL_OPTIONS: readonly (readonly [flags: string, text: string, env?: string])[] = [
  ['-t, --topo <path>', 'lab file, folder with one lab file in it, - for standard input, http(s) URL, or git repository (URL, or owner/name of GitHub)', 'CLAB_TOPO'],
  ['--vars <file>', 'values for the templates of the lab file (YAML or JSON); may be given several times, later ones win', 'CLAB_VARS'],
  ['--name <lab>', 'name of the lab; takes the place of the one in the file', 'CLAB_NAME'],
  ['--timeout <duration>', 'how long to wait, e.g. 90s or 10m', 'CLAB_TIMEOUT'],
  ['-r, --runtime <name>', 'container runtime; only docker is known', 'CLAB_RUNTIME'],
  ['-d, --debug', 'log more', 'CLAB_DEBUG'],
  ['--log-level <level>', 'trace, debug, info, warn or error', 'CLAB_LOG_LEVEL'],
  ['--json', 'print data as JSON'],
];

/** Builds the program. `dispatch` is called with the command that the arguments name. */
export function buildProgram(commands: readonly CommandSpec[], dispatch: Dispatch): Command {
  const program = new Command('labwright')
    .description('Runs virtual network labs and keeps them as wanted until told to destroy them.')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false, optionDescription: describeOption })
    .showHelpAfterError('(add --help to see what is possible)')
    .showSuggestionAfterError(true)
    .exitOverride();
  for (const [flags, text, env] of GLOBAL_OPTIONS) {
    const option = new Option(flags, text);
    if (flags.startsWith('--vars')) option.argParser(collect);
    program.addOption(env === undefined ? option : option.env(env));
  }
  for (const spec of commands) addCommand(program, spec, dispatch);
  program.addHelpText('after', '\nEach option may also be set in the environment: CLAB_<OPTION> for those above, CLAB_<VERB>_<OPTION> for those of a verb.\n\nStart with:\n  $ labwright deploy -t lab.clab.yml\n  $ labwright inspect -t lab.clab.yml');
  return program;
}

/** The text of an option without its variable: the rule for their names stands once, at the end of the help. */
function describeOption(option: Option): string {
  return option.argChoices === undefined ? option.description : `${option.description}: ${option.argChoices.join(', ')}`;
}
