// The lint rules on which we rely do fire: each is shown a few lines that it must refuse.
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..', '..');
const BAD: Record<string, { code: string; rule: string }> = {
  'T01: a name hides one of the module': { code: 'const name = "a";\nexport const f = (name: string): string => name;\nexport const g = name;\n', rule: 'no-shadow' },
  'T01: a name is used before it is bound': { code: 'if (late) process.exit();\nlet late = true;\nexport { late };\n', rule: 'no-use-before-define|no-undef|Variable \'late\' is used before' },
  'T02: a promise floats': { code: 'const work = async (): Promise<void> => { await Promise.resolve(); };\nexport const loop = (): void => { work(); };\n', rule: 'no-floating-promises' },
  'T02: a promise is taken for a condition': { code: 'const isReady = async (): Promise<boolean> => await Promise.resolve(true);\nexport const go = (): string => { if (isReady()) return "go"; return "wait"; };\n', rule: 'no-misused-promises' },
  'a value of any kind': { code: 'export const f = (x: any): unknown => x;\n', rule: 'no-explicit-any' },
  'a switch that forgets a case': { code: 'export const f = (x: "a" | "b"): string => { switch (x) { case "a": return "A"; } return ""; };\n', rule: 'switch-exhaustiveness-check' },
};

describe('lint', () => {
  let folder: string;
  beforeAll(async () => {
    // Beside the repository's own folders, so that the type-aware rules find their compiler.
    folder = await mkdtemp(join(ROOT, 'node_modules', '.lint-rules-'));
    await copyFile(join(ROOT, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
    await copyFile(join(ROOT, 'tsconfig.json'), join(folder, 'tsconfig.json'));
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  });
  afterAll(async () => await rm(folder, { recursive: true, force: true }));

  const lint = async (name: string, text: string): Promise<string> => {
    await mkdir(join(folder, 'nats'), { recursive: true });
    const file = join(folder, 'nats', `${name}.ts`);
    await writeFile(file, text);
    const { all } = await execa(join(ROOT, 'node_modules', '.bin', 'oxlint'), ['--type-aware', '--no-ignore', '-c', '.oxlintrc.json', file], { cwd: folder, all: true, reject: false });
    await rm(file);
    return all;
  };

  it.each(Object.entries(BAD).map(([name, bad], index) => [name, bad, index] as const))('%s', async (_name, { code, rule }, index) => {
    expect(await lint(`bad-${index}`, code)).toMatch(new RegExp(rule));
  });

  it('and lets what is right pass', async () => {
    expect(await lint('good', 'export const f = async (x: string): Promise<string> => await Promise.resolve(x);\n')).toContain('Found 0 warnings and 0 errors');
  });
});
