// Reports of hosts on their way into the log: what is wrong with one concerns nothing but itself, and each goes to the lab's owner.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { headers } from '@nats-io/transport-node';
import { initialLab } from '../../machines/evolve/lab-state.ts';
import { evolve } from '../../machines/evolve/evolve.ts';
import { LogEntry } from '../../machines/vocabulary/event.ts';
import { openEventLog } from '../../nats/event-log.ts';
import { createOpsClient } from '../../nats/ops-client.ts';
import { logSubject, observationSubject } from '../../nats/subjects.ts';
import { publishReports } from '../../nats/report-queue.ts';
import { aLab, aNode, command, host, lab, node } from '../support/lab-builders.ts';
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
let nc: NatsConnection;
let ops: ReturnType<typeof createOpsClient>;
/** Labs whose orders the host takes and never answers. */
const hanging = new Set<string>();

beforeAll(async () => {
  nats = await startNats({ roles: [{ role: 'host', hostId: H1 }] });
  supervisor = await startSupervisorProcess(nats);
  nc = await nats.connect({ role: 'host', hostId: H1 });
  simulated = startSimulatedHost(nc, H1, (order, at) => (hanging.has(order.lab) ? null : idealHost(order, at)));
  ops = createOpsClient(await nats.connect({ role: 'operator' }));
  await eventually(async () => (await ops.request('status', {}, { timeoutMs: 500 })).hosts.length === 1, { what: 'the host to join' });
});
afterAll(async () => {
  await simulated.stop();
  await supervisor.kill();
  await nats.stop();
});

const deploy = async (name: string) => {
  const spec = aLab([aNode('a', { containerName: `${name}-a` })], [], { id: lab(name) });
  await ops.request('deploy', { commandId: command(`${name}-deploy`), spec, takeOver: false, reconfigure: false }, { lab: lab(name) });
};
const view = async (name: string) => await ops.request('inspect', {}, { lab: lab(name) });
const settles = async (name: string) => await eventually(async () => (await view(name)).state === 'running', { what: `lab ${name} to run` });
const generation = (name: string) => {
  const order = simulated.orders.find((one) => one.lab === name && one.type === 'node.start');
  return order && 'node' in order ? order.plan.generation : 0;
};
const queue = async () => {
  const { num_pending: pending, num_ack_pending: unanswered } = await (await jetstreamManager(await nats.connect({ role: 'supervisor' }))).consumers.info('LW_OBS', 'supervisor');
  return { pending, unanswered };
};

describe('one bad observation', () => {
  it('voids nothing else: not the others of its report, not the other reports of its message', async () => {
    await deploy('ok');
    await deploy('other');
    await settles('ok');
    await settles('other');
    const health = (name: string, status: string) => ({ type: 'node.health', at: 1, node: 'a', generation: generation(name), status });
    const report = (name: string, observations: unknown[]) => ({ v: 1, id: `bad-${name}`, host: H1, lab: name, observations });
    await publishReports(nc, H1, [
      report('ok', [{ type: 'node.health', at: 'yesterday' }, health('ok', 'starting'), { type: 'unheard-of' }, health('ok', 'healthy')]),
      { nonsense: true },
      report('other', [health('other', 'unhealthy')]),
    ], 'one-bad');
    await eventually(async () => (await view('ok')).nodes[0]?.health === 'healthy' && (await view('other')).nodes[0]?.health === 'unhealthy', { what: 'what was good' });
    expect(supervisor.output()).toContain('observation is not understood and left out');
    await eventually(async () => JSON.stringify(await queue()) === '{"pending":0,"unanswered":0}', { what: 'an empty queue' });
  });

  it('that answers an order counts as its failure, so that nobody waits for it for ever', async () => {
    hanging.add('mute');
    await deploy('mute');
    const order = await eventually(() => simulated.orders.find((one) => one.lab === 'mute' && one.type === 'node.prepare'));
    await publishReports(nc, H1, [{ v: 1, id: 'm', host: H1, lab: 'mute', observations: [{ type: 'node.prepared', effectId: order.id, in: 'words of tomorrow' }] }], 'mute-1');
    const { nodes } = await eventually(async () => {
      const now = await view('mute');
      return now.nodes[0]?.state === 'failed' ? now : null;
    });
    expect(nodes[0]?.failure).toMatchObject({ code: 'answer-invalid', message: expect.stringContaining('other version?') });
  });
});

describe('one lab in trouble', () => {
  it('that sends what no entry can hold, or nothing that is JSON, holds up no other', async () => {
    await jetstream(await nats.connect({ role: 'host', hostId: H1 })).publish(observationSubject(H1), 'not json').catch(() => undefined);
    nc.publish(observationSubject(H1), 'not json either');
    await deploy('next');
    await settles('next');
    expect((await view('next')).problems).toEqual([]);
  });
});

describe('a lab whose log holds what this version cannot read', () => {
  const poison = async (name: string) => {
    const mark = headers();
    mark.set('Lw-Entry', `poison-${name}`);
    await jetstream(await nats.connect({ role: 'supervisor' })).publish(logSubject(lab(name)), '{"v":99,"of":"tomorrow"}', { headers: mark });
  };

  it('S15: has its trouble for itself, also when it comes while the lab runs, and after a restart of the supervisor', async () => {
    for (const name of ['sick', 'well']) {
      await deploy(name);
      await settles(name);
    }
    await poison('sick');
    const health = (name: string, status: 'healthy' | 'unhealthy') => ({ type: 'node.health' as const, at: 1, node: node('a'), generation: generation(name), status });
    await simulated.report(lab('sick'), [health('sick', 'healthy')]);
    await simulated.report(lab('well'), [health('well', 'healthy')]);
    await eventually(async () => (await view('well')).nodes[0]?.health === 'healthy', { what: 'the report of the well lab' });
    await eventually(() => supervisor.output().includes('reports could not be folded and are dropped'), { what: 'what became of the other' });

    await supervisor.kill();
    supervisor = await startSupervisorProcess(nats);
    await eventually(async () => (await view('well')).nodes[0]?.health === 'healthy', { what: 'the well lab', timeoutMs: 20_000 });
    expect(supervisor.output()).toContain('log of lab cannot be read, the lab is left alone');
    await simulated.report(lab('well'), [health('well', 'unhealthy')]);
    await eventually(async () => (await view('well')).nodes[0]?.health === 'unhealthy', { what: 'the next report of the well lab' });
    await ops.request('destroy', { commandId: command('well-end'), cleanup: false, keepMgmtNet: false }, { lab: lab('well') });
    expect(await eventually(async () => (await view('well')).state === 'destroyed', { what: 'the end of the well lab' })).toBe(true);
    // A wish for the sick one is refused with the reason, and makes nothing worse.
    await expect(deploy('sick')).rejects.toMatchObject({ message: expect.stringContaining('is not valid') });
  });
});

describe('a report about a lab that somebody else wrote to', () => {
  it('reaches the lab once it is taken over again; one about a lab that no log knows is dropped', async () => {
    await deploy('shared');
    await settles('shared');
    // A writer that is no member: whoever owns the lab by the members that live steps down, and takes it over anew.
    const rival = await openEventLog(await nats.connect({ role: 'supervisor' }), LogEntry);
    let state = initialLab(lab('shared'));
    for await (const { entry } of rival.read(lab('shared'))) state = evolve(state, entry).state;
    await rival.append({ labId: lab('shared'), expectedSeq: await rival.lastSeq(lab('shared')), entryId: 'rival',
      entry: { v: 1, lab: lab('shared'), n: state.n + 1, at: Date.now(), term: state.term + 1, events: [{ type: 'TakenOver', term: state.term + 1, supervisor: 'rival' }] } });
    await simulated.report(lab('shared'), [{ type: 'node.health', at: 1, node: node('a'), generation: generation('shared'), status: 'healthy' }]);
    await simulated.report(lab('unheard-of'), [{ type: 'node.health', at: 1, node: node('a'), generation: 1, status: 'healthy' }]);
    await eventually(() => supervisor.output().includes('another supervisor owns the lab now') && supervisor.output().includes('a lab that the log does not know'), { what: 'step down' });
    await eventually(async () => (await view('shared')).nodes[0]?.health === 'healthy', { what: 'the report at its owner', timeoutMs: 20_000 });
    expect(await eventually(async () => JSON.stringify(await queue()) === '{"pending":0,"unanswered":0}', { what: 'an empty queue' })).toBe(true);
  });
});
