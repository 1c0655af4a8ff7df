// Hosts over the ops API on real queues: wishes, another protocol, two processes in one name, removal.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NatsConnection } from '@nats-io/transport-node';
import { HOST_PROTOCOL } from '../../machines/vocabulary/host-protocol.ts';
import { createOpsClient } from '../../nats/ops-client.ts';
import { sayHello } from '../../nats/host-hello.ts';
import { beatSubject, rpcSubject } from '../../nats/subjects.ts';
import { aLab, aNode, command, host, lab } from '../support/lab-builders.ts';
import { eventually } from '../support/eventually.ts';
import { startNats } from '../support/nats-server.ts';
import type { TestNats } from '../support/nats-server.ts';
import { startSimulatedHost } from '../support/simulated-host.ts';
import type { SimulatedHost } from '../support/simulated-host.ts';
import { startSupervisorProcess } from '../support/supervisor-process.ts';
import type { SupervisorProcess } from '../support/supervisor-process.ts';

const [H1, H2, H3] = [host('h1'), host('h2'), host('h3')];
let nats: TestNats;
let supervisor: SupervisorProcess;
let simulated: SimulatedHost;
let ops: ReturnType<typeof createOpsClient>;
let h2: NatsConnection;
let h3: NatsConnection;

beforeAll(async () => {
  nats = await startNats({ roles: [H1, H2, H3].map((hostId) => ({ role: 'host', hostId })) });
  supervisor = await startSupervisorProcess(nats);
  simulated = startSimulatedHost(await nats.connect({ role: 'host', hostId: H1 }), H1);
  [h2, h3] = [await nats.connect({ role: 'host', hostId: H2 }), await nats.connect({ role: 'host', hostId: H3 })];
  ops = createOpsClient(await nats.connect({ role: 'operator' }));
  await eventually(async () => (await hosts()).some((one) => one.state === 'joined'), { what: 'the host to join' });
});
afterAll(async () => {
  await supervisor?.kill();
  await nats?.stop();
});

const hosts = async () => (await ops.request('hosts', {}, { timeoutMs: 1_000 })).hosts;
const detail = async (id: typeof H1) => (await hosts()).find((one) => one.host === id);
const deploy = async (name: string, over: Parameters<typeof aNode>[1] = {}) =>
  await ops.request('deploy', { commandId: command(`${name}-${Math.random()}`), spec: aLab([aNode('a', { containerName: `${name}-a`, ...over })], [], { id: lab(name) }), takeOver: false, reconfigure: false }, { lab: lab(name) });
const runs = async (name: string) => await eventually(async () => (await ops.request('inspect', {}, { lab: lab(name) })).state === 'running', { what: `lab ${name} to run`, timeoutMs: 20_000 });

describe('hosts', () => {
  it('show what they carry, what was wished, and refuse nodes while cordoned', async () => {
    await deploy('hosts-a', { cpus: 1.5 });
    await runs('hosts-a');
    expect(await detail(H1)).toMatchObject({ state: 'joined', wish: 'open', labs: ['hosts-a'], nodes: 1, allocated: { cpuMillis: 1500, memoryMiB: 32 }, protocol: HOST_PROTOCOL });
    expect((await ops.request('host-wish', { commandId: command('w1'), host: H1, wish: 'cordoned' })).host.state).toBe('cordoned');
    await expect(deploy('hosts-b')).rejects.toThrow(/no host has joined|cordoned/);
    await ops.request('host-wish', { commandId: command('w2'), host: H1, wish: 'open' });
    expect((await ops.request('host', { host: H1 })).nodes).toEqual([{ lab: 'hosts-a', node: 'a', state: 'running', pinned: false }]);
    await expect(ops.request('host', { host: host('nobody') })).rejects.toMatchObject({ code: 'host-not-found' });
  });

  it('P05: are asked what they lack of what a lab names, before its nodes are placed', async () => {
    const asked: unknown[] = [];
    const answering = (await nats.connect({ role: 'host', hostId: H1 })).subscribe(rpcSubject(H1, 'lacks'), { callback: (_error, message) => {
      asked.push(message.json());
      message.respond(JSON.stringify({ images: ['own:1'], devices: [], bridges: [] }));
    } });
    await expect(deploy('hosts-d', { image: 'own:1', imagePullPolicy: 'never', devices: ['/dev/fuse'] })).rejects.toThrow(/a cannot be placed: h1: it lacks the image own:1.*bring the image own:1 to h1/);
    expect(asked).toEqual([{ images: ['own:1'], devices: ['/dev/fuse'], bridges: [] }]);
    answering.unsubscribe();
  });

  it('say why nodes cannot leave while draining, as do their labs, and no longer once the drain is taken back', async () => {
    const told = async () => ({ ...(await ops.request('host', { host: H1 })), problems: (await ops.request('inspect', {}, { lab: lab('hosts-a') })).problems });
    await ops.request('host-wish', { commandId: command('w3'), host: H1, wish: 'draining' });
    await eventually(async () => (await told()).stuck.length > 0, { what: 'the node that cannot leave to be named' });
    const answer = await told();
    expect([answer.host.state, answer.nodes.length]).toEqual(['draining', 1]);
    expect(answer.stuck).toEqual([{ lab: 'hosts-a', nodes: ['a'], reason: expect.stringMatching(/^a cannot be placed: h1: it is being drained.* It would fit with: .*add a host with/) }]);
    expect(answer.problems).toEqual([`cannot leave host h1: ${answer.stuck[0]?.reason}`]);
    await ops.request('host-wish', { commandId: command('w4'), host: H1, wish: 'open' });
    await eventually(async () => (await told()).stuck.length + (await told()).problems.length === 0, { what: 'nothing to be held up' });
  });

  it('P05 P07: get no new containers while their engine does not answer, which is said; what stands there stays', async () => {
    let engineConnected = true;
    const beat = setInterval(() => h2.publish(beatSubject(H2), JSON.stringify({ protocol: HOST_PROTOCOL, version: '0.1.0', engineConnected, underlay: { address: '10.200.0.2', device: 'under', mtu: 1500 } })), 100);
    await eventually(async () => (await detail(H2))?.state === 'joined', { what: 'h2 to join' });
    expect((await detail(H2))?.problem).toBeUndefined();
    const { changes } = await deploy('hosts-e', { host: H2 });
    expect(changes.map(({ action }) => action)).toEqual(['add']);
    engineConnected = false;
    await eventually(async () => (await detail(H2))?.problem !== undefined, { what: 'the dead engine to be told' });
    expect(await detail(H2)).toMatchObject({ state: 'joined', engineConnected: false, problem: expect.stringContaining('its container engine does not answer') });
    await expect(deploy('hosts-c', { host: H2 })).rejects.toThrow(/the file pins it to h2: its container engine does not answer.*have the engine of h2 answer again/);
    const { nodes } = await ops.request('inspect', {}, { lab: lab('hosts-e') });
    expect(nodes.map(({ node, host: on }) => `${node} on ${on}`)).toEqual(['a on h2']);
    await ops.request('host-wish', { commandId: command('w5'), host: H1, wish: 'cordoned' });
    await expect(deploy('hosts-c')).rejects.toThrow(/a cannot be placed: h1: it is cordoned; h2: its container engine does not answer/);
    await ops.request('host-wish', { commandId: command('w6'), host: H1, wish: 'open' });
    engineConnected = true;
    await eventually(async () => (await detail(H2))?.problem === undefined, { what: 'h2 to be well again' });
    clearInterval(beat);
    await ops.request('host-rm', { commandId: command('r0'), host: H2, force: true });
    await ops.request('destroy', { commandId: command('d0'), cleanup: false, keepMgmtNet: false }, { lab: lab('hosts-e') });
    await eventually(async () => (await ops.request('inspect', {}, { lab: lab('hosts-e') })).state === 'destroyed', { what: 'the lab to be gone', timeoutMs: 10_000 });
  });

  it('X13: of another protocol get no nodes, no orders, and the reason is shown; a restarted supervisor knows it at once', async () => {
    const old = { protocol: HOST_PROTOCOL + 7, version: '9.9.9' };
    const beat = setInterval(() => h2.publish(beatSubject(H2), JSON.stringify(old)), 200);
    await eventually(async () => (await detail(H2))?.state === 'incompatible', { what: 'h2 to be incompatible' });
    expect((await detail(H2))?.problem).toMatch(new RegExp(`host h2 speaks protocol ${old.protocol} \\(version 9\\.9\\.9\\).*install version 9\\.9\\.9 here`));
    await expect(deploy('hosts-c', { host: H2 })).rejects.toThrow(/its protocol|whose protocol does not fit/);
    expect(await sayHello(h2, H2, old)).toMatchObject({ state: 'incompatible', refusal: expect.stringContaining(`protocol ${old.protocol}`), protocol: HOST_PROTOCOL });
    expect(await sayHello(h2, H2, { protocol: HOST_PROTOCOL, version: '0.1.0' })).not.toHaveProperty('refusal');
    clearInterval(beat);
    await supervisor.kill();
    supervisor = await startSupervisorProcess(nats);
    await eventually(async () => (await detail(H2))?.state === 'incompatible', { what: 'the new supervisor to know it', timeoutMs: 20_000 });
  });

  it('R06: two processes in one name are shown, and the older is told to stop until it obeys', async () => {
    const fences: unknown[] = [];
    h3.subscribe(rpcSubject(H3, 'fence'), { callback: (_error, message) => void fences.push(message.json()) });
    let fenced = false;
    const beat = (instance: string, startedAt: number, more = {}) => h3.publish(beatSubject(H3), JSON.stringify({ protocol: HOST_PROTOCOL, version: '0.1.0', instance, startedAt, ...more }));
    const older = setInterval(() => beat('older', 1_000, fenced ? { fenced: { by: 'newer' } } : {}), 150);
    await eventually(async () => (await detail(H3))?.state === 'joined', { what: 'h3 to join' });
    const newer = setInterval(() => beat('newer', 2_000), 150);
    await eventually(() => fences.length > 1, { what: 'the older to be fenced' });
    expect(fences[0]).toEqual({ instance: 'older', by: 'newer' });
    expect(await detail(H3)).toMatchObject({ state: 'lost', problem: expect.stringContaining('2 host-actors speak in its name'), conflict: [{ instance: 'newer', fenced: false }, { instance: 'older', fenced: false }] });
    fenced = true;
    await eventually(async () => (await detail(H3))?.state === 'joined', { what: 'h3 to be itself again', timeoutMs: 10_000 });
    expect((await detail(H3))?.conflict).toMatchObject([{ instance: 'newer' }, { instance: 'older', fenced: true }]);
    clearInterval(older);
    await eventually(async () => (await detail(H3))?.conflict === undefined, { what: 'the conflict to end', timeoutMs: 10_000 });
    clearInterval(newer);
  });

  it('P07: tell what they can do when their digest changes: what is not well and what changed is shown', async () => {
    const probe = (id: string, status: string) => ({ id, title: `probe ${id}`, status, found: `${id} is ${status}`, ...(status === 'ok' ? {} : { costs: 'something', remedy: 'mend it' }) });
    let kvm = 'ok';
    let questions = 0;
    h2.subscribe(rpcSubject(H2, 'fingerprint'), { callback: (_error, message) => {
      questions += 1;
      message.respond(JSON.stringify({ probes: [probe('kvm', kvm), probe('clock', 'missing')], readAt: 5_000 }));
    } });
    const beat = setInterval(() => h2.publish(beatSubject(H2), JSON.stringify({ protocol: HOST_PROTOCOL, instance: 'two', startedAt: 1_000, fingerprint: `digest-${kvm}` })), 100);
    const told = async () => (await ops.request('host', { host: H2 })).fingerprint;
    await eventually(async () => (await told()) !== undefined, { what: 'the first reading' });
    expect(await told()).toMatchObject({ readAt: 5_000, notWell: [{ id: 'clock', remedy: 'mend it' }], changed: [] });
    kvm = 'missing';
    await eventually(async () => (await told())?.changed.length === 1, { what: 'the second reading' });
    clearInterval(beat);
    expect(await told()).toMatchObject({ notWell: [{ id: 'kvm' }, { id: 'clock' }], changed: [{ id: 'kvm', before: 'ok', now: 'missing' }] });
    expect(questions).toBe(2);
  });

  it('are forgotten only when nothing is on them, or by force, and what still speaks in their name is not heard', async () => {
    await expect(ops.request('host-rm', { commandId: command('r1'), host: H1, force: false })).rejects.toMatchObject({ code: 'host-in-use', message: expect.stringContaining('1 node of hosts-a'), details: { labs: ['hosts-a'] } });
    h3.publish(beatSubject(H3), JSON.stringify({ protocol: HOST_PROTOCOL, instance: 'newer', startedAt: 2_000 }));
    await h3.flush();
    await ops.request('host-rm', { commandId: command('r2'), host: H3, force: false });
    h3.publish(beatSubject(H3), JSON.stringify({ protocol: HOST_PROTOCOL, instance: 'newer', startedAt: 2_000 }));
    h3.publish(beatSubject(H3), JSON.stringify({ protocol: HOST_PROTOCOL, instance: 'older', startedAt: 1_000 }));
    await h3.flush();
    await eventually(async () => (await detail(H3)) !== undefined, { what: 'another process of h3 to be heard' });
    await simulated.stop();
    const answer = await ops.request('host-rm', { commandId: command('r3'), host: H1, force: true });
    expect(answer).toMatchObject({ labs: ['hosts-a'], nodes: [{ node: 'a' }] });
    // Before its labs were told; what is left of the host is the bucket of wishes.
    await supervisor.kill();
    supervisor = await startSupervisorProcess(nats);
    const inspect = async () => await ops.request('inspect', {}, { lab: lab('hosts-a'), patienceMs: 20_000 });
    await eventually(async () => (await inspect()).nodes[0]?.state === 'unknown', { what: 'the lab to learn that its host is gone', timeoutMs: 20_000 });
    expect((await inspect()).problems[0]).toContain('host h1 is lost: it was removed by hand');
  });

  it('S22: that were removed by force let the destroy of their labs end, which say what was given up', async () => {
    await ops.request('destroy', { commandId: command('d1'), cleanup: false, keepMgmtNet: false }, { lab: lab('hosts-a') });
    await eventually(async () => (await ops.request('inspect', {}, { lab: lab('hosts-a') })).state === 'destroyed', { what: 'the destroy to end', timeoutMs: 10_000 });
    const { entries } = await ops.request('history', { after: 0, limit: 100 }, { lab: lab('hosts-a') });
    expect(entries.flatMap(({ news }) => news)).toContain('given up: what host h1 held of a: it was removed by hand');
    await ops.request('prune', { commandId: command('p1') }, { lab: lab('hosts-a') });
  });
});
