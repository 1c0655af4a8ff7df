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
    // Removing list items moves the ones behind them: work from the last issue to the first.
    for (const issue of result.error.issues.toReversed()) {
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
  if (repair.action === 'set') root.value = withValue(root.value, path, repair.value);
  else if (repair.action === 'remove') root.value = withoutValue(root.value, path);
  else for (const [key, to] of repair.keys) root.value = renameKey(root.value, path, key, to);
}

function valueAt(value: unknown, path: readonly PathPart[]): unknown {
  return path.reduce<unknown>((at, part) => (isContainer(at) ? Reflect.get(at, part) : undefined), value);
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function withValue(value: unknown, path: readonly PathPart[], next: unknown): unknown {
  const [part, ...rest] = path;
  if (part === undefined) return next;
  if (Array.isArray(value)) return value.map((item: unknown, index) => (index === part ? withValue(item, rest, next) : item));
  if (!isContainer(value)) return value;
  return { ...value, [part]: withValue(Reflect.get(value, part), rest, next) };
}

function withoutValue(value: unknown, path: readonly PathPart[]): unknown {
  const [part, ...rest] = path;
  if (part === undefined) return {};
  if (Array.isArray(value)) {
    if (rest.length === 0) return value.filter((_, index) => index !== part);
    return value.map((item: unknown, index) => (index === part ? withoutValue(item, rest) : item));
  }
  if (!isContainer(value)) return value;
  if (rest.length === 0) return Object.fromEntries(Object.entries(value).filter(([key]) => key !== part));
  return { ...value, [part]: withoutValue(Reflect.get(value, part), rest) };
}

function renameKey(value: unknown, path: readonly PathPart[], key: string, to: string | undefined): unknown {
  const holder = valueAt(value, path);
  if (!isContainer(holder)) return value;
  const renamed = Object.entries(holder).flatMap(([name, item]) => (name === key ? (to === undefined || to in holder ? [] : [[to, item]]) : [[name, item]]));
  return withValue(value, path, Object.fromEntries(renamed));
}

