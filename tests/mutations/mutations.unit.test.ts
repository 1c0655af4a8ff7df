// A07: each mutation still finds the text that it breaks; whether a test notices is tried in the int tier.
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { MUTATIONS } from './mutations.ts';

const ROOT = resolve(import.meta.dirname, '..', '..');

it.each(Object.entries(MUTATIONS))('A07: %s: can be broken', async (_name, { file, from, test, only }) => {
  expect((await readFile(join(ROOT, file), 'utf8')).split(from)).toHaveLength(2);
  expect(await readFile(join(ROOT, test), 'utf8')).toContain(only);
});
