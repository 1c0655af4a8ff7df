// The set-up script and the launcher on this machine: a second run changes nothing, wrong use says what to do.
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const setup = (...args: readonly string[]) => execa(join(root, 'setup/setup.sh'), args, { reject: false, stdin: 'ignore' });

describe('setup.sh', () => {
  it('finds everything there when it is run again', async () => {
    const { stdout, exitCode } = await setup('--for', 'tests');
    expect(exitCode).toBe(0);
    const outcomes = stdout.split('\n').filter((line) => / s {2}/u.test(line));
    expect(outcomes).toHaveLength(8);
    for (const line of outcomes) expect(line).toContain('already there');
  });

  it.each([[['--for', 'fun']], [['--for']], [['--force']]])('refuses %j and shows its usage', async (args) => {
    const { stderr, exitCode } = await setup(...args);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('usage: setup/setup.sh [--for run|tests|host]');
  });
});

describe('launcher', () => {
  it('starts through a link from anywhere, and says what to do where set-up has not run', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'labwright-launcher-'));
    cpSync(join(root, 'labwright'), join(folder, 'labwright'));
    symlinkSync(join(folder, 'labwright'), join(folder, 'link'));
    const { stderr, exitCode } = await execa(join(folder, 'link'), ['version'], { reject: false, cwd: '/' });
    rmSync(folder, { recursive: true });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('the npm packages are not installed');
    expect(stderr).toContain(`${folder}/setup/setup.sh`);
  });
});
