// Reads a text with `{{ }}` actions into a tree.
import type { Token } from './parse-expression.ts';
import { parsePipeline, tokenize } from './parse-expression.ts';
import { TemplateError } from './template-error.ts';
import type { Piece } from './template-tree.ts';

type Part = { type: 'text'; text: string; offset: number } | { type: 'action'; tokens: Token[]; offset: number };

const actionPattern = /\{\{(-\s)?\s*(?:(\/\*[\s\S]*?\*\/)|((?:"(?:[^"\\]|\\.)*"|`[^`]*`|(?!\}\}|\s-\}\})[\s\S])*))\s*(\s-)?\}\}/g;

/** Parses a template. @throws {TemplateError} with the offset of what is wrong. */
export function parseTemplate(text: string): readonly Piece[] {
  const cursor = { parts: partsOf(text), at: 0 };
  const { pieces, ended } = block(cursor, false);
  if (ended !== undefined) throw new TemplateError(`template: {{ ${ended.word} }} without {{ if }}, {{ range }} or {{ with }}`, ended.offset);
  return pieces;
}

function partsOf(text: string): Part[] {
  const parts: Part[] = [];
  let done = 0;
  let trimNext = false;
  for (const match of text.matchAll(actionPattern)) {
    pushText(parts, text, done, match.index, trimNext, match[1] !== undefined);
    done = match.index + match[0].length;
    trimNext = match[4] !== undefined;
    const inside = match[3] ?? '';
    if (match[2] === undefined) parts.push({ type: 'action', tokens: tokenize(inside, match.index + match[0].indexOf(inside, 2)), offset: match.index });
  }
  const open = text.indexOf('{{', done);
  if (open !== -1) throw new TemplateError('template: {{ is not closed by }}', open);
  pushText(parts, text, done, text.length, trimNext, false);
  return parts;
}

function pushText(parts: Part[], text: string, from: number, to: number, trimStart: boolean, trimEnd: boolean): void {
  let piece = text.slice(from, to);
  let offset = from;
  if (trimStart) {
    offset += piece.length - piece.trimStart().length;
    piece = piece.trimStart();
  }
  if (trimEnd) piece = piece.trimEnd();
  if (piece !== '') parts.push({ type: 'text', text: piece, offset });
}

type Cursor = { parts: readonly Part[]; at: number };
type Ended = { word: 'end' | 'else'; rest: Token[]; offset: number };

function block(cursor: Cursor, inside: boolean): { pieces: Piece[]; ended: Ended | undefined } {
  const pieces: Piece[] = [];
  for (let part = cursor.parts[cursor.at]; part !== undefined; part = cursor.parts[cursor.at]) {
    cursor.at += 1;
    if (part.type === 'text') {
      pieces.push(part);
      continue;
    }
    const word = part.tokens[0]?.text;
    if (word === 'end' || word === 'else') return { pieces, ended: { word, rest: part.tokens.slice(1), offset: part.offset } };
    pieces.push(action(cursor, part.tokens, part.offset));
  }
  if (inside) throw new TemplateError('template: {{ end }} is missing', cursor.parts.at(-1)?.offset ?? 0);
  return { pieces, ended: undefined };
}

function action(cursor: Cursor, tokens: Token[], offset: number): Piece {
  const [head, second] = tokens;
  const word = head?.text ?? '';
  if (word === 'if' || word === 'with') return branch(cursor, word, tokens.slice(1), offset);
  if (word === 'range') return range(cursor, tokens.slice(1), offset);
  if (['define', 'template', 'block', 'break', 'continue'].includes(word)) throw new TemplateError(`template: {{ ${word} }} is not supported (if, else, range, with, variables and functions are)`, offset);
  if (word.startsWith('$') && (second?.text === ':=' || second?.text === '=')) {
    return { type: 'assign', name: word, declare: second.text === ':=', value: parsePipeline(tokens.slice(2), offset) };
  }
  return { type: 'output', value: parsePipeline(tokens, offset) };
}

function branch(cursor: Cursor, word: 'if' | 'with', tokens: readonly Token[], offset: number): Piece {
  const tested = parsePipeline(tokens, offset);
  const body = block(cursor, true);
  const otherwise = elseOf(cursor, body.ended);
  if (word === 'if') return { type: 'if', condition: tested, then: body.pieces, otherwise };
  return { type: 'with', value: tested, then: body.pieces, otherwise };
}

function elseOf(cursor: Cursor, ended: Ended | undefined): readonly Piece[] {
  if (ended?.word !== 'else') return [];
  const [next] = ended.rest;
  // `else if` opens a branch that the same {{ end }} closes.
  if (next?.text === 'if' || next?.text === 'with') return [branch(cursor, next.text, ended.rest.slice(1), ended.offset)];
  return block(cursor, true).pieces;
}

function range(cursor: Cursor, tokens: readonly Token[], offset: number): Piece {
  const sign = tokens.findIndex((token) => token.text === ':=');
  const names = sign === -1 ? [] : tokens.slice(0, sign).filter((token) => token.text.startsWith('$'));
  const over = parsePipeline(tokens.slice(sign + 1), offset);
  const body = block(cursor, true);
  const otherwise = elseOf(cursor, body.ended);
  const [first, second] = names;
  const named = second === undefined ? (first === undefined ? {} : { valueName: first.text }) : { keyName: first?.text ?? '', valueName: second.text };
  return { type: 'range', over, body: body.pieces, otherwise, ...named };
}
