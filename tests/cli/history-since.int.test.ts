// The log of a lab read page by page: each entry once, in order, none left out.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { historySince } from '../../cli/history-since.ts';
import { createOpsClient } from '../../nats/ops-client.ts';
import { eventually } from '../support/eventually.ts';
import { aLab, aNode, command, host, lab } from '../support/lab-builders.ts';
import { startNats } from '../support/nats-server.ts';
import type { TestNats } from '../support/nats-server.ts';
import { startSimulatedHost } from '../support/simulated-host.ts';
import type { SimulatedHost } from '../support/simulated-host.ts';
import { startSupervisorProcess } from '../support/supervisor-process.ts';
import type { SupervisorProcess } from '../support/supervisor-process.ts';

const H1 = host('h1');
const NAME = lab('pages');
let nats: TestNats;
let supervisor: SupervisorProcess;
let simulated: SimulatedHost;
let ops: ReturnType<typeof createOpsClient>;

beforeAll(async () => {
  nats = await startNats({ roles: [{ role: 'host', hostId: H1 }] });
  supervisor = await startSupervisorProcess(nats);
  simulated = startSimulatedHost(await nats.connect({ role: 'host', hostId: H1 }), H1);
  ops = createOpsClient(await nats.connect({ role: 'operator' }));
  await eventually(async () => (await ops.request('status', {}, { timeoutMs: 500 })).hosts.length === 1, { what: 'the host to join' });
});
afterAll(async () => {
  await simulated.stop();
  await supervisor.kill();
  await nats.stop();
});

it('reads all entries of the log, whatever fits on a page', async () => {
  await ops.request('deploy', { commandId: command('pages-1'), spec: aLab([aNode('a'), aNode('b')], [], { id: NAME }), takeOver: false, reconfigure: false }, { lab: NAME });
  await eventually(async () => (await ops.request('inspect', {}, { lab: NAME })).state === 'running', { what: 'the lab to run' });
  const { entries, last } = await ops.request('history', { after: 0, limit: 1000 }, { lab: NAME });
  const all = entries.map(({ entry }) => entry.n);
  expect(all).toEqual(Array.from({ length: last }, (_, index) => index + 1));
  for (const pageSize of [1, 2, last - 1, last, last + 1]) {
    expect((await historySince(ops, NAME, { after: 0, pageSize })).map(({ entry }) => entry.n)).toEqual(all);
    expect((await historySince(ops, NAME, { after: 2, pageSize })).map(({ entry }) => entry.n)).toEqual(all.slice(2));
  }
});
