// Decides, for one misfit between a file and its schema, whether it can be put right and what the user is told.
import type { z } from 'zod';
import type { Finding, PathPart } from './issue.ts';
import { formatPath, show } from './issue.ts';
import { explainUnknownKey } from './unknown-key.ts';

/** What to do with the value at the issue's path. */
export type Repair = { findings: readonly Finding[] } & (
  | { action: 'set'; value: unknown }
  | { action: 'remove' }
  | { action: 'rename-keys'; keys: readonly (readonly [string, string | undefined])[] }
);

/** Finds the repair of one issue. Whatever cannot be put right is an error, and the value is left out or emptied. */
export function repairFor(issue: z.core.$ZodIssue, value: unknown, path: readonly PathPart[], written: string | undefined): Repair {
  if (issue.code === 'unrecognized_keys') return unknownKeys(issue.keys, path);
  if (issue.code === 'invalid_type') return wrongType(issue.expected, value, path, written);
  if (issue.code === 'invalid_value') return wrongChoice(issue.values.map(String), value, path);
  return refuse(path, 'value-out-of-range', 'this value is outside of what is possible', expectedRange(issue), value);
}

function unknownKeys(keys: readonly string[], path: readonly PathPart[]): Repair {
  const explained = keys.map((key) => ({ key, ...explainUnknownKey(key, path) }));
  return {
    action: 'rename-keys',
    keys: explained.map(({ key, renameTo }) => [key, renameTo] as const),
    findings: explained.map(({ finding }) => finding),
  };
}

function wrongType(expected: string, value: unknown, path: readonly PathPart[], written: string | undefined): Repair {
  if (value === undefined) return missing(expected, path);
  if (value === null) return { ...emptied(path, expected), findings: [] };
  switch (expected) {
    case 'string':
      return asText(value, path, written);
    case 'number':
    case 'int':
      return asNumber(expected, value, path);
    case 'boolean':
      return asBoolean(value, path);
    case 'array':
      return asList(value, path);
    case 'object':
    case 'record':
      return asMapping(value, path);
    default:
      return refuse(path, 'wrong-type', 'this value has the wrong type', expected, value);
  }
}

const words: Readonly<Record<string, string>> = { string: 'text', number: 'a number', int: 'a whole number', boolean: 'true or false', array: 'a list', object: 'a mapping', record: 'a mapping' };

// What stands in for a value that must be there, so that reading can go on and find the other faults.
function placeholder(expected: string): unknown {
  return { string: '', number: 1, int: 1, boolean: false, array: [], object: {}, record: {} }[expected];
}

function missing(expected: string, path: readonly PathPart[]): Repair {
  const key = String(path.at(-1) ?? 'file');
  const finding: Finding = { severity: 'error', code: 'missing-key', path: formatPath(path), message: `the key ${JSON.stringify(key)} is missing`, expected: words[expected] ?? expected };
  return { action: 'set', value: placeholder(expected), findings: [finding] };
}

function emptied(path: readonly PathPart[], expected: string): { action: 'set'; value: unknown } | { action: 'remove' } {
  const holder = path.at(-2);
  // A variable or label without value is an empty text, a node without keys is a node; any other empty key is no key.
  if (typeof path.at(-1) === 'number' || path.length === 0 || expected === 'object' || holder === 'env' || holder === 'labels') return { action: 'set', value: placeholder(expected) };
  return { action: 'remove' };
}

function asText(value: unknown, path: readonly PathPart[], written: string | undefined): Repair {
  const key = path.at(-1);
  if (key === 'restart-policy' && value === false) return converted(path, 'no', value, 'write it in quotes: "no"');
  if ((key === 'cmd' || key === 'entrypoint') && Array.isArray(value)) return converted(path, value.map((word) => quoteWord(String(word))).join(' '), value, 'write it as one text');
  if (typeof value === 'object') return refuse(path, 'wrong-type', 'this must be a single text', 'text', value);
  return { action: 'set', value: written ?? String(value as string | number | boolean), findings: [] };
}

function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}

function asNumber(expected: string, value: unknown, path: readonly PathPart[]): Repair {
  const duration = typeof value === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(value) : null;
  const factor = duration === null ? undefined : { ms: 0.001, s: 1, m: 60, h: 3600 }[duration[2] ?? ''];
  const read = duration === null ? Number(typeof value === 'string' && value.trim() !== '' ? value : Number.NaN) : Number(duration[1]) * (factor ?? 1);
  if (Number.isFinite(read) && (expected !== 'int' || Number.isInteger(read))) return converted(path, read, value, 'write it as a plain number');
  return refuse(path, 'wrong-type', 'this must be a number', words[expected] ?? expected, value);
}

function asBoolean(value: unknown, path: readonly PathPart[]): Repair {
  const word = String(value as string | number).toLowerCase();
  if (['true', 'yes', 'on', '1'].includes(word)) return converted(path, true, value, 'write true or false');
  if (['false', 'no', 'off', '0'].includes(word)) return converted(path, false, value, 'write true or false');
  return refuse(path, 'wrong-type', 'this must be true or false', 'true or false', value);
}

function asList(value: unknown, path: readonly PathPart[]): Repair {
  if (path.at(-1) === 'test' && typeof value === 'string') return converted(path, ['CMD-SHELL', value], value, 'write it as a list: [CMD-SHELL, ...]');
  if (typeof value !== 'object') return value === '' ? { action: 'remove', findings: [] } : converted(path, [value], value, 'write it as a list');
  return refuse(path, 'wrong-type', 'this must be a list', 'a list', value);
}

function asMapping(value: unknown, path: readonly PathPart[]): Repair {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string' && /^[^=]+=/.test(item))) {
    const pairs = value.map((item) => [String(item).slice(0, String(item).indexOf('=')), String(item).slice(String(item).indexOf('=') + 1)]);
    return converted(path, Object.fromEntries(pairs), value, 'write it as NAME: value, one a line');
  }
  if (path.at(-2) === 'wait-for' && typeof value === 'string') return converted(path, { node: value }, value, 'write it as node: and stage:');
  if (value === '') return { action: 'set', value: {}, findings: [] };
  const finding: Finding = { severity: 'error', code: 'wrong-type', path: formatPath(path), message: 'this must be a mapping of keys to values', expected: 'a mapping', got: show(value) };
  return { action: 'set', value: {}, findings: [finding] };
}

function wrongChoice(values: readonly string[], value: unknown, path: readonly PathPart[]): Repair {
  const same = typeof value === 'string' ? values.find((choice) => choice.toLowerCase() === value.trim().toLowerCase()) : undefined;
  if (same !== undefined) return { action: 'set', value: same, findings: [] };
  if (value === null) return { action: 'remove', findings: [] };
  return refuse(path, 'unknown-value', 'this is none of the values that are possible here', values.map((choice) => JSON.stringify(choice)).join(', '), value);
}

function converted(path: readonly PathPart[], value: unknown, from: unknown, hint: string): Repair {
  const finding: Finding = { severity: 'warning', code: 'type-converted', path: formatPath(path), message: `${show(from)} is read as ${show(value)}`, hint };
  return { action: 'set', value, findings: [finding] };
}

function refuse(path: readonly PathPart[], code: string, message: string, expected: string | undefined, value: unknown): Repair {
  const finding: Finding = { severity: 'error', code, path: formatPath(path), message, ...(expected === undefined ? {} : { expected }), got: show(value) };
  // Items stay in their list as empty text: removing one would move the places of those behind it.
  return typeof path.at(-1) === 'number' ? { action: 'set', value: '', findings: [finding] } : { action: 'remove', findings: [finding] };
}

function expectedRange(issue: z.core.$ZodIssue): string | undefined {
  if (issue.code === 'too_small') return `${issue.origin === 'array' ? 'a list of ' : ''}${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`;
  if (issue.code === 'too_big') return `${issue.origin === 'array' ? 'a list of ' : ''}at most ${issue.maximum}`;
  return undefined;
}
