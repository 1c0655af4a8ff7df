// Explains a key that the format does not know: an old spelling, a typing error, or something we never read.
import type { Finding, PathPart } from './issue.ts';
import { formatPath } from './issue.ts';
import { knownKeysAt } from './known-keys.ts';

/** What to do about an unknown key: take it for another one, or leave it out. */
export type UnknownKey = { renameTo: string | undefined; finding: Finding };

// Keys of older releases of the format, and what replaced them.
const former: Readonly<Record<string, string>> = {
  publish: 'use ports to publish ports of a node',
  'wait-for': 'write it under stages, e.g. stages.create.wait-for',
  position: 'it was never read by the engine; remove it',
  sandbox: 'virtual machines by ignite are not supported; remove it',
  kernel: 'virtual machines by ignite are not supported; remove it',
  SANs: 'write them as certificate.sans',
};

/** Judges one unknown key of the mapping at `holder`. */
export function explainUnknownKey(key: string, holder: readonly PathPart[]): UnknownKey {
  const path = formatPath([...holder, key]);
  const known = knownKeysAt(holder);
  const hyphened = key.replaceAll('_', '-').toLowerCase();
  const base = { severity: 'warning', code: 'unknown-key', path } as const;
  if (hyphened !== key && known.includes(hyphened)) {
    return { renameTo: hyphened, finding: { ...base, code: 'old-key', message: `the key ${JSON.stringify(key)} is read as ${JSON.stringify(hyphened)}`, hint: `write ${hyphened}` } };
  }
  const hint = former[key] ?? suggestion(key, known);
  return { renameTo: undefined, finding: { ...base, message: `the key ${JSON.stringify(key)} is not known here and is not read`, ...(hint === undefined ? {} : { hint }) } };
}

function suggestion(key: string, known: readonly string[]): string | undefined {
  const near = known.map((name) => ({ name, distance: editDistance(key.toLowerCase(), name) })).toSorted((a, b) => a.distance - b.distance)[0];
  return near !== undefined && near.distance <= (key.length < 4 ? 1 : 2) ? `did you mean ${near.name}?` : undefined;
}

/** Number of single-character changes between two words (Levenshtein). */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(change, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
