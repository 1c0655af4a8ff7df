// One command of the command line as data: its words, options, example, and what it does; and its registration.
import { Command, Option } from 'commander';
import type { z } from 'zod';
import type { Context } from './context.ts';
import { CliError, EXIT } from './exit-code.ts';
import type { ExitCode } from './exit-code.ts';

export type OptionSpec = {
  /** As commander takes it: `-c, --cleanup`, `--cmd <command>`, `--interface-stats [bool]`. */
  readonly flags: string;
  readonly text: string;
  readonly choices?: readonly string[];
  /** May be given several times; the values arrive as a list. With `split`, commas separate too. */
  readonly many?: 'repeat' | 'split';
  readonly required?: boolean;
};

export type CommandSpec = {
  /** The verb with its arguments: `node <lab> <node> [action]`. */
  readonly usage: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  readonly details?: string;
  readonly examples: readonly string[];
  readonly options?: readonly OptionSpec[];
  readonly subcommands?: readonly CommandSpec[];
  readonly hidden?: boolean;
  /** Absent for a command that only groups others. */
  readonly run?: (context: Context, options: unknown, args: readonly string[]) => Promise<ExitCode>;
};

/** Ties options to their schema, so that `run` gets them checked and typed. */
export function command<S extends z.ZodType>(
  spec: Omit<CommandSpec, 'run'> & { readonly schema: S; readonly run: (context: Context, options: z.infer<S>, args: readonly string[]) => Promise<ExitCode> },
): CommandSpec {
  const { schema, run, ...rest } = spec;
  return { ...rest, run: async (context, options, args) => await run(context, parseOptions(schema, options), args) };
}

/** @throws {CliError} usage, naming each option that is not of its form. */
export function parseOptions<S extends z.ZodType>(schema: S, options: unknown): z.infer<S> {
  const parsed = schema.safeParse(options);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `--${flagName(issue.path.join('.'))}: ${issue.message}`);
  throw new CliError(EXIT.usage, 'bad-option', faults.join('\n'));
}

const flagName = (key: string): string => key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

export type Dispatch = (spec: CommandSpec, options: unknown, args: readonly string[]) => Promise<void>;

/** Adds a command and those below it. Each option may also be set as `CLAB_<VERB>_<OPTION>`; a flag beats it. */
export function addCommand(parent: Command, spec: CommandSpec, dispatch: Dispatch, path: readonly string[] = []): void {
  const added = parent.command(spec.usage, { hidden: spec.hidden ?? false });
  const words = [...path, added.name()];
  added.description(spec.details === undefined ? spec.summary : `${spec.summary}\n\n${spec.details}`).summary(spec.summary);
  for (const alias of spec.aliases ?? []) added.alias(alias);
  for (const option of spec.options ?? []) added.addOption(toOption(option, words));
  added.addHelpText('after', `\nExample${spec.examples.length > 1 ? 's' : ''}:\n${spec.examples.map((line) => `  $ ${line}`).join('\n')}`);
  if (spec.run) {
    added.action(async (...given: unknown[]) => {
      const own = given.at(-1);
      if (!(own instanceof Command)) throw new Error('commander hands the command over last');
      await dispatch(spec, own.optsWithGlobals(), own.args);
    });
  }
  for (const sub of spec.subcommands ?? []) addCommand(added, sub, dispatch, words);
}

function toOption(spec: OptionSpec, words: readonly string[]): Option {
  const option = new Option(spec.flags, spec.text);
  option.env(['CLAB', ...words, option.name()].join('_').replaceAll('-', '_').toUpperCase());
  if (spec.choices) option.choices(spec.choices);
  if (spec.required) option.makeOptionMandatory();
  if (spec.many === 'repeat') option.argParser(collect);
  if (spec.many === 'split') option.argParser((value: string, before: unknown) => [...listOf(before), ...value.split(',').map((item) => item.trim()).filter(Boolean)]);
  return option;
}

/** Collects the values of an option that is given several times. */
export const collect = (value: string, before: unknown): string[] => [...listOf(before), value];

const listOf = (value: unknown): string[] => (Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []);
