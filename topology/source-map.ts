// Remembers, for a text made by substitution, which place of the original each place came from.
import type { Position } from './issue.ts';

/** One stretch of a made text. A copied stretch moves along with its source; a substituted one has one source place. */
type Stretch = { start: number; source: number; copied: boolean };

/** A text under construction together with the source of each of its parts. */
export type MappedText = { text: string; originOf: (offset: number) => number };

/** A text that is its own source. */
export function identityText(text: string): MappedText {
  return { text, originOf: (offset) => offset };
}

/** Collects stretches and gives the mapped text. */
export type TextBuilder = {
  copy: (part: string, source: number) => void;
  substitute: (part: string, source: number) => void;
  build: () => MappedText;
};

/** Starts a mapped text whose parts come from `from`; origins are chained back to the first text. */
export function textBuilder(from: MappedText): TextBuilder {
  const parts: string[] = [];
  const stretches: Stretch[] = [];
  let length = 0;
  const add = (part: string, source: number, copied: boolean): void => {
    if (part === '') return;
    stretches.push({ start: length, source, copied });
    parts.push(part);
    length += part.length;
  };
  return {
    copy: (part, source) => add(part, source, true),
    substitute: (part, source) => add(part, source, false),
    build: () => ({ text: parts.join(''), originOf: (offset) => from.originOf(lookUp(stretches, offset)) }),
  };
}

function lookUp(stretches: readonly Stretch[], offset: number): number {
  let low = 0;
  let high = stretches.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((stretches[middle]?.start ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  const found = stretches[low];
  if (found === undefined) return 0;
  return found.copied ? found.source + offset - found.start : found.source;
}

/** Gives line and column (from 1) of an offset in `text`. */
export function positionFinder(text: string): (offset: number) => Position {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
}
