// Splits the text of an `exec` line into words as a shell would, without running a shell. Pure.
import { ProviderError } from '../provider-error.ts';

/** Words of the line: blanks divide, quotes and backslashes protect, `#` at the start of a word begins a comment.
 *  @throws {ProviderError} `exec-unparsable` for an open quote or no word at all. Source: POSIX shell, token recognition. */
export function splitWords(line: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: '"' | "'" | undefined;
  for (let at = 0; at < line.length; at += 1) {
    const char = line.charAt(at);
    if (quote === undefined && /\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (quote === undefined && char === '#' && word === undefined) {
      const end = line.indexOf('\n', at);
      at = end === -1 ? line.length : end;
    } else if (char === quote) {
      quote = undefined;
    } else if (quote === undefined && (char === '"' || char === "'")) {
      quote = char;
      word ??= '';
    } else if (char === '\\' && quote !== "'" && at + 1 < line.length) {
      at += 1;
      word = (word ?? '') + unescape(line.charAt(at), quote);
    } else {
      word = (word ?? '') + char;
    }
  }
  if (quote !== undefined) throw new ProviderError('exec-unparsable', `command has an open ${quote} quote: ${line}`);
  if (word !== undefined) words.push(word);
  if (words.length === 0) throw new ProviderError('exec-unparsable', 'command is empty');
  return words;
}

/** Inside double quotes a backslash protects only what is special there. */
function unescape(char: string, quote: '"' | "'" | undefined): string {
  if (char === '\n') return '';
  return quote === '"' && !/["\\$`]/.test(char) ? `\\${char}` : char;
}
