// Scripts that complete the command line in bash, zsh and fish, made from the commands themselves.
import type { CommandSpec } from '../command-spec.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** Global options that take a value, which is no verb. */
const VALUED = ['-t', '--topo', '--vars', '--name', '--timeout', '-r', '--runtime', '--log-level'];
const GLOBALS = ['--topo', '--vars', '--name', '--timeout', '--runtime', '--debug', '--log-level', '--json', '--help'];

export function renderCompletion(shell: Shell, commands: readonly CommandSpec[]): string {
  if (shell === 'fish') return fish(commands);
  const script = bash(commands);
  return shell === 'bash' ? script : `#compdef labwright\nautoload -U +X bashcompinit && bashcompinit\n${script}`;
}

type Place = { readonly path: string; readonly words: readonly string[] };

/** What may follow each path of verbs. */
function places(commands: readonly CommandSpec[], path: readonly string[] = []): Place[] {
  const here: Place = { path: path.join(' '), words: commands.map(nameOf) };
  return [here, ...commands.flatMap((spec) => {
    const below = [...path, nameOf(spec)];
    if (spec.subcommands !== undefined && spec.run === undefined) return places(spec.subcommands, below);
    return [{ path: below.join(' '), words: [...(spec.subcommands ?? []).map(nameOf), ...flagsOf(spec)] }];
  })];
}

const nameOf = (spec: CommandSpec): string => spec.usage.split(' ')[0] ?? '';
const flagsOf = (spec: CommandSpec): string[] => (spec.options ?? []).flatMap((option) => /--[a-z0-9-]+/.exec(option.flags)?.[0] ?? []);

function bash(commands: readonly CommandSpec[]): string {
  const cases = places(commands).map(({ path, words }) => `    '${path}') words='${[...words, ...GLOBALS].join(' ')}' ;;`);
  return `_labwright() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} path='' words='' word
  case $previous in -t|--topo|--vars|--ca-cert|--ca-key|--path|--file) COMPREPLY=($(compgen -f -- "$current")); return ;; esac
  local value=
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $value$word in
      ${VALUED.join('|')}) value=1 ;;
      1*) value='' ;;
      -*) ;;
      *) path="\${path:+$path }$word" ;;
    esac
  done
  while :; do
    case $path in
${cases.map((line) => `  ${line}`).join('\n')}
    esac
    [ -z "$words" ] && [ -n "$path" ] || break
    case $path in *' '*) path=\${path% *} ;; *) path='' ;; esac
  done
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _labwright labwright`;
}

function fish(commands: readonly CommandSpec[]): string {
  const top = commands.map((spec) => `complete -c labwright -n __fish_use_subcommand -f -a ${nameOf(spec)} -d '${spec.summary.replaceAll("'", "\\'")}'`);
  const flags = commands.flatMap((spec) => [
    ...(spec.subcommands ?? []).map((sub) => `complete -c labwright -n '__fish_seen_subcommand_from ${nameOf(spec)}' -f -a ${nameOf(sub)}`),
    ...flagsOf(spec).map((flag) => `complete -c labwright -n '__fish_seen_subcommand_from ${nameOf(spec)}' -l ${flag.slice(2)}`),
  ]);
  return [...top, ...flags, ...GLOBALS.map((flag) => `complete -c labwright -l ${flag.slice(2)}`)].join('\n');
}
