// The functions that templates may call: comparison, arithmetic, lists and text.

type TemplateFunction = (args: readonly unknown[]) => unknown;

/** Whether a value counts as true: not nil, false, zero, or empty. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** Text of a value as a template prints it. */
export function printed(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(printed).join(' ')}]`;
  if (typeof value === 'object' && value !== null) return JSON.stringify(value);
  return String(value as string | number | boolean | null | undefined);
}

const arithmetic = (operation: (a: number, b: number) => number): TemplateFunction => (args) => args.map(Number).reduce(operation);
const comparison = (test: (a: unknown, b: unknown) => boolean): TemplateFunction => ([first, ...others]) => others.some((other) => test(first, other));
const ordered = (test: (a: number | string, b: number | string) => boolean): TemplateFunction => ([a, b]) => (typeof a === 'number' ? test(a, Number(b)) : test(printed(a), printed(b)));

function sizeOf(value: unknown): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}

function element(args: readonly unknown[]): unknown {
  const [first, ...keys] = args;
  return keys.reduce<unknown>((value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, String(key as string | number)) : undefined), first);
}

// seq 3 = 1 2 3; seq 2 4 = 2 3 4; seq 0 2 6 = 0 2 4 6
function sequence(args: readonly unknown[]): number[] {
  const numbers = args.map(Number);
  const [start, step, end] = numbers.length >= 3 ? [numbers[0] ?? 1, numbers[1] ?? 1, numbers[2] ?? 1] : numbers.length === 2 ? [numbers[0] ?? 1, 1, numbers[1] ?? 1] : [1, 1, numbers[0] ?? 0];
  const count = step === 0 ? 0 : Math.max(0, Math.floor((end - start) / step) + 1);
  if (count > 10_000) throw new RangeError('seq makes more than 10000 numbers');
  return Array.from({ length: count }, (_, index) => start + index * step);
}

function format(args: readonly unknown[]): string {
  const [pattern, ...values] = args;
  let next = 0;
  return printed(pattern).replace(/%%|%(0?)(\d*)([sdvqx])/g, (spec: string, zero: string, width: string, verb: string) => {
    if (spec === '%%') return '%';
    const value = values[next];
    next += 1;
    const shown = verb === 'q' ? JSON.stringify(printed(value)) : verb === 'x' ? Number(value).toString(16) : printed(value);
    return shown.padStart(Number(width || 0), zero === '0' ? '0' : ' ');
  });
}

/** Functions by name. Both the names of Go templates and the common ones of template libraries. */
export const templateFunctions: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  ['not', ([value]) => !isTrue(value)],
  ['and', (args) => args.find((value) => !isTrue(value)) ?? args.at(-1)],
  ['or', (args) => args.find((value) => isTrue(value)) ?? args.at(-1)],
  ['eq', comparison((a, b) => a === b || (a !== null && b !== null && a !== undefined && b !== undefined && printed(a) === printed(b)))],
  ['ne', ([a, b]) => printed(a) !== printed(b)],
  ['lt', ordered((a, b) => a < b)],
  ['le', ordered((a, b) => a <= b)],
  ['gt', ordered((a, b) => a > b)],
  ['ge', ordered((a, b) => a >= b)],
  ['add', arithmetic((a, b) => a + b)],
  ['sub', arithmetic((a, b) => a - b)],
  ['subtract', arithmetic((a, b) => a - b)],
  ['mul', arithmetic((a, b) => a * b)],
  ['multiply', arithmetic((a, b) => a * b)],
  ['div', arithmetic((a, b) => Math.trunc(a / b))],
  ['divide', arithmetic((a, b) => Math.trunc(a / b))],
  ['mod', arithmetic((a, b) => a % b)],
  ['rem', arithmetic((a, b) => a % b)],
  ['seq', sequence],
  ['len', ([value]) => sizeOf(value)],
  ['index', element],
  ['default', ([fallback, value]) => (isTrue(value) ? value : fallback)],
  ['print', (args) => args.map(printed).join('')],
  ['printf', format],
  ['upper', ([value]) => printed(value).toUpperCase()],
  ['lower', ([value]) => printed(value).toLowerCase()],
  ['quote', ([value]) => JSON.stringify(printed(value))],
  ['split', ([separator, value]) => printed(value).split(printed(separator))],
  ['join', ([separator, list]) => (Array.isArray(list) ? list : [list]).map(printed).join(printed(separator))],
  ['contains', ([part, value]) => (Array.isArray(value) ? value.some((item) => printed(item) === printed(part)) : printed(value).includes(printed(part)))],
  ['replace', ([from, to, value]) => printed(value).replaceAll(printed(from), printed(to))],
  ['ToJSON', ([value]) => JSON.stringify(value)],
  // Each line but the first begins with the prefix.
  ['ToJSONPretty', ([value, prefix, indent]) => JSON.stringify(value, undefined, printed(indent ?? '  ')).replaceAll('\n', `\n${printed(prefix ?? '')}`)],
]);
