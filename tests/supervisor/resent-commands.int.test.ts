// A command whose supervisor or server dies while it waits for its answer is sent again at once, and done once.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { NatsConnection } from '@nats-io/transport-node';
import { createOpsClient } from '../../nats/ops-client.ts';
import type { OpsClient } from '../../nats/ops-client.ts';
import { aLab, aNode, command, host, lab } from '../support/lab-builders.ts';
import { eventually } from '../support/eventually.ts';
import { startNats } from '../support/nats-server.ts';
import type { TestNats } from '../support/nats-server.ts';
import { startSimulatedHost } from '../support/simulated-host.ts';
import type { SimulatedHost } from '../support/simulated-host.ts';
import { startSupervisorProcess } from '../support/supervisor-process.ts';
import type { SupervisorProcess } from '../support/supervisor-process.ts';

const H1 = host('h1');
/** Longer than any test runs: whoever waits for it fails. */
const NEVER_MS = 3_600_000;
let nats: TestNats;
let supervisor: SupervisorProcess;
let simulated: SimulatedHost;
let nc: NatsConnection;
let ops: OpsClient;

beforeAll(async () => {
  nats = await startNats({ roles: [{ role: 'host', hostId: H1 }] });
  simulated = startSimulatedHost(await nats.connect({ role: 'host', hostId: H1 }), H1);
  nc = await nats.connect({ role: 'operator' });
  ops = createOpsClient(nc);
});
beforeEach(async () => {
  supervisor = await startSupervisorProcess(nats);
  await eventually(async () => (await ops.request('status', {}, { timeoutMs: 500 })).hosts.length === 1, { what: 'the host to join' });
});
afterEach(async () => await supervisor.kill());
afterAll(async () => {
  await simulated.stop();
  await nats.stop();
});

const deploy = async (name: string) => await ops.request('deploy', {
  commandId: command(`${name}-deploy`), spec: aLab([aNode('a', { containerName: `${name}-a` })], [], { id: lab(name) }), takeOver: false, reconfigure: false,
}, { lab: lab(name), timeoutMs: NEVER_MS, patienceMs: 60_000 });
const deploys = async (name: string) => {
  const { entries } = await ops.request('history', { after: 0, limit: 1000 }, { lab: lab(name) });
  return entries.filter(({ entry }) => entry.events.some(({ type }) => type === 'LabDeployRequested')).length;
};
/** Stands still with all that it was sent, as a process on a machine that is about to go down. */
const freeze = () => void supervisor.child.kill('SIGSTOP');
const sent = async () => await nc.flush();

describe('a command on its way when', () => {
  it('S13: the supervisor is killed: the next one gets it', async () => {
    freeze();
    const answer = deploy('killed');
    await sent();
    await supervisor.kill();
    supervisor = await startSupervisorProcess(nats);
    expect(await answer).toMatchObject({ outcome: 'accepted', repeated: false });
    expect(await deploys('killed')).toBe(1);
  });

  it('S11 S13: the supervisor is killed after it did it: the answer is that of a repeat', async () => {
    await supervisor.kill();
    // Its first entry takes over the lab of the test before.
    supervisor = await startSupervisorProcess(nats, { crashAt: 'supervisor/after-append:2' });
    await eventually(async () => (await ops.request('status', {}, { timeoutMs: 500 })).hosts.length === 1, { what: 'the host to join' });
    void supervisor.ended.then(async () => {
      supervisor = await startSupervisorProcess(nats);
    });
    expect(await deploy('done')).toMatchObject({ outcome: 'accepted', repeated: true });
    expect(await deploys('done')).toBe(1);
  });

  it('S13: the server is killed: it is sent again when there is a connection, and done once', async () => {
    freeze();
    const answer = deploy('server');
    await sent();
    await nats.kill();
    await nats.start();
    supervisor.child.kill('SIGCONT');
    expect(await answer).toMatchObject({ outcome: 'accepted' });
    expect(await deploys('server')).toBe(1);
  });

  it('a question waits for the connection too, and a request that must not come twice says at once that it is lost', async () => {
    freeze();
    const question = ops.request('list', { destroyed: false }, { timeoutMs: NEVER_MS });
    const exec = ops.request('node-exec', { nodes: [aNode('a').id], argv: ['true'], timeoutMs: NEVER_MS }, { lab: lab('killed'), timeoutMs: NEVER_MS });
    const lost = exec.catch((error: unknown) => error);
    await sent();
    await nats.kill();
    expect(await lost).toMatchObject({ code: 'connection-lost', retryable: true });
    await nats.start();
    supervisor.child.kill('SIGCONT');
    expect((await question).labs.map((one) => one.lab)).toEqual(['done', 'killed', 'server']);
  });
});
