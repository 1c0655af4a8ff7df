// `labwright prune`, and a supervisor that prunes by itself: logs of destroyed labs go, and nothing else.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOpsClient } from '../../nats/ops-client.ts';
import type { OpsClient } from '../../nats/ops-client.ts';
import { bedHands } from '../support/bed-hands.ts';
import type { BedHands } from '../support/bed-hands.ts';
import { eventually } from '../support/eventually.ts';
import { aLab, aNode, host, lab } from '../support/lab-builders.ts';
import { startNats } from '../support/nats-server.ts';
import type { TestNats } from '../support/nats-server.ts';
import { startSimulatedHost } from '../support/simulated-host.ts';
import type { SimulatedHost } from '../support/simulated-host.ts';
import { startSupervisorProcess } from '../support/supervisor-process.ts';
import type { SupervisorProcess } from '../support/supervisor-process.ts';

const H1 = host('h1');
const LABWRIGHT = resolve(import.meta.dirname, '..', '..', 'labwright');

describe('labwright prune', () => {
  let nats: TestNats;
  let supervisor: SupervisorProcess;
  let simulated: SimulatedHost;
  let ops: OpsClient;
  let hands: BedHands;
  let home: string;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'lw-prune-'));
    nats = await startNats({ roles: [{ role: 'host', hostId: H1 }] });
    supervisor = await startSupervisorProcess(nats);
    simulated = startSimulatedHost(await nats.connect({ role: 'host', hostId: H1 }), H1);
    ops = createOpsClient(await nats.connect({ role: 'operator' }));
    hands = bedHands(ops);
    await eventually(async () => (await ops.request('hosts', {})).hosts.length === 1, { what: 'the host to join' });
    for (const name of ['pr-runs', 'pr-gone', 'pr-gone-too']) {
      await hands.deploy({ ...aLab([aNode('a', { containerName: `${name}-a` })], []), id: lab(name) });
      await hands.settled(name, ['running']);
    }
    await hands.destroy('pr-gone');
    await hands.destroy('pr-gone-too');
  });
  afterAll(async () => {
    await simulated.stop();
    await supervisor.kill();
    await nats.stop();
    await rm(home, { recursive: true, force: true });
  });

  const prune = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await execa(LABWRIGHT, ['prune', ...args], {
      env: { LABWRIGHT_HOME: home, NO_COLOR: '1', LABWRIGHT_NATS_URL: nats.url, LABWRIGHT_NATS_CREDS: await nats.credentials({ role: 'operator' }) }, stdin: 'ignore', reject: false,
    });
    return { exitCode, stderr, pruned: args.includes('--json') && exitCode === 0 ? (JSON.parse(stdout) as object[]) : stdout };
  };
  const logs = async () => (await ops.request('list', { destroyed: true })).labs.map((one) => `${one.lab} ${one.state}`);

  it('says what it would do, and removes only when told so', async () => {
    const dry = await prune('--json');
    expect(dry.pruned).toMatchObject([{ lab: 'pr-gone', outcome: 'would-prune', destroyedAt: expect.any(Number) }, { lab: 'pr-gone-too' }]);
    expect(await prune('-y', '--dry-run')).toMatchObject({ exitCode: 0, pruned: expect.stringContaining('would be pruned') });
    expect(await prune('-y', '--older-than', '30d')).toMatchObject({ exitCode: 0, pruned: '', stderr: expect.stringContaining('nothing to prune') });
    expect(await logs()).toEqual(['pr-gone destroyed', 'pr-gone-too destroyed', 'pr-runs running']);
  });

  it('removes the logs of the labs that are named, and refuses one that runs', async () => {
    expect(await prune('-y', '--lab', 'pr-runs')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('lab pr-runs is running: destroy it before its log is pruned') });
    expect(await prune('-y', '--lab', 'nobody')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('there is no log of a lab nobody') });
    expect(await prune('-y', '--lab', 'pr-gone', '--json')).toMatchObject({ exitCode: 0, pruned: [{ lab: 'pr-gone', outcome: 'pruned' }] });
    expect(await logs()).toEqual(['pr-gone-too destroyed', 'pr-runs running']);
    await expect(ops.request('history', { after: 0, limit: 1 }, { lab: lab('pr-gone') })).rejects.toMatchObject({ code: 'lab-not-found' });
  });

  it('happens by itself where a time was set, to destroyed labs alone', async () => {
    await supervisor.kill('SIGTERM');
    supervisor = await startSupervisorProcess(nats, { env: { LABWRIGHT_KEEP_DESTROYED_DAYS: '30' } });
    await eventually(async () => (await logs()).includes('pr-gone-too destroyed'), { timeoutMs: 20_000, what: 'the supervisor to keep what is young' });
    await supervisor.kill('SIGTERM');
    supervisor = await startSupervisorProcess(nats, { env: { LABWRIGHT_KEEP_DESTROYED_DAYS: '0' } });
    await eventually(async () => !(await logs()).includes('pr-gone-too destroyed'), { timeoutMs: 20_000, what: 'the old log to be pruned' });
    expect(await logs()).toEqual(['pr-runs running']);
  });
});
