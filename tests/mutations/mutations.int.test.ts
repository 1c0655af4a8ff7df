// A07: tests test. Each mutation breaks one promise in a copy of the repository; the test file that holds it must fail there.
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MUTATIONS } from './mutations.ts';
import type { Mutation } from './mutations.ts';

const ROOT = resolve(import.meta.dirname, '..', '..');

describe('A07: a broken promise fails its test', () => {
  let copy: string;
  beforeAll(async () => {
    copy = await mkdtemp(join(tmpdir(), 'lw-mutations-'));
    const { stdout } = await execa('git', ['ls-files', '-z', 'machines', 'host-actor', 'nats', 'topology', 'vendors', 'supervisor', 'controller', 'tests', '*.json', 'vitest.config.ts'], { cwd: ROOT });
    for (const file of stdout.split('\0').filter(Boolean)) await cp(join(ROOT, file), join(copy, file));
    await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  });
  afterAll(async () => await rm(copy, { recursive: true, force: true }));

  const run = async ({ test, only }: Mutation) => await execa(process.execPath, [join('node_modules', 'vitest', 'vitest.mjs'), 'run', '--project', test.includes('.unit.') ? 'unit' : 'int', test, ...(only === '' ? [] : ['-t', only])], { cwd: copy, all: true, reject: false });

  it.each(Object.entries(MUTATIONS))('%s', async (_name, mutation) => {
    const path = join(copy, mutation.file);
    const text = await readFile(path, 'utf8');
    expect(text.split(mutation.from)).toHaveLength(2);
    const whole = await run(mutation);
    expect({ exitCode: whole.exitCode, all: whole.all.slice(-2_000) }).toMatchObject({ exitCode: 0, all: expect.stringMatching(/Tests .*\d passed/) });
    await writeFile(path, text.replace(mutation.from, () => mutation.to));
    const broken = await run(mutation);
    await writeFile(path, text);
    expect({ exitCode: broken.exitCode, all: broken.all.slice(-2_000) }).toMatchObject({ exitCode: 1, all: expect.stringMatching(/Tests .*\d failed/) });
  });
});
