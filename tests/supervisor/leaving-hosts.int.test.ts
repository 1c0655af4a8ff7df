// Nodes that leave a host over real queues: those that fit go, the others stay and are named until there is room.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { NatsConnection } from '@nats-io/transport-node';
import type { HostWish } from '../../machines/vocabulary/host-view.ts';
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

const GIB = 1024 ** 3;
const ids = [host('h1'), host('h2'), host('h3')] as const;
const [H1, H2, H3] = ids;
let nats: TestNats;
let supervisor: SupervisorProcess;
let ops: OpsClient;
let connections: readonly NatsConnection[];
const started: SimulatedHost[] = [];

beforeAll(async () => {
  nats = await startNats({ roles: ids.map((hostId) => ({ role: 'host', hostId })) });
  supervisor = await startSupervisorProcess(nats, { env: { LABWRIGHT_HOST_LOST_SECONDS: '3' } });
  connections = await Promise.all(ids.map(async (hostId) => await nats.connect({ role: 'host', hostId })));
  ops = createOpsClient(await nats.connect({ role: 'operator' }));
});
afterAll(async () => {
  for (const one of started) await one.stop();
  await supervisor?.kill();
  await nats?.stop();
});

async function join(number: 1 | 2 | 3, memoryMiB: number): Promise<SimulatedHost> {
  const connection = connections[number - 1];
  if (connection === undefined) throw new Error(`no connection of host ${number}`);
  const one = startSimulatedHost(connection, ids[number - 1] ?? H1, undefined, {
    facts: () => ({ underlay: { address: `10.200.0.${number}`, device: 'under', mtu: 1500 }, capacity: { cpus: 8, memoryMiB, diskMiB: 100_000, devices: [] } }),
  });
  started.push(one);
  await eventually(async () => (await ops.request('hosts', {})).hosts.some((known) => known.host === one.id && known.state === 'joined'), { what: `${one.id} to join`, timeoutMs: 20_000 });
  return one;
}
const wish = async (id: typeof H1, to: HostWish) => await ops.request('host-wish', { commandId: command(`wish-${Math.random()}`), host: id, wish: to });
const view = async (name: string) => await ops.request('inspect', {}, { lab: lab(name) });
const places = async (name: string) => Object.fromEntries((await view(name)).nodes.map(({ node, host: on, state }) => [node, `${on} ${state}`]));
const spec = (name: string) => aLab(
  [aNode('big', { containerName: `${name}-big`, memoryBytes: 6 * GIB }), ...['s1', 's2'].map((id) => aNode(id, { containerName: `${name}-${id}`, memoryBytes: GIB / 2 }))],
  [], { id: lab(name), placement: { policy: 'pack', onLostHost: { moveAfterSeconds: 1 } } },
);
const deploy = async (name: string) => {
  await ops.request('deploy', { commandId: command(`deploy-${name}`), spec: spec(name), takeOver: false, reconfigure: false }, { lab: lab(name), patienceMs: 20_000 });
  await eventually(async () => (await view(name)).state === 'running', { what: `lab ${name} to run`, timeoutMs: 20_000 });
};
const become = async (name: string, wanted: Record<string, string>) =>
  await eventually(async () => JSON.stringify(await places(name)) === JSON.stringify(wanted), { what: `lab ${name} to be ${JSON.stringify(wanted)}`, timeoutMs: 30_000 });
const stuckOn = async (id: typeof H1) => (await ops.request('host', { host: id })).stuck;

it('P08: a node that fits nowhere holds up none that does, of a drained host and of a lost one, and goes when there is room', async () => {
  const first = await join(1, 16_384);
  await deploy('leaving');
  await join(2, 4_096);
  await wish(H1, 'draining');
  await become('leaving', { big: 'h1 running', s1: 'h2 running', s2: 'h2 running' });
  await eventually(async () => (await stuckOn(H1)).length === 1, { what: 'the large node to be named', timeoutMs: 20_000 });
  const [stuck] = await stuckOn(H1);
  expect(stuck).toEqual({ lab: 'leaving', nodes: ['big'], reason: expect.stringMatching(/^big cannot be placed: it needs 6144 MiB of memory, the largest free is \d+ MiB of memory on h2 .*It would fit with: .*add a host/) });
  expect((await view('leaving')).problems).toEqual([`cannot leave host h1: ${stuck?.reason}`]);
  await wish(H1, 'open');
  await eventually(async () => (await stuckOn(H1)).length === 0 && (await view('leaving')).problems.length === 0, { what: 'the drain to be forgotten' });
  await first.stop();
  await eventually(async () => (await stuckOn(H1))[0]?.reason.includes('h1: it is lost') === true, { what: 'the large node of the lost host to be named', timeoutMs: 30_000 });
  expect(await places('leaving')).toEqual({ big: 'h1 unknown', s1: 'h2 running', s2: 'h2 running' });
  await join(3, 16_384);
  await become('leaving', { big: 'h3 running', s1: 'h2 running', s2: 'h2 running' });
  expect([await stuckOn(H1), await stuckOn(H3)]).toEqual([[], []]);
  expect((await view('leaving')).problems.join()).not.toContain('cannot leave');
});

it('P08: all nodes of a lost host but the one that fits nowhere go at once', async () => {
  await wish(H2, 'cordoned');
  const one = started.at(-1);
  await deploy('leaving-at-once');
  expect(await places('leaving-at-once')).toEqual({ big: 'h3 running', s1: 'h3 running', s2: 'h3 running' });
  await wish(H2, 'open');
  await one?.stop();
  await become('leaving-at-once', { big: 'h3 unknown', s1: 'h2 running', s2: 'h2 running' });
  expect((await view('leaving-at-once')).problems.join('\n')).toMatch(/host h3 is lost[^]*cannot leave host h3: big cannot be placed/);
});
