// Splits a command line into words as containerlab does: quotes, backslashes, comments, no expansion.

/** The words, or what is wrong with the line. */
export type SplitCommand = { words: string[] } | { error: string };

type Mode = 'between' | 'word' | 'single' | 'double' | 'comment';

/**
 * Splits a command line: blanks separate, single quotes keep all, double quotes keep all but a backslash, which takes
 * the next character as it is; `#` at the start of a word begins a comment. Nothing is expanded: no shell is involved.
 */
export function splitCommand(line: string): SplitCommand {
  const words: string[] = [];
  let mode: Mode = 'between';
  let word = '';
  for (let index = 0; index < line.length; index += 1) {
    const char = line[index] ?? '';
    if (mode === 'comment') {
      if (char === '\n') mode = 'between';
    } else if (char === '\\' && mode !== 'single') {
      index += 1;
      if (index >= line.length) return { error: 'it ends with a backslash' };
      word += line[index] ?? '';
      if (mode === 'between') mode = 'word';
    } else if (mode === 'single' || mode === 'double') {
      if (char === (mode === 'single' ? "'" : '"')) mode = 'word';
      else word += char;
    } else if (/\s/.test(char)) {
      if (mode === 'word') words.push(word);
      word = '';
      mode = 'between';
    } else if (char === '#' && mode === 'between') mode = 'comment';
    else if (char === "'") mode = 'single';
    else if (char === '"') mode = 'double';
    else {
      word += char;
      mode = 'word';
    }
  }
  if (mode === 'single' || mode === 'double') return { error: `a ${mode} quote is not closed` };
  if (mode === 'word') words.push(word);
  return { words };
}
