// Runs the documented subset of Go templates over a lab file: values, if, range, with, variables, functions.
import type { MappedText, TextBuilder } from '../source-map.ts';
import { textBuilder } from '../source-map.ts';
import { parseTemplate } from './parse-template.ts';
import { TemplateError } from './template-error.ts';
import { isTrue, printed, templateFunctions } from './template-functions.ts';
import type { Expression, Piece } from './template-tree.ts';

type Scope = { dot: unknown; variables: Map<string, { value: unknown }> };
type Run = { out: TextBuilder; room: number };

// Far above any real file; stops templates that loop over their own loops.
const maxLength = 20_000_000;

/** Expands a template with `vars` as its data. A text without `{{` comes back as it is. */
export function expandTemplate(source: MappedText, vars: unknown): MappedText | { error: string; offset: number } {
  if (!source.text.includes('{{')) return source;
  try {
    const run: Run = { out: textBuilder(source), room: maxLength };
    write(run, parseTemplate(source.text), { dot: vars, variables: new Map([['$', { value: vars }]]) });
    return run.out.build();
  } catch (error) {
    if (error instanceof TemplateError) return { error: error.message, offset: source.originOf(error.offset) };
    throw error;
  }
}

function write(run: Run, pieces: readonly Piece[], scope: Scope): void {
  for (const piece of pieces) writePiece(run, piece, scope);
}

function writePiece(run: Run, piece: Piece, scope: Scope): void {
  switch (piece.type) {
    case 'text':
      spend(run, piece.text.length, piece.offset);
      return run.out.copy(piece.text, piece.offset);
    case 'output':
      return writeValue(run, piece.value, scope);
    case 'assign':
      return assign(piece.name, piece.declare, evaluate(piece.value, scope), scope, piece.value.offset);
    case 'if':
      return write(run, isTrue(evaluate(piece.condition, scope)) ? piece.then : piece.otherwise, inner(scope, scope.dot));
    case 'with': {
      const value = evaluate(piece.value, scope);
      return isTrue(value) ? write(run, piece.then, inner(scope, value)) : write(run, piece.otherwise, inner(scope, scope.dot));
    }
    case 'range':
      return writeRange(run, piece, scope);
  }
}

function spend(run: Run, length: number, offset: number): void {
  run.room -= length + 1;
  if (run.room < 0) throw new TemplateError(`template: the expanded file is longer than ${maxLength} characters`, offset);
}

function writeValue(run: Run, expression: Expression, scope: Scope): void {
  const value = evaluate(expression, scope);
  if (value === undefined || value === null) throw new TemplateError(`template: ${nameOf(expression)} has no value; give it in a file with --vars`, expression.offset);
  spend(run, printed(value).length, expression.offset);
  run.out.substitute(printed(value), expression.offset);
}

function assign(name: string, declare: boolean, value: unknown, scope: Scope, offset: number): void {
  const known = scope.variables.get(name);
  if (declare) scope.variables.set(name, { value });
  else if (known === undefined) throw new TemplateError(`template: the variable ${name} is not declared`, offset);
  else known.value = value;
}

function inner(scope: Scope, dot: unknown): Scope {
  return { dot, variables: new Map(scope.variables) };
}

function writeRange(run: Run, piece: Extract<Piece, { type: 'range' }>, scope: Scope): void {
  const entries = entriesOf(evaluate(piece.over, scope), piece.over.offset);
  if (entries.length === 0) return write(run, piece.otherwise, inner(scope, scope.dot));
  for (const [key, value] of entries) {
    const turn = inner(scope, value);
    if (piece.keyName !== undefined) turn.variables.set(piece.keyName, { value: key });
    if (piece.valueName !== undefined) turn.variables.set(piece.valueName, { value });
    write(run, piece.body, turn);
  }
}

function entriesOf(value: unknown, offset: number): [string | number, unknown][] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.map((item: unknown, index) => [index, item]);
  if (typeof value === 'number') return Array.from({ length: Math.min(Math.max(0, value), 10_000) }, (_, index) => [index, index]);
  // Go walks maps in key order.
  if (typeof value === 'object') return Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  throw new TemplateError('template: range needs a list, a mapping or a number', offset);
}

function evaluate(expression: Expression, scope: Scope): unknown {
  switch (expression.type) {
    case 'literal':
      return expression.value;
    case 'dot':
      return scope.dot;
    case 'variable': {
      const variable = scope.variables.get(expression.name);
      if (variable === undefined) throw new TemplateError(`template: the variable ${expression.name} is not declared`, expression.offset);
      return variable.value;
    }
    case 'field': {
      const of = evaluate(expression.of, scope);
      return typeof of === 'object' && of !== null && Object.hasOwn(of, expression.name) ? Reflect.get(of, expression.name) : undefined;
    }
    case 'call':
      return call(expression, scope);
  }
}

function call(expression: Extract<Expression, { type: 'call' }>, scope: Scope): unknown {
  const run = templateFunctions.get(expression.name);
  if (run === undefined) throw new TemplateError(`template: the function ${expression.name} is not supported (supported: ${[...templateFunctions.keys()].join(', ')})`, expression.offset);
  const args = expression.args.map((argument) => evaluate(argument, scope));
  try {
    return run(args);
  } catch (error) {
    throw new TemplateError(`template: ${expression.name}: ${error instanceof Error ? error.message : String(error)}`, expression.offset);
  }
}

function nameOf(expression: Expression): string {
  if (expression.type === 'field') return `${expression.of.type === 'dot' ? '' : nameOf(expression.of)}.${expression.name}`;
  if (expression.type === 'variable') return expression.name;
  return 'this expression';
}
