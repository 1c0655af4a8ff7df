// Environment variables of a node: files first, then the merged `env` of all layers.
import { fault, warning } from './issue.ts';
import type { Layer } from './layers.ts';
import { collect, mergeMap } from './layers.ts';
import { resolvePath } from './posix-path.ts';
import type { Reading } from './reading.ts';
import { replaceMagic } from './reading.ts';

/** The environment that the file asks for; what is derived from the lab as a whole is added by `derivedEnvironment`. */
export function resolveEnvironment(layers: readonly Layer[], node: string, reading: Reading): Record<string, string> {
  const env: Record<string, string> = { ...fromFiles(layers, node, reading), ...mergeMap(layers, 'env') };
  const importAll = env['__IMPORT_ENVS'] === 'true';
  delete env['__IMPORT_ENVS'];
  const imported = importAll ? Object.fromEntries(Object.entries(reading.env).filter((entry): entry is [string, string] => entry[1] !== undefined)) : {};
  return Object.fromEntries(Object.entries({ ...imported, ...env }).map(([name, value]) => [name, replaceMagic(value, reading, node)]));
}

function fromFiles(layers: readonly Layer[], node: string, reading: Reading): Record<string, string> {
  const env: Record<string, string> = {};
  for (const file of collect(layers, 'env-files')) {
    if (reading.readTextFile === undefined) {
      reading.report(warning('key-not-honoured', file.path, 'files of environment variables are not read here'));
      continue;
    }
    const path = resolvePath(replaceMagic(file.value, reading, node), reading.folder, reading.env['HOME']);
    const text = reading.readTextFile(path);
    if (text === undefined) reading.report(fault('env-file-unreadable', file.path, `the file ${path} cannot be read`));
    else Object.assign(env, parseEnvFile(text));
  }
  return env;
}

/** Reads NAME=value lines; blank lines and lines that start with # are skipped, `export` and quotes around a value taken off. */
export function parseEnvFile(text: string): Record<string, string> {
  const pairs = text.split(/\r?\n/).flatMap((line): [string, string][] => {
    const match = /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*=\s*(.*?)\s*$/.exec(line);
    if (match === null) return [];
    const value = match[2] ?? '';
    return [[match[1] ?? '', /^(["']).*\1$/.exec(value) === null ? value : value.slice(1, -1)]];
  });
  return Object.fromEntries(pairs);
}
