// Looks verbs and flags up in the command line as it is registered.
import type { Command } from 'commander';
import { commands } from '../../cli/commands.ts';
import type { CommandSpec } from '../../cli/command-spec.ts';
import { buildProgram } from '../../cli/program.ts';

/** The command of a verb (`inspect interfaces`), by name or alias; undefined when there is none. */
export function findCommand(verb: string): Command | undefined {
  let at: Command | undefined = buildProgram(commands, async () => {});
  for (const word of verb.split(' ')) at = at?.commands.find((command) => command.name() === word || command.aliases().includes(word));
  return at;
}

/** Whether a command takes a flag, its own or one that holds for all verbs. */
export function takesFlag(command: Command, flag: string): boolean {
  for (let at: Command | null = command; at !== null; at = at.parent) {
    if (at.options.some((option) => option.short === flag || option.long === flag)) return true;
  }
  return false;
}

/** Verbs of ours that do something, with those below others, in the order of help. */
export function ownVerbs(): string[] {
  const below = (specs: readonly CommandSpec[], path: readonly string[]): string[] =>
    specs.filter((spec) => spec.hidden !== true).flatMap((spec) => {
      const words = [...path, spec.usage.split(' ')[0] ?? ''];
      return [...(spec.run === undefined ? [] : [words.join(' ')]), ...below(spec.subcommands ?? [], words)];
    });
  return below(commands, []);
}
