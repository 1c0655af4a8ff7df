// The version of this program, from its package.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Version in package.json of the repository or package that holds this file. */
export const readVersion = async (): Promise<string> => {
  const text = await readFile(join(import.meta.dirname, '..', 'package.json'), 'utf8');
  const value: unknown = JSON.parse(text);
  return typeof value === 'object' && value !== null && 'version' in value && typeof value.version === 'string' ? value.version : 'unknown';
};
