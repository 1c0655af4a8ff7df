// docs/cli.md, made from the commands themselves.
import type { CommandSpec, OptionSpec } from '../command-spec.ts';
import { EXIT } from '../exit-code.ts';
import { GLOBAL_OPTIONS } from '../program.ts';

const MEANING: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'done', failed: 'it could not be carried out; the message says why', usage: 'the command line or the lab file is wrong; nothing was touched',
  degraded: 'the lab is there, but a node or link of it failed', timeout: 'the wish stands and is being worked on, but the time to wait is over', unreachable: 'no controller answers',
};

export function renderCliReference(commands: readonly CommandSpec[]): string {
  return [
    '# The command line',
    'Made from the commands themselves; `labwright VERB --help` says the same. How it compares with containerlab: [coming-from-containerlab.md](coming-from-containerlab.md).',
    'Data goes to standard output, log records to standard error. `--json` prints data for programs. Each option may also be set in the environment: `CLAB_<OPTION>` for the global ones, `CLAB_<VERB>_<OPTION>` for those of a verb; a flag beats it. `LABWRIGHT_HOME` names the state directory.',
    '## Global options\n\nThey may stand before or after the verb.',
    optionTable(GLOBAL_OPTIONS.map(([flags, text]) => ({ flags, text }))),
    '## Exit codes',
    ['| code | meaning |', '|---|---|', ...names.map((name) => `| ${EXIT[name]} | ${MEANING[name]} |`)].join('\n'),
    '## Verbs',
    ...commands.flatMap((spec) => section(spec, [])),
  ].join('\n\n').concat('\n');
}

const names = ['ok', 'failed', 'usage', 'degraded', 'timeout', 'unreachable'] as const;

function section(spec: CommandSpec, path: readonly string[]): string[] {
  const words = [...path, spec.usage];
  const heading = '#'.repeat(Math.min(5, 3 + path.length));
  return [
    `${heading} ${words.join(' ')}${spec.aliases === undefined ? '' : ` (or ${spec.aliases.join(', ')})`}`,
    `${capital(spec.summary)}.${spec.details === undefined ? '' : ` ${spec.details.replaceAll('\n', ' ')}`}`,
    ...(spec.options === undefined ? [] : [optionTable(spec.options)]),
    `\`\`\`sh\n${spec.examples.join('\n')}\n\`\`\``,
    ...(spec.subcommands ?? []).flatMap((sub) => section(sub, [...path, spec.usage.split(' ')[0] ?? ''])),
  ];
}

function optionTable(options: readonly OptionSpec[]): string {
  return ['| option | meaning |', '|---|---|', ...options.map((option) => `| \`${option.flags.replaceAll('|', '\\|')}\` | ${option.text}${option.choices === undefined ? '' : `: ${option.choices.join(', ')}`} |`)].join('\n');
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
