// `labwright events` while the NATS server and the supervisor die: what happened meanwhile is in the stream all the same.
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
import { aLab, aLink, aNode, host, lab } from '../support/lab-builders.ts';
import { startNats } from '../support/nats-server.ts';
import type { TestNats } from '../support/nats-server.ts';
import { startSimulatedHost } from '../support/simulated-host.ts';
import type { SimulatedHost } from '../support/simulated-host.ts';
import { startSupervisorProcess } from '../support/supervisor-process.ts';
import type { SupervisorProcess } from '../support/supervisor-process.ts';

const H1 = host('h1');
const LABWRIGHT = resolve(import.meta.dirname, '..', '..', 'labwright');
const spec = (name: string) => ({ ...aLab([aNode('a', { containerName: `${name}-a` }), aNode('b', { containerName: `${name}-b` })], [aLink('a:eth1', 'b:eth1')]), id: lab(name) });

describe('labwright events', () => {
  let nats: TestNats;
  let supervisor: SupervisorProcess;
  let simulated: SimulatedHost;
  let ops: OpsClient;
  let hands: BedHands;
  let home: string;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'lw-events-'));
    nats = await startNats({ roles: [{ role: 'host', hostId: H1 }] });
    supervisor = await startSupervisorProcess(nats);
    simulated = startSimulatedHost(await nats.connect({ role: 'host', hostId: H1 }), H1);
    ops = createOpsClient(await nats.connect({ role: 'operator' }));
    hands = bedHands(ops);
    await eventually(async () => (await ops.request('hosts', {})).hosts.length === 1, { what: 'the host to join' });
  });
  afterAll(async () => {
    await simulated.stop();
    await supervisor.kill();
    await nats.stop();
    await rm(home, { recursive: true, force: true });
  });

  it('loses nothing that happened while it heard nothing, and waits for a supervisor', async () => {
    await hands.deploy(spec('ev-old'));
    await hands.settled('ev-old', ['running']);
    const stream = execa(LABWRIGHT, ['events', '--format', 'json', '--initial-state'], {
      env: { LABWRIGHT_HOME: home, LABWRIGHT_NATS_URL: nats.url, LABWRIGHT_NATS_CREDS: await nats.credentials({ role: 'operator' }) }, stdin: 'ignore', reject: false,
    });
    let text = '';
    stream.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const told = (container: string): string[] => text.split('\n').filter(Boolean).map((line) => JSON.parse(line) as { type: string; action: string; actor_name: string })
      .filter((one) => one.type === 'container' && one.actor_name === container).map((one) => one.action);
    await eventually(() => told('ev-old-a').includes('running'), { timeoutMs: 30_000, what: 'the present state in the stream' });
    // It stands still, so that all that follows is over before it can hear anything.
    stream.kill('SIGSTOP');
    await supervisor.kill();
    await nats.kill();
    await nats.start();
    supervisor = await startSupervisorProcess(nats);
    await eventually(async () => await hands.deploy(spec('ev-new')).then(() => true), { timeoutMs: 30_000, what: 'the new supervisor to answer' });
    await hands.settled('ev-new', ['running']);
    await hands.destroy('ev-old');
    await supervisor.kill();
    stream.kill('SIGCONT');
    supervisor = await startSupervisorProcess(nats);
    await eventually(() => told('ev-new-a').includes('start') && told('ev-old-a').includes('destroy'), { timeoutMs: 30_000, what: 'what happened meanwhile' })
      .catch((cause: unknown) => { throw new Error(`the stream holds: ${text}`, { cause }); });
    stream.kill('SIGINT');
    expect((await stream).exitCode).toBe(0);
  });
});
