// What is wrong or odd in a lab file: one finding with its place, and how it is shown to a person.

/** A place in a lab file; lines and columns count from 1. */
export type Position = { line: number; column: number };

/** One finding. `error` = the file is refused; `warning` = it is accepted, but something is not as it seems. */
export type Issue = {
  severity: 'error' | 'warning';
  /** Stable name in kebab-case; programs judge by it. */
  code: string;
  /** Where in the document: `topology.nodes.r1.exec[2]`; empty for the file as a whole. */
  path: string;
  line: number;
  column: number;
  /** What is wrong, in one sentence without full stop. */
  message: string;
  expected?: string;
  got?: string;
  /** What to do. */
  hint?: string;
};

/** An issue before its place in the text is known. */
export type Finding = Omit<Issue, 'line' | 'column'>;

/** Where findings go while a file is read. */
export type Report = (finding: Finding) => void;

type Details = { expected?: string; got?: string; hint?: string };

/** A finding that refuses the file. */
export function fault(code: string, path: string, message: string, details: Details = {}): Finding {
  return { severity: 'error', code, path, message, ...details };
}

/** A finding that a person should know of; the file is accepted. */
export function warning(code: string, path: string, message: string, details: Details = {}): Finding {
  return { severity: 'warning', code, path, message, ...details };
}

/** Part of a path in a document: a key or an index. */
export type PathPart = string | number;

/** Writes a path as people read it: `topology.nodes.r1.exec[2]`. */
export function formatPath(parts: readonly PathPart[]): string {
  return parts.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? part : `${text}.${part}`;
  }, '');
}

/** Shows a value of a file in a message: text in quotes, long ones cut. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value === null || value === undefined) return 'nothing';
  if (typeof value === 'object') return 'a mapping';
  const text = typeof value === 'string' ? value : `${value as number | boolean}`;
  const cut = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  return typeof value === 'string' ? JSON.stringify(cut) : cut;
}

/**
 * The text of an issue for a terminal. First line `file:line:column: error code: message`, then what is indented.
 * These texts are under golden tests (tests/topology/cases).
 */
export function renderIssue(issue: Issue, file: string): string {
  const lines = [`${file}:${issue.line}:${issue.column}: ${issue.severity} ${issue.code}: ${issue.message}`];
  if (issue.path !== '') lines.push(`  at:       ${issue.path}`);
  if (issue.expected !== undefined) lines.push(`  expected: ${issue.expected}`);
  if (issue.got !== undefined) lines.push(`  got:      ${issue.got}`);
  if (issue.hint !== undefined) lines.push(`  hint:     ${issue.hint}`);
  return lines.join('\n');
}

/** Orders issues as they stand in the file, errors before warnings at one place. */
export function compareIssues(a: Issue, b: Issue): number {
  return a.line - b.line || a.column - b.column || compareText(a.severity, b.severity) || compareText(a.code, b.code) || compareText(a.message, b.message);
}

/** Code unit order, the same on every machine whatever its locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
