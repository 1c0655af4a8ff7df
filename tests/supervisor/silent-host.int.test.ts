// A host that takes its orders and never answers, on real queues: the wait has a name and a moment, it is asked again, and the lab says so.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOpsClient } from '../../nats/ops-client.ts';
import { aLab, aNode, command, host, lab } from '../support/lab-builders.ts';
import { eventually } from '../support/eventually.ts';
import { startNats } from '../support/nats-server.ts';
import type { TestNats } from '../support/nats-server.ts';
import { startSimulatedHost } from '../support/simulated-host.ts';
import type { SimulatedHost } from '../support/simulated-host.ts';
import { idealHost } from '../support/simulated-lab.ts';
import { startSupervisorProcess } from '../support/supervisor-process.ts';
import type { SupervisorProcess } from '../support/supervisor-process.ts';

const H1 = host('h1');
let nats: TestNats;
let supervisor: SupervisorProcess;
let simulated: SimulatedHost;
let ops: ReturnType<typeof createOpsClient>;

beforeAll(async () => {
  process.env['LABWRIGHT_ANSWER_SECONDS'] = '0.5';
  nats = await startNats({ roles: [{ role: 'host', hostId: H1 }] });
  supervisor = await startSupervisorProcess(nats);
  // It forgets what it was ordered to start twice before it does it.
  const asked = new Map<string, number>();
  simulated = startSimulatedHost(await nats.connect({ role: 'host', hostId: H1 }), H1, (order, at) => {
    asked.set(order.id, (asked.get(order.id) ?? 0) + 1);
    return order.type === 'node.start' && (asked.get(order.id) ?? 0) < 3 ? null : idealHost(order, at);
  }, { forgets: true });
  ops = createOpsClient(await nats.connect({ role: 'operator' }));
  await eventually(async () => (await ops.request('status', {}, { timeoutMs: 500 })).hosts.length === 1, { what: 'the host to join' });
});
afterAll(async () => {
  delete process.env['LABWRIGHT_ANSWER_SECONDS'];
  await simulated.stop();
  await supervisor.kill();
  await nats.stop();
});

describe('a host that does not answer', () => {
  it('S15: is waited for by name, asked again with the same order, and named in the problems meanwhile', async () => {
    const name = lab('silent');
    await ops.request('deploy', { commandId: command('silent-1'), spec: aLab([aNode('a', { containerName: 'silent-a' })], [], { id: name }), takeOver: false, reconfigure: false }, { lab: name });
    const waiting = await eventually(async () => {
      const view = await ops.request('inspect', {}, { lab: name });
      return view.problems.length > 0 ? view : null;
    }, { what: 'the lab to say it' });
    expect(waiting.problems[0]).toMatch(/^host h1 does not answer since .*: node\.start of a, asked \d times$/);
    expect(waiting.deadlines).toEqual([{ name: 'answer/h1', at: expect.any(Number) }]);
    expect(waiting.nodes[0]).toMatchObject({ state: 'starting', waitingFor: 'host h1 to answer node.start' });
    const running = await eventually(async () => {
      const view = await ops.request('inspect', {}, { lab: name });
      return view.state === 'running' ? view : null;
    }, { what: 'the lab to run', timeoutMs: 20_000 });
    expect(running).toMatchObject({ problems: [], deadlines: [] });
    const starts = simulated.orders.filter((order) => order.type === 'node.start');
    expect(new Set(starts.map(({ id }) => id)).size).toBe(1);
    expect(starts.length).toBeGreaterThanOrEqual(3);
    const { entries } = await ops.request('history', { after: 0, limit: 100 }, { lab: name });
    expect(entries.flatMap(({ news }) => news).filter((sentence) => sentence.startsWith('host h1 has not answered node.start of a'))).toHaveLength(2);
  });
});
