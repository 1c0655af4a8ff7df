// README command 1 as a user types it: the example lab is deployed, converges and is shown; destroy takes it away.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const lab = 'examples/frr6/frr6.clab.yml';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'labwright-quickstart-'));
});
afterEach(async () => {
  await labwright('destroy', '-t', lab, '--cleanup');
  await labwright('down');
  rmSync(home, { recursive: true, force: true });
});

const options = () => ({ cwd: root, env: { LABWRIGHT_HOME: home }, stdin: 'ignore', reject: false, all: true }) as const;
const labwright = (...args: readonly string[]) => execa('./labwright', args, options());
const containers = async (): Promise<string> => (await execa('docker', ['ps', '--quiet', '--filter', 'name=^clab-frr6-'])).stdout;

describe('quickstart', () => {
  it('README command 1: six FRR routers converge, loopbacks ping across, the lab is shown and goes on running', async () => {
    const { all, exitCode } = await execa('./quickstart', options());
    if (exitCode !== 0) throw new Error(`quickstart ended with ${exitCode}:\n${all}`);
    expect(all).toContain('OSPF: 18 of 18 neighbours are Full');
    for (const router of [2, 3, 4, 5, 6]) expect(all).toContain(`10.255.0.${router} (r${router}) answered`);
    for (const router of [1, 2, 3, 4, 5, 6]) expect(all).toContain(`clab-frr6-r${router}`);
    expect((await containers()).split('\n')).toHaveLength(6);
    expect((await labwright('destroy', '-t', lab, '--cleanup')).exitCode).toBe(0);
    expect(await containers()).toBe('');
  });
});
