// The host-actor on a host without machines: many labs, refusals, deaths and restarts, all on the real ledger.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HostActor } from '../../../host-actor/host-actor.ts';
import { LinkPlaneError } from '../../../host-actor/link-plane/link-plane-error.ts';
import { ProviderError } from '../../../host-actor/providers/provider-error.ts';
import type { SimulatedHands } from '../../../host-actor/providers/simulated/simulated-hands.ts';
import { makeSimulatedHands } from '../../../host-actor/providers/simulated/simulated-hands.ts';
import type { Order } from '../../../machines/vocabulary/effect.ts';
import { HostId, NodeId } from '../../../machines/vocabulary/ids.ts';
import type { Observation } from '../../../machines/vocabulary/observation.ts';
import { eventually } from '../../support/eventually.ts';
import { TestLab } from '../process/test-lab.ts';

const host = HostId.parse('sim');
const NODES = ['n0', 'n1', 'n2', 'n3', 'n4'];

describe('host-actor on a simulated host', () => {
  let hands: SimulatedHands;
  let actor: HostActor;
  let folder: string;
  const seen: Observation[] = [];

  const opened = async (): Promise<HostActor> => {
    const made = new HostActor({ hands, ledgerDir: folder, log: pino({ level: 'silent' }) });
    await made.open();
    made.connect(async (reports) => { for (const report of reports) seen.push(...report.observations); });
    return made;
  };
  const open = async (news?: (its: HostActor) => Promise<void>): Promise<void> => {
    actor = await opened();
    await actor.start(news?.(actor));
  };
  const answers = async (orders: readonly Order[]): Promise<Observation[]> => {
    const ids = new Map(orders.map(({ id }, index) => [String(id), index]));
    await eventually(() => new Set(seen.flatMap(({ effectId }) => (effectId !== undefined && ids.has(effectId) ? [effectId] : []))).size === ids.size, { what: 'all answers', timeoutMs: 60_000 });
    return orders.flatMap(({ id }) => seen.findLast((one) => one.effectId === id) ?? []);
  };
  const newLab = (name: string) => new TestLab({ name, host, number: 1, nodes: NODES });
  const ring = (lab: TestLab, type: 'link.ensure' | 'link.remove') => NODES.map((node, i) => lab.link(type, i, [`${node}:eth1`, `${NODES[(i + 1) % NODES.length]}:eth2`]));
  const deploy = (lab: TestLab) => [lab.network('network.ensure'), ...NODES.map((node) => lab.node('node.prepare', node)), ...ring(lab, 'link.ensure'), ...NODES.map((node) => lab.node('node.start', node))];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tha-sim-'));
    hands = makeSimulatedHands(host);
    seen.length = 0;
    await open();
  });
  afterEach(async () => {
    await actor.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('deploys a lab in one batch of wires, each container made and started once', async () => {
    const orders = deploy(newLab('l'));
    await actor.accept(orders);
    for (const answer of await answers(orders)) expect(answer.type).not.toBe('effect.failed');
    expect(hands.provider.calls).toMatchObject({ create: NODES.length, start: NODES.length });
    expect(hands.plane.batches).toBe(1);
    expect(hands.plane.wires.size).toBe(2 * NODES.length);
  });

  it('R05: takes the orders that wait for it before it makes anything again, and carries each out once', async () => {
    const lab = newLab('l');
    const orders = deploy(lab);
    await actor.accept(orders);
    await answers(orders);
    await actor.stop();
    const gone = lab.nextEntry().link('link.remove', 0, ['n0:eth1', 'n1:eth2']);
    for (const id of hands.plane.wires.keys()) if (id.includes('n0:eth1--n1:eth2')) hands.plane.wires.delete(id);
    const [wires, told] = [hands.plane.wires.size, seen.length];
    await open(async (its) => {
      // The server is asked meanwhile.
      for (let turn = 0; turn < 200; turn += 1) await setImmediate();
      await its.accept([gone]);
    });
    expect((await answers([gone]))[0]).toMatchObject({ type: 'link.removed' });
    const after = seen.slice(told);
    expect(after.filter((one) => 'link' in one && one.link === 'n0:eth1--n1:eth2').map(({ type }) => type)).toEqual(['link.removed']);
    expect(hands.plane.wires.size).toBe(wires);
  });

  it('keeps a hundred labs over a restart of ours, touching none of them', async () => {
    const labs = Array.from({ length: 100 }, (_unused, n) => newLab(`l${n}`));
    const orders = labs.flatMap(deploy);
    for (const lab of labs) await actor.accept(orders.filter((order) => order.lab === lab.lab));
    await answers(orders);
    const calls = { ...hands.provider.calls };
    await actor.stop();
    const told = seen.length;
    await open();
    expect(actor.status()).toMatchObject({ orders: { last: 100 * (1 + 2 * NODES.length), open: 0 }, nodes: { running: 500 } });
    expect(hands.provider.calls).toEqual(calls);
    expect(seen.slice(told).filter(({ type }) => type === 'node.started' || type === 'link.repaired')).toEqual([]);
  });

  it('S13: tells what the engine did while it was away, once, also when the lab is gone from its ledger by then', async () => {
    const lab = newLab('l');
    const order = lab.node('node.prepare', 'n0');
    await actor.accept([lab.network('network.ensure'), order]);
    await answers([order]);
    const removal = [lab.nextEntry().node('node.remove', 'n0'), lab.network('network.remove')];
    await actor.accept(removal);
    await answers(removal);
    await actor.stop();
    if (order.type !== 'node.prepare') throw new Error('no node');
    const key = { labId: order.lab, nodeId: order.node.id, hostId: host, containerName: order.node.containerName };
    await hands.provider.ensureCreated(order.node, { ...key, generation: order.plan.generation, sandbox: { netnsPath: '/run/netns/x' }, nodeDir: '/tmp/x', interfaceCount: 0, labels: {} });
    await hands.provider.ensureRemoved(key);
    seen.length = 0;
    await open();
    const told = () => seen.flatMap((one) => (one.type === 'node.engine' && one.node === 'n0' ? [one.action] : []));
    await eventually(() => told().length >= 2, { what: 'the last events of the container' });
    // What is told twice comes before this.
    await actor.stop();
    expect(told()).toEqual(['create', 'destroy']);
  });

  it('R08: a hundred first deploys at once need not one repair; each that a node needs later is told', async () => {
    const labs = Array.from({ length: 100 }, (_unused, n) => newLab(`l${n}`));
    const orders = labs.map(deploy);
    await Promise.all(orders.map(async (ofLab) => await actor.accept(ofLab)));
    for (const answer of await answers(orders.flat())) expect(answer.type).not.toBe('effect.failed');
    const repairs = () => seen.filter((one) => one.type.endsWith('.repaired') || one.type === 'node.died' || ('cause' in one && one.cause === 'repair'));
    expect(repairs()).toEqual([]);
    expect([...actor.context.ledger.state.repairs.values()].flat()).toEqual([]);
    hands.provider.end(newLab('l7').lab, NodeId.parse('n1'), { exitCode: 1, by: 'itself' });
    // Its links are told to be whole again right after it.
    await eventually(() => repairs().length >= 2, { what: 'death and repair' });
    expect(repairs().slice(0, 2).map(({ type }) => type)).toEqual(['node.died', 'node.started']);
  });

  it('knows from when on to hear the engine before it takes an order, also after a kill at once', async () => {
    const { engineSeen } = actor.context.ledger.state;
    expect(engineSeen).toMatch(/^\d{10}\.\d{9}$/);
    await actor.stop();
    await open();
    expect(actor.context.ledger.state.engineSeen).toBe(engineSeen);
  });

  it('S21: a death of one node is no matter of the others', async () => {
    const lab = newLab('l');
    const orders = deploy(lab);
    await actor.accept(orders);
    await answers(orders);
    hands.provider.end(lab.lab, NodeId.parse('n1'), { exitCode: 1, by: 'itself' });
    await eventually(() => seen.some((one) => one.type === 'node.started' && one.node === 'n1' && one.cause === 'repair'), { what: 'repair' });
    expect(hands.provider.calls.start).toBe(NODES.length + 1);
    expect(new Set(seen.flatMap((one) => (one.type === 'node.died' ? [one.node] : [])))).toEqual(new Set(['n1']));
    hands.provider.removeByHand(lab.lab, NodeId.parse('n2'));
    await eventually(() => seen.some((one) => one.type === 'node.started' && one.node === 'n2' && one.cause === 'repair'), { what: 'return of n2' });
    expect(hands.provider.calls.create).toBe(NODES.length + 1);
  });

  it('takes carrier from the neighbours of a dead node and gives it back', async () => {
    const lab = newLab('l');
    const orders = deploy(lab);
    await actor.accept(orders);
    await answers(orders);
    const stop = lab.nextEntry().node('node.stop', 'n1');
    await actor.accept([stop]);
    await answers([stop]);
    const held = seen.filter((one) => one.type === 'link.joined' && one.held.length > 0);
    expect(held.map((one) => (one.type === 'link.joined' ? one.link : ''))).toEqual(['n0:eth1--n1:eth2', 'n1:eth1--n2:eth2']);
    const start = lab.nextEntry().node('node.start', 'n1');
    await actor.accept([start]);
    await answers([start]);
    await eventually(() => [...hands.plane.wires.values()].every((wire) => wire.kind !== 'joined' || (wire.a.host.carrier === 'up' && wire.b.host.carrier === 'up')), { what: 'carrier everywhere' });
  });

  it('X08: gives carrier back to the neighbours of a node that is started by an order before its death was read', async () => {
    const lab = newLab('l');
    const orders = deploy(lab);
    await actor.accept(orders);
    await answers(orders);
    await actor.stop();
    hands.provider.end(lab.lab, NodeId.parse('n1'), { exitCode: 137, by: 'itself' });
    hands.provider.knobs.delayMs = 100;
    actor = await opened();
    const start = lab.nextEntry().node('node.start', 'n1');
    await actor.accept([start]);
    await setImmediate();
    await actor.start();
    await answers([start]);
    await eventually(() => [...hands.plane.wires.values()].every((wire) => wire.kind !== 'joined' || (wire.a.host.carrier === 'up' && wire.b.host.carrier === 'up')), { what: 'carrier everywhere' });
    expect(seen.flatMap((one) => ('held' in one ? [[one.link, one.held]] : [])).slice(-2)).toEqual([['n0:eth1--n1:eth2', []], ['n1:eth1--n2:eth2', []]]);
  });

  it('answers what was refused with code and cause, and goes on with the rest', async () => {
    hands.provider.knobs.fail = (verb, node) => (verb === 'create' && node === 'n3' ? new ProviderError('spec-invalid', 'the engine refuses it') : undefined);
    hands.plane.refuse = (wire) => (wire.id.endsWith('n0:eth1--n1:eth2') ? new LinkPlaneError('name-taken', 'a device of that name exists') : undefined);
    const lab = newLab('l');
    const orders = deploy(lab);
    await actor.accept(orders);
    const failed = (await answers(orders)).flatMap((one) => (one.type === 'effect.failed' ? [[one.code, one.retryable]] : []));
    expect(failed).toEqual([['spec-invalid', false], ['name-taken', false], ['spec-invalid', false]]);
  });

  it('S12: a removal in the middle of a slow start leaves nothing', async () => {
    hands.provider.knobs.delayMs = 50;
    const lab = newLab('l');
    const orders = deploy(lab);
    await actor.accept(orders);
    const removal = [...NODES.map((node) => lab.nextEntry().node('node.remove', node)), ...ring(lab, 'link.remove'), lab.nextEntry().network('network.remove')];
    await actor.accept(removal);
    const given = await answers([...orders, ...removal]);
    expect(given.slice(orders.length).map(({ type }) => type)).toEqual([...NODES.map(() => 'node.removed'), ...NODES.map(() => 'link.removed'), 'network.removed']);
    expect([hands.provider.nodes, hands.plane.wires.size, hands.plane.netns.size, hands.labs.size]).toEqual([[], 0, 0, 0]);
  });

  it('B21 S08: a process that always ends at once is given up after its budget, and tried again on a new order', async () => {
    hands.provider.knobs.endsAtOnce = (node) => (node === 'n0' ? 7 : undefined);
    const lab = newLab('l');
    const more = { budget: { count: 3, windowMs: 60_000, backoffMs: 5, backoffMaxMs: 20 } };
    const orders = [lab.network('network.ensure'), lab.node('node.start', 'n0', more)];
    await actor.accept(orders);
    const gaveUp = () => seen.filter((one) => one.type === 'node.died' && one.next === 'gave-up').length;
    await eventually(gaveUp, { what: 'giving up' });
    expect(hands.provider.calls.start).toBe(4);
    hands.provider.knobs.endsAtOnce = () => undefined;
    const again = lab.nextEntry().node('node.start', 'n0', more);
    await actor.accept([again]);
    expect(await answers([again])).toMatchObject([{ type: 'node.started' }]);
    expect(gaveUp()).toBe(1);
  });

  it('S09: a link that breaks often is lost, not joined, while its repair waits', async () => {
    const lab = newLab('l');
    const budget = { count: 20, windowMs: 60_000, atOnce: 2, backoffMs: 400, backoffMaxMs: 2_000 };
    const orders = deploy(lab).map((order) => (order.type === 'link.ensure' ? { ...order, budget } : order));
    await actor.accept(orders);
    await answers(orders);
    const told = () => seen.flatMap((one) => (one.type === 'link.lost' || one.type === 'link.repaired' ? [one] : []));
    for (const n of [2, 4]) {
      hands.plane.lose(`l\tlink\tn0:eth1--n1:eth2`);
      await eventually(() => told().length === n, { what: `repair ${n / 2}` });
    }
    hands.plane.lose(`l\tlink\tn0:eth1--n1:eth2`);
    const waits = await eventually(() => told()[4], { what: 'the third fault to be told' });
    expect(waits).toMatchObject({ type: 'link.lost', what: expect.stringContaining('its repair waits') });
    const repaired = await eventually(() => told()[5], { what: 'the third repair' });
    expect(repaired.type).toBe('link.repaired');
    expect(repaired.at - waits.at).toBeGreaterThan(200);
    expect(told()).toHaveLength(6);
  });

  it('repairs a lost link, and gives it up when it is lost more often than its budget allows', async () => {
    const lab = newLab('l');
    const orders = deploy(lab);
    await actor.accept(orders);
    await answers(orders);
    const wire = `l\tlink\tn0:eth1--n1:eth2`;
    const repaired = () => seen.filter((one) => one.type === 'link.repaired').length;
    for (let n = 1; n <= 20; n += 1) {
      hands.plane.lose(wire);
      await eventually(() => repaired() === n, { what: `repair ${n}` });
    }
    hands.plane.lose(wire);
    expect(await eventually(() => seen.find((one) => one.type === 'link.gave-up'), { what: 'giving up' })).toMatchObject({ code: 'repair-budget-spent' });
    expect(repaired()).toBe(20);
  });
});
