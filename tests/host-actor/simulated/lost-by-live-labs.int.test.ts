// What a lab that lives on the host has lost there: it goes by itself after two sweeps, and only when nothing may want it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Hands } from '../../../host-actor/hands.ts';
import { HostActor } from '../../../host-actor/host-actor.ts';
import type { OrphanEnd } from '../../../host-actor/link-plane/link-plane.ts';
import type { OrphanNetwork } from '../../../host-actor/mgmt-network/orphan-networks.ts';
import { interfaceMark, namespaceMark } from '../../../host-actor/ownership-mark.ts';
import { makeSimulatedHands } from '../../../host-actor/providers/simulated/simulated-hands.ts';
import { HostId, LabId, NodeId } from '../../../machines/vocabulary/ids.ts';
import type { Observation } from '../../../machines/vocabulary/observation.ts';
import type { RepairSwitches } from '../../../machines/vocabulary/repair-switches.ts';
import { eventually } from '../../support/eventually.ts';
import { TestLab } from '../process/test-lab.ts';

const host = HostId.parse('sim');
const SWEEP_MS = 60_000;
const markOf = (node: string, port: string, lab = 'l'): string => interfaceMark({ host, lab: LabId.parse(lab) }, NodeId.parse(node), port);
const endOf = (mark: string, isPair = false): OrphanEnd => ({ device: `lw${mark.length}`, mark, ifindex: 7, isPair });

let now: number;
let ledgerDir: string;
let actor: HostActor;
let hands: ReturnType<typeof makeSimulatedHands>;
let lab: TestLab;
let seen: Observation[];
let ends: OrphanEnd[];
let spaces: { name: string; mark: string; present: boolean }[];
let networks: OrphanNetwork[];
let removed: string[];

const open = async (repairs: RepairSwitches = {}): Promise<void> => {
  const strays: Hands = {
    ...hands,
    network: { ...hands.network, readOrphans: async () => networks, removeOrphan: async ({ name }) => void removed.push(name) },
    plane: Object.assign(Object.create(hands.plane) as typeof hands.plane, {
      readOrphans: async (prefix: string) => ends.filter(({ mark }) => mark.startsWith(prefix)),
      removeOrphans: async (marks: readonly string[]) => {
        removed.push(...marks);
        ends = ends.filter(({ mark }) => !marks.includes(mark));
      },
      namespaces: { ...hands.plane.namespaces, list: async () => spaces, remove: async (names: readonly string[]) => (removed.push(...names), { foreign: [] }) },
    }),
  };
  actor = new HostActor({ hands: strays, ledgerDir, log: pino({ level: 'silent' }), now: () => now, sweepEveryMs: SWEEP_MS, repairs });
  await actor.open();
  actor.connect(async (reports) => { for (const report of reports) seen.push(...report.observations); });
};
const order = async (...orders: ReturnType<TestLab['node']>[]): Promise<void> => {
  await actor.accept(orders);
  await eventually(() => orders.every(({ id }) => seen.some(({ effectId }) => effectId === id)), { what: 'answers' });
};
const deploy = async (): Promise<void> => {
  await order(lab.network('network.ensure'), lab.node('node.prepare', 'a'), lab.node('node.prepare', 'b'), lab.link('link.ensure', 0, ['a:eth1', 'b:eth1']));
  await order(lab.node('node.start', 'a'), lab.node('node.start', 'b'));
};
const sweep = async (): Promise<void> => {
  now += SWEEP_MS;
  await actor.context.orphans.tend(hands.provider.nodes);
};
const told = (type: 'orphan.removed' | 'orphan.left') => seen.flatMap((one) => (one.type === type ? [one] : []));

beforeEach(async () => {
  now = 1_000_000_000;
  ledgerDir = await mkdtemp(join(tmpdir(), 'tlost-'));
  hands = makeSimulatedHands(host);
  lab = new TestLab({ name: 'l', host, number: 1, nodes: ['a', 'b'] });
  [seen, ends, spaces, networks, removed] = [[], [], [], [], []];
});
afterEach(async () => {
  await actor.stop();
  await rm(ledgerDir, { recursive: true, force: true });
});

describe('what a live lab has lost', () => {
  it('X10: goes when it was seen in two sweeps in a row, with its cause; what is wanted stays, and so does what belongs to others', async () => {
    await open();
    await deploy();
    const stale = markOf('a', 'eth1/vxlan');
    ends = [endOf(stale), endOf(markOf('a', 'eth1')), endOf(markOf('a', 'eth0')), endOf(markOf('b', 'eth1')), endOf(markOf('a', 'eth9', 'other')), endOf('lw.sim2.l.a.eth9')];
    spaces = [{ name: 'clab-l-a', mark: namespaceMark(lab.network('network.ensure')), present: true }, { name: 'clab-l-x', mark: namespaceMark(lab.network('network.ensure')), present: true }];
    networks = [{ kind: 'bridge', name: 'br-lost', network: lab.mgmt.network }, { kind: 'bridge', name: 'br-other', network: 'other' }];
    await sweep();
    expect(removed).toEqual([]);
    expect((await actor.context.orphans.read()).map(({ id, ofLiveLab }) => [id, ofLiveLab ?? false])).toEqual([
      ['bridge/br-lost', true], ['bridge/br-other', false], [`device/${stale}`, true], [`device/${markOf('a', 'eth9', 'other')}`, false], ['namespace/clab-l-x', true],
    ]);
    await sweep();
    expect(removed).toEqual([stale, 'br-lost', 'clab-l-x']);
    await eventually(() => told('orphan.removed').length === 3, { what: 'removals told' });
    expect(told('orphan.removed')[0]).toMatchObject({ kind: 'device', seenForMs: SWEEP_MS });
  });

  it('X10 D06: so does a container of a node that the lab does not have, and a copy of a node\'s own, which runs on', async () => {
    await open();
    await deploy();
    const copy = hands.provider.copyByHand(lab.lab, NodeId.parse('a'), 'copy-of-a');
    const own = hands.provider.nodes.filter(({ runtimeId }) => runtimeId !== copy.runtimeId);
    await sweep();
    expect(hands.provider.nodes).toHaveLength(3);
    await sweep();
    expect(hands.provider.nodes).toEqual(own);
    await order(lab.nextEntry().node('node.remove', 'b'));
    await hands.provider.ensureCreated({ ...lab.node('node.start', 'b') as Extract<ReturnType<TestLab['node']>, { type: 'node.start' }> }.node, {
      labId: lab.lab, nodeId: NodeId.parse('b'), hostId: host, containerName: 'clab-l-b', generation: 1, sandbox: { engineMode: 'none' }, nodeDir: '/tmp', interfaceCount: 0, labels: {},
    });
    await sweep();
    await sweep();
    expect(hands.provider.nodes.map(({ name }) => name)).toEqual(['clab-l-a']);
  });

  it('is not seen soon after a sweep, nor while the lab is worked on, and waits anew when the lab gets more', async () => {
    await open();
    await deploy();
    ends = [endOf(markOf('x', 'eth1'))];
    await sweep();
    await actor.context.orphans.tend(hands.provider.nodes);
    expect(removed).toEqual([]);
    hands.provider.knobs.delayMs = 200;
    const working = order(lab.nextEntry().node('node.start', 'a'), lab.node('node.stop', 'b'));
    await eventually(() => actor.status().orders.open > 0, { what: 'an order at work' });
    await sweep();
    expect(await actor.context.orphans.read()).toEqual([]);
    await working;
    hands.provider.knobs.delayMs = 0;
    await sweep();
    now += SWEEP_MS / 2;
    await order(lab.nextEntry().link('link.ensure', 1, ['a:eth2', 'b:eth2']));
    now += SWEEP_MS / 4;
    await actor.context.orphans.tend(hands.provider.nodes);
    expect(removed).toEqual([]);
    await sweep();
    expect(removed).toEqual([markOf('x', 'eth1')]);
  });

  it('stays where such repairs are switched off, told once, and goes on request', async () => {
    await open({ invasive: false });
    await deploy();
    const [pair, tunnel] = [markOf('x', 'eth1'), markOf('x', 'eth2/vxlan')];
    ends = [endOf(pair, true), endOf(tunnel)];
    for (let count = 0; count < 3; count += 1) await sweep();
    expect(removed).toEqual([tunnel]);
    await eventually(() => told('orphan.left').length > 0, { what: 'what is left told' });
    expect(told('orphan.left')).toMatchObject([{ kind: 'device', why: expect.stringContaining('repair is switched off (invasive, by LABWRIGHT_REPAIRS of the host)') }]);
    expect(await actor.context.orphans.remove([`device/${pair}`], { graceMs: SWEEP_MS, dryRun: false })).toEqual([{ id: `device/${pair}`, outcome: 'removed' }]);
  });

  it('stays where the ledger began when something of the lab was here already: orders that wanted it may have been lost', async () => {
    ends = [endOf(markOf('b', 'eth1'))];
    await open();
    await deploy();
    ends = [endOf(markOf('x', 'eth1'))];
    for (let count = 0; count < 3; count += 1) await sweep();
    expect(removed).toEqual([]);
    await actor.stop();
    await open();
    for (let count = 0; count < 3; count += 1) await sweep();
    expect(removed).toEqual([]);
    await order(lab.nextEntry().node('node.remove', 'a'), lab.node('node.remove', 'b'), lab.link('link.remove', 0, ['a:eth1', 'b:eth1']));
    await order(lab.nextEntry().network('network.remove'));
    lab.nextEntry();
    await deploy();
    removed.length = 0;
    await sweep();
    await sweep();
    expect(removed).toEqual([markOf('x', 'eth1')]);
  });
});
