// Replaces `${VAR}` and `$VAR` in the text of a lab file by environment variables, with shell-like defaults.
import type { MappedText } from './source-map.ts';
import { textBuilder } from './source-map.ts';

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

// $$NAME and $${NAME} are escapes; $1, $(cmd) and a lone $ belong to shells inside the nodes.
const reference = /\$\$(?=[A-Za-z_{])|\$\{([A-Za-z_]\w*)(?:(:?[-=+])([^{}]*))?\}|\$([A-Za-z_]\w*)/g;

/**
 * Expands variables before the text is read as YAML, as containerlab does: `${X}` and `$X` when X is set,
 * `${X:-d}` and `${X:=d}` (unset or empty), `${X-d}` and `${X=d}` (unset), `${X:+d}` and `${X+d}` (set).
 * A variable that is not set and has no default stays as it is: it may be meant for a shell inside a node.
 */
export function expandVariables(source: MappedText, env: Environment): MappedText {
  if (!source.text.includes('$')) return source;
  const built = textBuilder(source);
  let done = 0;
  for (const match of source.text.matchAll(reference)) {
    const value = valueOf(match, env);
    if (value === undefined) continue;
    built.copy(source.text.slice(done, match.index), done);
    built.substitute(value, match.index);
    done = match.index + match[0].length;
  }
  built.copy(source.text.slice(done), done);
  return built.build();
}

function valueOf(match: RegExpExecArray, env: Environment): string | undefined {
  if (match[0] === '$$') return '$';
  const set = env[match[1] ?? match[4] ?? ''];
  const operator = match[2];
  const word = match[3] ?? '';
  if (operator === undefined) return set;
  const present = set !== undefined && !(operator.startsWith(':') && set === '');
  if (operator.endsWith('+')) return present ? word : '';
  return present ? set : word;
}
