// Every way in which a link can differ from what is wanted of it, on the real kernel and a real Open vSwitch: the host-actor gets it right unaided.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HostActor } from '../../host-actor/host-actor.ts';
import { HALF_MADE_GROUP, REFUSALS } from '../../host-actor/link-plane/assess-ports.ts';
import { redirectCookie } from '../../host-actor/link-plane/host-ports.ts';
import type { TcLinkPlane } from '../../host-actor/link-plane/tc-link-plane.ts';
import type { WireFaultKind } from '../../host-actor/link-plane/wire.ts';
import { interfaceMark } from '../../host-actor/ownership-mark.ts';
import { makeSimulatedHands } from '../../host-actor/providers/simulated/simulated-hands.ts';
import type { Order } from '../../machines/vocabulary/effect.ts';
import { HostId, LabId, NodeId } from '../../machines/vocabulary/ids.ts';
import type { Observation } from '../../machines/vocabulary/observation.ts';
import { eventually } from '../support/eventually.ts';
import type { HostsWorld } from './link-plane/hosts-world.ts';
import { openHosts } from './link-plane/hosts-world.ts';
import type { NetnsWorld } from './link-plane/netns-world.ts';
import { openWorld } from './link-plane/netns-world.ts';
import { openOvsWorld } from './ovs-plane/plane-worlds.ts';
import type { PrivateOvs } from './ovs-plane/private-ovs.ts';
import { TestLab } from './process/test-lab.ts';

type Plane = 'tc' | 'ovs' | 'shared';
type World = NetnsWorld & { readonly ovs?: PrivateOvs };
/** `P0` and `P1` are the host ends, `M0` the mark of the first, `X0` the tunnel; a function has the switch. `away`: what
 *  would be mended half-way is done while no host-actor is there. */
type Fault = string | { readonly away: string } | ((ovs: PrivateOvs) => Promise<unknown>);

const IDS = [HostId.parse('h1'), HostId.parse('h2')] as const;
const NODES = ['a', 'b'] as const;
const VLAN = 77;
const SHARED = 'br-shared';
/** Wide: rows of a table break one link again and again. */
const budget = { count: 100, windowMs: 60_000, backoffMs: 0, backoffMaxMs: 100 };
const replaced = (device: string, type: string, more: string): Fault => ({ away: `ip link del ${device} && ip link add ${device} type ${type} && ${more}` });

/** On every plane. */
const KERNEL: Partial<Record<WireFaultKind, Fault>> = {
  'end-missing': 'ip link del P0',
  'end-half-made': replaced('P0', 'veth peer name x1', `ip link set P0 group ${HALF_MADE_GROUP}`),
  'end-stale': replaced('P0', 'veth peer name x1', 'ip link property add dev P0 altname M0'),
  'end-renamed': 'ip link set P0 down && ip link set P0 name oops && ip link set oops up',
  'wrong-master': 'ip link add brx type bridge && ip link set P0 master brx',
  'wrong-mtu': 'ip link set P0 mtu 1400',
  'talks-ipv6': 'ip link set P0 addrgenmode eui64',
  'wrong-impairment': 'tc qdisc add dev P0 root tbf rate 1mbit burst 10k latency 50ms',
  'end-down': 'ip link set P0 down',
};
const REDIRECTS: Partial<Record<WireFaultKind, Fault>> = {
  'redirect-missing': 'tc filter del dev P0 ingress',
  'redirect-dead': 'ip link del P1',
  'redirect-wrong': 'tc actions replace action mirred egress redirect dev lo index 1500 cookie C0',
};
const SWITCH: Partial<Record<WireFaultKind, Fault>> = {
  unplugged: async (ovs) => await ovs.vsctl('del-port', 'P0'),
  unbound: async (ovs) => await ovs.vsctl('remove', 'port', 'P0', 'external_ids', 'labwright-ifindex'),
  'flow-missing': async (ovs) => await ovs.ofctl('lw-ovs', 'del-flows'),
  'flow-wrong': async (ovs) => await ovs.ofctl('lw-ovs', 'add-flow', `priority=7,in_port=${(await ovs.vsctl('get', 'interface', 'P0', 'ofport')).trim()},cookie=0x6c77000000000001,actions=drop`),
  'switch-away': async (ovs) => {
    await ovs.killSwitch();
    await ovs.startSwitch();
  },
};
const TUNNEL: Partial<Record<WireFaultKind, Fault>> = {
  'wrong-remote': 'ip link set dev X0 type vxlan id 4711 remote 10.200.0.77',
  'wrong-vni': replaced('X0', 'vxlan id 9 remote 10.200.0.2 dstport 4789', 'ip link property add dev X0 altname T0 && ip link set X0 up'),
  'wrong-udp-port': replaced('X0', 'vxlan id 4711 remote 10.200.0.2 dstport 4790', 'ip link property add dev X0 altname T0 && ip link set X0 up'),
};
const OF_VLAN: Partial<Record<WireFaultKind, Fault>> = { 'wrong-vlan': async (ovs) => await ovs.vsctl('set', 'port', 'P0', 'tag=78') };

const OPEN: Record<Plane, () => Promise<World>> = {
  tc: async () => await openWorld(),
  ovs: async () => await openOvsWorld(),
  shared: async () => {
    const world = await openOvsWorld({ mode: 'vlan', bridge: SHARED });
    await world.ovs.vsctl('add-br', SHARED, '--', 'set', 'bridge', SHARED, 'datapath_type=netdev');
    return world;
  },
};
let count = 0;

class Bench {
  readonly name = `mm${process.pid}x${(count += 1)}`;
  readonly labs = IDS.map((host) => new TestLab({ name: this.name, host, number: 1, nodes: NODES }));
  readonly seen: Observation[] = [];
  readonly actors: HostActor[] = [];
  readonly planes: TcLinkPlane[] = [];
  folder = '';

  async start(n: number, world: World): Promise<void> {
    this.folder ||= await mkdtemp(join(tmpdir(), 'tha-mm-'));
    const [host, plane] = [IDS[n] ?? IDS[0], world.restartedPlane()];
    const actor = new HostActor({ hands: { ...makeSimulatedHands(host), plane }, ledgerDir: join(this.folder, String(n)), log: pino({ level: process.env['LOG'] ?? 'silent' }), sweepEveryMs: 500, echoEveryMs: 300 });
    this.actors[n] = actor;
    this.planes[n] = plane;
    await actor.open();
    actor.connect(async (reports) => { for (const report of reports) if (n === 0) this.seen.push(...report.observations); });
    await actor.start();
  }

  async stop(world: World): Promise<void> {
    for (const actor of this.actors) await actor.stop();
    for (const node of NODES) await world.host(`ip netns del clab-${this.name}-${node} 2>/dev/null || true`);
    await rm(this.folder, { recursive: true, force: true });
  }

  async accept(n: number, ...orders: Order[]): Promise<void> {
    await this.actors[n]?.accept(orders);
    if (n === 0) await eventually(() => orders.every(({ id }) => this.seen.some(({ effectId }) => effectId === id)), { what: 'answers' });
  }

  /** Without a management network, for which there is no engine here. */
  node(n: 0 | 1, type: 'node.prepare' | 'node.start', name: string): Order {
    const [lab, host] = [this.labs[n], IDS[n]];
    if (lab === undefined) throw new Error('no lab');
    return { ...lab.node(type, name), plan: { host, generation: 1, ports: [] } } as Order;
  }

  /** In the words of the table. */
  filled(text: string): string {
    const mark = (port: string): string => interfaceMark({ host: IDS[0], lab: LabId.parse(this.name) }, NodeId.parse('a'), port);
    return text.replaceAll('P0', 'tha1p0').replaceAll('P1', 'tha1p1').replaceAll('X0', 'lwx1.0').replaceAll('M0', mark('eth1')).replaceAll('T0', mark('eth1/vxlan')).replaceAll('C0', redirectCookie(mark('eth1')));
  }

  async strike(world: World, fault: Fault): Promise<void> {
    if (typeof fault === 'string') return void (await world.host(this.filled(fault)));
    if ('away' in fault) {
      await this.actors[0]?.stop();
      await world.host(this.filled(fault.away));
      return await this.start(0, world);
    }
    if (world.ovs === undefined) throw new Error('there is no switch');
    const { ovs } = world;
    await fault({ ...ovs, vsctl: async (...args) => await ovs.vsctl(...args.map((arg) => this.filled(arg))) });
  }

  toldSince(from: number): boolean {
    return this.seen.slice(from).some(({ type }) => type === 'link.repaired' || type === 'link.joined');
  }

  /** Right, and said to be so after the fault. */
  async isRight(wish: 'up' | 'down'): Promise<boolean> {
    const [state] = (await this.planes[0]?.readWires())?.values() ?? [];
    const last = this.seen.findLast(({ type }) => type.startsWith('link.'));
    const carries = last !== undefined && 'carrier' in last && last.carrier.a && (last.carrier.b || 'tunnel' in last);
    return state?.joined === true && state.faults.length === 0 && (wish === 'up' ? state.up && carries : !state.up && !carries);
  }
}

const tables: Record<Plane, Partial<Record<WireFaultKind, Fault>>> = { tc: { ...KERNEL, ...REDIRECTS }, ovs: { ...KERNEL, ...SWITCH }, shared: OF_VLAN };

describe.each(['tc', 'ovs', 'shared'] as const)('a link between two nodes on plane %s', (plane) => {
  let world: World;
  let bench: Bench;
  const link = (admin: 'up' | 'down'): Order => {
    const order = bench.labs[0]?.nextEntry().link('link.ensure', 0, ['a:eth1', 'b:eth1'], { admin, budget });
    if (order?.type !== 'link.ensure') throw new Error('no link');
    return plane === 'shared' ? { ...order, plan: { ...order.plan, plane: { kind: 'ovs', vlan: VLAN } } } : order;
  };
  beforeAll(async () => {
    world = await OPEN[plane]();
    bench = new Bench();
    await bench.start(0, world);
    const [lab] = bench.labs;
    if (!lab) throw new Error('no lab');
    await bench.accept(0, lab.network('network.ensure'), bench.node(0, 'node.prepare', 'a'), bench.node(0, 'node.prepare', 'b'), link('up'));
    lab.nextEntry();
    await bench.accept(0, bench.node(0, 'node.start', 'a'), bench.node(0, 'node.start', 'b'));
    await eventually(async () => await bench.isRight('up'), { what: 'the link to be up' });
  });
  afterAll(async () => {
    await bench.stop(world);
    await world.close();
  });
  const comesRight = async (wish: 'up' | 'down', from: number): Promise<void> => {
    // The fault was noticed: something was told since, and what was told last is right.
    await eventually(async () => bench.toldSince(from) && (await bench.isRight(wish)), { what: `the link to be ${wish} again`, timeoutMs: 20_000 });
  };

  it.each(Object.entries(tables[plane]))('X07: that is %s and wanted up gets there unaided', async (_kind, fault) => {
    const from = bench.seen.length;
    await bench.strike(world, fault);
    await comesRight('up', from);
    expect(bench.seen.slice(from).filter(({ type }) => type === 'link.gave-up')).toEqual([]);
    await world.host('for d in brx x0 x1 oops; do ip link del $d 2>/dev/null; done; true');
  });

  it('X07: that is end-up, or gone, and wanted down gets there unaided', async () => {
    await bench.accept(0, link('down'));
    await eventually(async () => await bench.isRight('down'), { what: 'the link to be down' });
    for (const fault of ['ip link set P0 up', 'ip link del P0']) {
      const from = bench.seen.length;
      await bench.strike(world, fault);
      await comesRight('down', from);
      expect(bench.seen.slice(from).filter(({ type }) => type === 'link.gave-up')).toEqual([]);
    }
  });

  it('X07 X10: that is there and wanted absent goes unaided', async () => {
    const remove = bench.labs[0]?.nextEntry().link('link.remove', 0, ['a:eth1', 'b:eth1']);
    if (remove === undefined) throw new Error('no order');
    await bench.accept(0, remove);
    await world.host(bench.filled('ip link add P0 type veth peer name P1 && ip link property add dev P0 altname M0 && ip link set P0 up'));
    if (world.ovs !== undefined) await world.ovs.vsctl('--', '--may-exist', 'add-br', plane === 'shared' ? SHARED : 'lw-ovs', '--', 'set', 'bridge', plane === 'shared' ? SHARED : 'lw-ovs', 'datapath_type=netdev', '--', 'add-port', plane === 'shared' ? SHARED : 'lw-ovs', bench.filled('P0'), '--', 'set', 'port', bench.filled('P0'), bench.filled('external_ids:labwright-mark="M0"'));
    await eventually(async () => !(await world.host('ip -o link')).includes(bench.filled('P0')), { what: 'the device to go' });
    expect((await world.ovs?.vsctl('--no-wait', '--columns=name', 'list', 'port')) ?? '').not.toContain(bench.filled('P0'));
  });
});

describe.each(['tc', 'ovs'] as const)('a link across hosts on plane %s', (plane) => {
  let hosts: HostsWorld;
  let world: World;
  let bench: Bench;
  const lease = (n: number) => ({ device: `lwx1.${n}`, index: 7001 + n * 10, reflect: 7002 + n * 10, count: 7003 + n * 10, vtep: hosts.address(n) });
  const leg = (n: 0 | 1): Order => {
    const order = bench.labs[n]?.nextEntry().link('link.ensure', 0, ['a:eth1', 'b:eth1'], { budget, leg: { side: n === 0 ? 'a' : 'b', farHost: IDS[1 - n] ?? IDS[0], farAway: '' } });
    if (order?.type !== 'link.ensure') throw new Error('no link');
    return { ...order, plan: { ...order.plan, mtu: 1450, host: IDS[0], far: { host: IDS[1], tunnel: { vni: 4711, udpPort: 4789, a: lease(0), b: lease(1), fragmented: false } } } };
  };
  beforeAll(async () => {
    const worlds: World[] = [];
    hosts = await openHosts(2, { open: async () => {
      const made = await OPEN[plane]();
      worlds.push(made);
      return made;
    } });
    const [first, second] = worlds;
    if (!first || !second) throw new Error('no hosts');
    world = first;
    bench = new Bench();
    for (const [n, one] of [[0, first], [1, second]] as const) {
      await bench.start(n, one);
      const lab = bench.labs[n];
      if (!lab) throw new Error('no lab');
      await bench.accept(n, lab.network('network.ensure'), bench.node(n, 'node.prepare', NODES[n]), leg(n));
      lab.nextEntry();
      await bench.accept(n, bench.node(n, 'node.start', NODES[n]));
    }
    await eventually(async () => isProved(), { what: 'the link to be up', timeoutMs: 20_000 });
  });
  afterAll(async () => {
    await bench.stop(world);
    await hosts.close();
  });
  const isProved = async (from = 0): Promise<boolean> => {
    const last = bench.seen.slice(from).findLast((one) => 'tunnel' in one && one.tunnel !== undefined);
    return last !== undefined && 'tunnel' in last && last.tunnel?.echo === 'ok' && (await bench.isRight('up'));
  };

  it.each(Object.entries({ ...TUNNEL, 'end-missing': 'ip link del X0' }))('X07: whose tunnel is %s and is wanted up gets there unaided', async (_kind, fault) => {
    const from = bench.seen.length;
    await bench.strike(world, fault);
    await eventually(async () => bench.seen.slice(from).some(({ type }) => type === 'link.repaired') && (await isProved(from)), { what: 'the link to be proved again', timeoutMs: 20_000 });
    expect(bench.seen.slice(from).filter(({ type }) => type === 'link.gave-up')).toEqual([]);
  });
});

/** Written out, so that a new kind of fault has to be looked at here. */
const ALL_KINDS: Record<WireFaultKind, Plane | 'leg' | 'a person'> = {
  'end-missing': 'tc', 'end-half-made': 'tc', 'end-stale': 'tc', 'end-renamed': 'tc', 'name-taken': 'a person', 'bridge-missing': 'a person', 'wrong-master': 'tc', 'wrong-mtu': 'tc',
  'wrong-vni': 'leg', 'wrong-udp-port': 'leg', 'wrong-remote': 'leg', 'talks-ipv6': 'tc', 'redirect-missing': 'tc', 'redirect-dead': 'tc', 'redirect-wrong': 'tc', 'index-taken': 'a person', 'wrong-impairment': 'tc',
  unplugged: 'ovs', unbound: 'ovs', 'wrong-vlan': 'shared', 'flow-missing': 'ovs', 'flow-wrong': 'ovs', 'switch-away': 'ovs', 'port-taken': 'a person', 'vlan-taken': 'a person', 'plane-full': 'a person',
  'end-down': 'tc', 'end-up': 'tc',
};

it('X07: has a row for each kind of fault that no person is needed for', () => {
  const rows: Record<string, Partial<Record<WireFaultKind, unknown>>> = { tc: { ...tables.tc, 'end-up': true }, ovs: tables.ovs, shared: tables.shared, leg: TUNNEL };
  for (const [kind, where] of Object.entries(ALL_KINDS) as [WireFaultKind, string][]) expect([kind, where === 'a person' ? REFUSALS.has(kind) : rows[where]?.[kind] !== undefined]).toEqual([kind, true]);
});
