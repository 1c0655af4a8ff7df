// Exits 0 when node_modules holds exactly the versions that package-lock.json names, else 1 with the differences.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** A package as both lock files describe it; only what the comparison needs. */
type LockedPackage = { readonly version?: string; readonly optional?: boolean; readonly dev?: boolean };
type Lock = { readonly packages: Readonly<Record<string, LockedPackage>> };

/**
 * Lists the differences between the wanted and the installed lock, in path order.
 * `without-dev`: those that only developers need may be absent. An optional package may be absent (it is for another platform), never of another version.
 */
export const differences = (wanted: Lock, installed: Lock, which: 'all' | 'without-dev' = 'all'): readonly string[] =>
  Object.keys(wanted.packages)
    .filter((path) => path !== '' && !(which === 'without-dev' && wanted.packages[path]?.dev === true))
    .toSorted()
    .flatMap((path) => {
      const want = wanted.packages[path];
      const have = installed.packages[path];
      if (have === undefined) return want?.optional === true ? [] : [`${path}: missing`];
      return have.version === want?.version ? [] : [`${path}: ${have.version}, wanted ${want?.version}`];
    });

const readLock = (path: string): Lock => {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return { packages: {} };
  }
};

if (import.meta.main) {
  const root = resolve(import.meta.dirname, '..');
  const found = differences(readLock(resolve(root, 'package-lock.json')), readLock(resolve(root, 'node_modules/.package-lock.json')), process.env['LABWRIGHT_SETUP_FOR'] === 'host' ? 'without-dev' : 'all');
  for (const line of found) console.error(line);
  process.exitCode = found.length === 0 ? 0 : 1;
}
