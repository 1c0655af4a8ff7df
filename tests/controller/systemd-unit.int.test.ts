// The unit: systemd itself finds no fault with it, and up and down go through it where there is systemd.
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stopController } from '../../controller/down.ts';
import { parentCommand } from '../../controller/start-parent.ts';
import { renderUnit } from '../../controller/systemd-unit.ts';

const FIXTURES = join(import.meta.dirname, 'fixtures');
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lw-ctl-unit-'));
});
afterEach(async () => {
  await stopController({ home: join(folder, 'home') });
  await rm(folder, { recursive: true, force: true, maxRetries: 10 });
});

const hasAnalyze = (await execa('which', ['systemd-analyze'], { reject: false })).exitCode === 0;
if (!hasAnalyze) console.warn('skipped: check of the unit by systemd-analyze, which is not installed (package systemd)');

describe('systemd unit', () => {
  it.skipIf(!hasAnalyze)('has no fault that systemd-analyze knows of', async () => {
    const path = join(folder, 'labwright.service');
    await writeFile(path, renderUnit({ home: join(folder, 'home "x" 100%'), command: parentCommand(folder), env: { LABWRIGHT_NATS_URL: 'nats://127.0.0.1:4222' } }));
    await chmod(path, 0o644);
    const result = await execa('systemd-analyze', ['verify', '--man=no', path], { reject: false, all: true });
    expect(result.all.split('\n').filter((line) => line.includes('labwright.service'))).toEqual([]);
    expect(result.exitCode).toBe(0);
  });

  it('takes over from a parent without a unit, keeps its processes, is used by down, and stays for the next boot', async () => {
    await symlink(join(FIXTURES, 'systemctl.sh'), join(folder, 'systemctl'));
    const home = join(folder, 'home');
    const world = [
      'mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system',
      'mount -t tmpfs tmpfs /etc/systemd && mkdir -p /etc/systemd/system',
      `PATH="${folder}:$PATH" exec "$@"`,
    ].join(' && ');
    const program = [process.execPath, join(FIXTURES, 'systemd-life.ts'), home, join(FIXTURES, 'fixture-parent.ts'), home];
    const { stdout } = await execa('unshare', ['--mount', '--propagation', 'private', 'sh', '-ec', world, 'sh', ...program], { timeout: 90_000 });
    expect(JSON.parse(stdout)).toEqual({
      steps: [
        ...['parent-started', 'nats-answers', 'supervisor-answers'],
        ...['parent-replaced', 'unit-started', 'nats-answers', 'supervisor-answers'],
        ...['runs-already', 'nats-answers', 'supervisor-answers'],
      ],
      sameProcesses: true,
      otherParent: true,
      startsAtBoot: 'systemd',
      down: 'stopped',
      states: ['stopped', 'stopped', 'stopped'],
      unitStays: true,
    });
  });
});
