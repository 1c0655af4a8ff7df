// A host that hangs, and an owner that dies in the middle: other labs, and other nodes, are not concerned.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Order } from '../../machines/vocabulary/effect.ts';
import { createOpsClient } from '../../nats/ops-client.ts';
import { aLab, aLink, aNode, command, host, lab, node } from '../support/lab-builders.ts';
import { eventually } from '../support/eventually.ts';
import { startNats } from '../support/nats-server.ts';
import type { TestNats } from '../support/nats-server.ts';
import { startSimulatedHost } from '../support/simulated-host.ts';
import type { SimulatedHost } from '../support/simulated-host.ts';
import { idealHost } from '../support/simulated-lab.ts';
import { startSupervisorProcess } from '../support/supervisor-process.ts';
import type { SupervisorProcess } from '../support/supervisor-process.ts';

const H1 = host('h1');
const TEN = Array.from({ length: 10 }, (_, index) => `n${index}`);
let nats: TestNats;
let supervisor: SupervisorProcess;
let simulated: SimulatedHost;
let ops: ReturnType<typeof createOpsClient>;
/** Labs whose orders the host takes and never answers. */
const hanging = new Set<string>();

beforeAll(async () => {
  nats = await startNats({ roles: [{ role: 'host', hostId: H1 }] });
  supervisor = await startSupervisorProcess(nats);
  simulated = startSimulatedHost(await nats.connect({ role: 'host', hostId: H1 }), H1, (order, at) => (hanging.has(order.lab) ? null : idealHost(order, at)));
  ops = createOpsClient(await nats.connect({ role: 'operator' }));
  await eventually(async () => (await ops.request('status', {}, { timeoutMs: 500 })).hosts.length === 1, { what: 'the host to join' });
});
afterAll(async () => {
  await simulated.stop();
  await supervisor.kill();
  await nats.stop();
});

const deploy = async (name: string, nodes: readonly string[]) => {
  const spec = aLab(nodes.map((id) => aNode(id, { containerName: `${name}-${id}` })), nodes.length > 1 ? [aLink(`${nodes[0]}:eth1`, `${nodes[1]}:eth1`)] : [], { id: lab(name) });
  return await ops.request('deploy', { commandId: command(`${name}-deploy`), spec, takeOver: false, reconfigure: false }, { lab: lab(name) });
};
const state = async (name: string) => (await ops.request('inspect', {}, { lab: lab(name) })).state;
const settles = async (name: string, wanted: string) => await eventually(async () => (await state(name)) === wanted, { timeoutMs: 20_000, what: `lab ${name} to be ${wanted}` });
const nodesOf = (orders: readonly Order[]) => new Set(orders.map((order) => ('node' in order ? order.node.id : order.type)));

describe('a host that takes orders and does not answer', () => {
  it('S15 S16: holds up its own lab only: others are deployed, changed and destroyed, and every question is answered', async () => {
    hanging.add('stuck');
    await deploy('stuck', ['a', 'b']);
    for (const name of ['one', 'two', 'three']) {
      await deploy(name, ['a', 'b']);
      await settles(name, 'running');
    }
    await ops.request('node-restart', { commandId: command('one-restart'), nodes: [node('a')] }, { lab: lab('one') });
    await settles('one', 'running');
    await ops.request('destroy', { commandId: command('two-end'), cleanup: false, keepMgmtNet: false }, { lab: lab('two') });
    await settles('two', 'destroyed');
    expect(await state('stuck')).toBe('deploying');
    const { nodes } = await ops.request('inspect', {}, { lab: lab('stuck') });
    expect(nodes.map((one) => one.state)).toEqual(['preparing', 'preparing']);
    // A wish is taken at once, whatever hangs, and is done when the host is back.
    expect(await ops.request('destroy', { commandId: command('stuck-end'), cleanup: false, keepMgmtNet: false }, { lab: lab('stuck') })).toMatchObject({ outcome: 'accepted' });
    const { loopDelayMaxMs } = await ops.request('status', {});
    expect(loopDelayMaxMs).toBeGreaterThan(0);
  });
});

describe('a command that the lab does not allow', () => {
  it('S05: is refused, changes nothing, and stands in the log of the supervisor', async () => {
    await deploy('refusing', ['a']);
    await settles('refusing', 'running');
    const before = await ops.request('inspect', {}, { lab: lab('refusing') });
    await expect(ops.request('node-start', { commandId: command('refusing-start'), nodes: [node('nobody')] }, { lab: lab('refusing') })).rejects.toMatchObject({ code: 'node-not-found' });
    expect(await ops.request('inspect', {}, { lab: lab('refusing') })).toEqual(before);
    const line = await eventually(() => supervisor.output().split('\n').find((one) => one.includes('command was refused')), { what: 'the line' });
    expect(JSON.parse(line)).toMatchObject({ level: 30, labId: 'refusing', command: 'node.start', commandId: 'refusing-start', codes: ['node-not-found'] });
    await ops.request('destroy', { commandId: command('refusing-end'), cleanup: false, keepMgmtNet: false }, { lab: lab('refusing') });
    await settles('refusing', 'destroyed');
  });
});

describe('an owner killed right after it took a command', () => {
  it('S10: the next one orders what was asked for and no more, and the repeat of the command is none', async () => {
    await deploy('ten', TEN);
    await settles('ten', 'running');
    await supervisor.kill();
    // The first entry of a lab's new owner is its takeover, the second the command; three labs are taken over.
    supervisor = await startSupervisorProcess(nats, { crashAt: 'supervisor/after-append:5' });
    await eventually(async () => (await ops.request('list', { destroyed: false })).labs.length === 4, { timeoutMs: 20_000, what: 'labs' });
    const before = simulated.orders.length;
    const restart = async () => await ops.request('node-restart', { commandId: command('ten-restart'), nodes: [node('n3'), node('n7')] }, { lab: lab('ten'), timeoutMs: 1_000, patienceMs: 0 });
    const taken = async () => {
      const { entries } = await ops.request('history', { after: 0, limit: 1000 }, { lab: lab('ten'), timeoutMs: 1_000 });
      return entries.filter(({ entry }) => entry.events.some(({ type }) => type === 'NodesRestartRequested')).length;
    };
    await restart().catch(() => undefined);
    expect(await supervisor.ended).toBe('SIGKILL');
    supervisor = await startSupervisorProcess(nats);
    await eventually(async () => (await taken()) === 1, { timeoutMs: 20_000, what: 'the command in the log' });
    expect(await restart()).toMatchObject({ repeated: true });
    await settles('ten', 'running');
    expect(await taken()).toBe(1);
    const ofTen = simulated.orders.slice(before).filter((order) => order.lab === 'ten');
    expect(nodesOf(ofTen)).toEqual(new Set(['n3', 'n7']));
  });
});
