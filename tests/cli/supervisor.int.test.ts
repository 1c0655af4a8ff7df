// `labwright supervisor` as a user starts and ends it: by a terminal's Ctrl-C, and with what it says when it cannot begin.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOpsClient } from '../../nats/ops-client.ts';
import type { OpsClient } from '../../nats/ops-client.ts';
import { eventually } from '../support/eventually.ts';
import { startNats } from '../support/nats-server.ts';
import type { TestNats } from '../support/nats-server.ts';

const LABWRIGHT = resolve(import.meta.dirname, '..', '..', 'labwright');

describe('labwright supervisor', () => {
  let nats: TestNats;
  let ops: OpsClient;
  let home: string;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'lw-sup-cli-'));
    nats = await startNats();
    ops = createOpsClient(await nats.connect({ role: 'operator' }));
  });
  afterAll(async () => {
    await nats.stop();
    await rm(home, { recursive: true, force: true });
  });

  const environment = () => ({ LABWRIGHT_HOME: home, NO_COLOR: '1', LABWRIGHT_NATS_URL: '', LABWRIGHT_NATS_CREDS: '' });
  const run = async (...args: string[]) => await execa(LABWRIGHT, ['supervisor', ...args], { env: environment(), stdin: 'ignore', reject: false, timeout: 60_000 });
  const serving = async () => await ops.request('status', {}, { timeoutMs: 1_000 }).then(({ supervisors }) => supervisors.length, () => 0);

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('serves until %s comes to its whole group, as a terminal sends it, and ends in order', async (signal) => {
    const child = execa(LABWRIGHT, ['supervisor', '--nats', nats.url, '--creds', nats.credentialsFolder], { env: environment(), stdin: 'ignore', reject: false, detached: true });
    await eventually(async () => (await serving()) === 1, { timeoutMs: 30_000, what: 'the supervisor to serve' });
    process.kill(-(child.pid ?? 0), signal);
    const { exitCode, stdout, stderr } = await child;
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toContain('supervisor ends');
    expect(await serving()).toBe(0);
  });

  it('ends at once, in order, also while the server is away', async () => {
    const child = execa(LABWRIGHT, ['supervisor', '--nats', nats.url, '--creds', nats.credentialsFolder], { env: environment(), stdin: 'ignore', reject: false, detached: true });
    await eventually(async () => (await serving()) === 1, { timeoutMs: 30_000, what: 'the supervisor to serve' });
    await nats.kill();
    process.kill(-(child.pid ?? 0), 'SIGINT');
    const { exitCode, stderr } = await child;
    expect([exitCode, stderr]).toEqual([0, '']);
    await nats.start();
  });

  it('says in a sentence why it cannot begin, and starts nothing', async () => {
    const nobody = 'nats://127.0.0.1:4';
    expect(await run('--nats', nobody, '--creds', nats.credentialsFolder)).toMatchObject({ exitCode: 5, stdout: '', stderr: expect.stringContaining(`no NATS server answers at ${nobody}`) });
    expect(await run('--nats', nats.url, '--creds', home)).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringContaining(`credentials file ${join(home, 'supervisor.nk')} cannot be read`) });
    expect(await run('--nats', nats.url)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--creds') });
    expect(await run('--creds', home)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--nats') });
    expect(await run('--lease', 'soon')).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--lease: is no number of seconds') });
    expect(await run()).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('labwright up') });
    await writeFile(join(home, 'endpoint.json'), JSON.stringify({ kind: 'host', url: nats.url, credentials: home, hostId: 'rack2' }));
    expect(await run()).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('This machine is host rack2') });
  });
});
