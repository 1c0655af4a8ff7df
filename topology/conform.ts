// Brings a value read from a file into the shape of a schema: odd types are converted, unknown keys dropped with a warning.
import type { z } from 'zod';
import type { Finding, PathPart } from './issue.ts';
import { formatPath } from './issue.ts';
import type { Repair } from './repair.ts';
import { repairFor } from './repair.ts';

/** What a repair may ask about the file, and where findings go. */
export type ConformContext = {
  report: (finding: Finding) => void;
  /** The scalar at a path exactly as the file writes it, if it is one. */
  written: (path: string) => string | undefined;
};

// Each round mends one level of nesting; the deepest file shape has far fewer levels.
const maxRounds = 30;

/**
 * Reads `value` with `schema`. What can be put right is (with a warning where a person should know); what cannot is
 * reported as an error and left out, so that everything else in the file is still looked at.
 * @returns undefined when what is left does not fit either.
 */
export function conform<S extends z.ZodType>(schema: S, value: unknown, base: readonly PathPart[], context: ConformContext): z.output<S> | undefined {
  const root = { value: structuredClone(value) };
  const refused = new Set<string>();
  for (let round = 0; round < maxRounds; round += 1) {
    const result = schema.safeParse(root.value);
    if (result.success) return result.data;
    for (const issue of result.error.issues) {
      const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
      mend(root, path, base, issue, context, refused);
    }
  }
  return undefined;
}

function mend(root: { value: unknown }, path: readonly PathPart[], base: readonly PathPart[], issue: z.core.$ZodIssue, context: ConformContext, refused: Set<string>): void {
  const current = valueAt(root.value, path);
  const full = [...base, ...path];
  const repair: Repair = repairFor(issue, current, full, context.written(formatPath(full)));
  for (const finding of repair.findings) {
    // A value that was refused and left out is not missing on top of that.
    if (finding.code === 'missing-key' && refused.has(finding.path)) continue;
    if (finding.severity === 'error') refused.add(finding.path);
    context.report(finding);
  }
  if (repair.action === 'set') setAt(root, path, repair.value);
  else if (repair.action === 'remove') removeAt(root, path);
  else for (const [key, to] of repair.keys) renameAt(root, path, key, to);
}

function valueAt(value: unknown, path: readonly PathPart[]): unknown {
  return path.reduce<unknown>((at, part) => (isContainer(at) ? Reflect.get(at, part) : undefined), value);
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

// The three below change the clone that `conform` made: copying a large file for each repair costs its square.

function setAt(root: { value: unknown }, path: readonly PathPart[], value: unknown): void {
  const [last] = path.slice(-1);
  const holder = last === undefined ? undefined : valueAt(root.value, path.slice(0, -1));
  if (last === undefined) root.value = value;
  else if (isContainer(holder)) Reflect.defineProperty(holder, last, { value, writable: true, enumerable: true, configurable: true });
}

// Items of lists are never removed (see repair.ts), so only keys are.
function removeAt(root: { value: unknown }, path: readonly PathPart[]): void {
  const [last] = path.slice(-1);
  const holder = valueAt(root.value, path.slice(0, -1));
  if (last === undefined) root.value = {};
  else if (isContainer(holder)) Reflect.deleteProperty(holder, last);
}

function renameAt(root: { value: unknown }, path: readonly PathPart[], key: string, to: string | undefined): void {
  const holder = valueAt(root.value, path);
  if (!isContainer(holder)) return;
  const value: unknown = Reflect.get(holder, key);
  Reflect.deleteProperty(holder, key);
  if (to !== undefined && !Object.hasOwn(holder, to)) setAt(root, [...path, to], value);
}
