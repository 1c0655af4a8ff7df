// Reads what stands inside `{{ }}`: operands, calls, pipes.
import { TemplateError } from './template-error.ts';
import type { Expression } from './template-tree.ts';

/** One word of an action; `tight` = no blank stands before it (`.a.b` is one operand, `.a .b` are two). */
export type Token = { text: string; offset: number; tight: boolean };

const tokenPattern = /\s+|"(?:[^"\\]|\\.)*"|`[^`]*`|:=|\||\(|\)|,|=|\$[A-Za-z_]?\w*|\.[A-Za-z_]\w*|\.|-?\d+(?:\.\d+)?|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?/y;

/** Cuts the inside of an action into words. */
export function tokenize(source: string, offset: number): Token[] {
  const tokens: Token[] = [];
  let tight = false;
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < source.length) {
    const at = tokenPattern.lastIndex;
    const found = tokenPattern.exec(source)?.[0];
    if (found === undefined) throw new TemplateError(`template: ${JSON.stringify(source.slice(at, at + 10))} is not understood`, offset + at);
    if (found.trim() === '') tight = false;
    else {
      tokens.push({ text: found, offset: offset + at, tight });
      tight = true;
    }
  }
  return tokens;
}

/** Reads a whole pipeline; all words must be used. */
export function parsePipeline(tokens: readonly Token[], offset: number): Expression {
  const stages = splitAt(tokens, '|');
  const first = parseCommand(stages[0] ?? [], offset);
  return stages.slice(1).reduce<Expression>((input, stage) => {
    const command = parseCommand(stage, offset);
    if (command.type !== 'call') throw new TemplateError('template: after | a function must stand', command.offset);
    return { ...command, args: [...command.args, input] };
  }, first);
}

function splitAt(tokens: readonly Token[], separator: string): Token[][] {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (token.text === '(') depth += 1;
    if (token.text === ')') depth -= 1;
    if (token.text === separator && depth === 0) parts.push([]);
    else parts.at(-1)?.push(token);
  }
  return parts;
}

function parseCommand(tokens: readonly Token[], offset: number): Expression {
  const [head] = tokens;
  if (head === undefined) throw new TemplateError('template: a value is missing', offset);
  if (isFunction(head)) return { type: 'call', name: head.text, args: operandsOf(tokens.slice(1)), offset: head.offset };
  const operands = operandsOf(tokens);
  const [only, extra] = operands;
  if (only === undefined || extra !== undefined) throw new TemplateError('template: one value is expected here', extra?.offset ?? head.offset);
  return only;
}

function isFunction(token: Token): boolean {
  return /^[A-Za-z_]/.test(token.text) && !['true', 'false', 'nil'].includes(token.text);
}

function operandsOf(tokens: readonly Token[]): Expression[] {
  const operands: Expression[] = [];
  let rest = tokens;
  while (rest.length > 0) {
    const { expression, used } = operand(rest);
    operands.push(expression);
    rest = rest.slice(used);
  }
  return operands;
}

function operand(tokens: readonly Token[]): { expression: Expression; used: number } {
  const head = tokens[0];
  if (head === undefined) throw new TemplateError('template: a value is missing', 0);
  let used = 1;
  let expression: Expression;
  if (head.text === '(') {
    used = closing(tokens);
    expression = parsePipeline(tokens.slice(1, used - 1), head.offset);
  } else expression = simple(head);
  for (let next = tokens[used]; next !== undefined && next.tight && /^\.\w/.test(next.text); next = tokens[used]) {
    expression = { type: 'field', of: expression, name: next.text.slice(1), offset: next.offset };
    used += 1;
  }
  return { expression, used };
}

function closing(tokens: readonly Token[]): number {
  let depth = 0;
  for (const [index, token] of tokens.entries()) {
    if (token.text === '(') depth += 1;
    if (token.text === ')') depth -= 1;
    if (depth === 0) return index + 1;
  }
  throw new TemplateError('template: a parenthesis is not closed', tokens[0]?.offset ?? 0);
}

function simple({ text, offset }: Token): Expression {
  if (text === '.') return { type: 'dot', offset };
  if (text.startsWith('.')) return { type: 'field', of: { type: 'dot', offset }, name: text.slice(1), offset };
  if (text.startsWith('$')) return { type: 'variable', name: text, offset };
  if (text.startsWith('`')) return { type: 'literal', value: text.slice(1, -1), offset };
  if (text.startsWith('"')) return { type: 'literal', value: unquote(text), offset };
  if (/^-?\d/.test(text)) return { type: 'literal', value: Number(text), offset };
  if (text === 'true' || text === 'false') return { type: 'literal', value: text === 'true', offset };
  if (text === 'nil') return { type: 'literal', value: null, offset };
  // A function without arguments as an operand, as in (seq 3).
  if (/^[A-Za-z_]/.test(text)) return { type: 'call', name: text, args: [], offset };
  throw new TemplateError(`template: ${JSON.stringify(text)} is not expected here`, offset);
}

function unquote(text: string): string {
  const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };
  return text.slice(1, -1).replace(/\\(.)/g, (_, char: string) => escapes[char] ?? char);
}
