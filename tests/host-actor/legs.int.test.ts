// Two host-actors that hold the two halves of a link, on the real kernel: what each tells of its half as its far end comes and goes.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HostActor } from '../../host-actor/host-actor.ts';
import { makeSimulatedHands } from '../../host-actor/providers/simulated/simulated-hands.ts';
import type { Order } from '../../machines/vocabulary/effect.ts';
import { HostId } from '../../machines/vocabulary/ids.ts';
import type { Observation } from '../../machines/vocabulary/observation.ts';
import { eventually } from '../support/eventually.ts';
import { openHosts, type HostsWorld } from './link-plane/hosts-world.ts';
import { TestLab } from './process/test-lab.ts';

const IDS = [HostId.parse('h1'), HostId.parse('h2')] as const;
const NODES = ['a', 'b'];
const LINK = 'a:eth1--b:eth1';
type Side = 0 | 1;
type Joined = Extract<Observation, { type: 'link.joined' }>;

let world: HostsWorld;
let folder: string;
let actors: (HostActor | undefined)[];
let seen: [Observation[], Observation[]];
let labs: readonly [TestLab, TestLab];
let name: string;
let count = 0;

const start = async (n: Side, echoEveryMs: number): Promise<HostActor> => {
  const host = world.hosts[n];
  if (!host) throw new Error('no host');
  const actor = new HostActor({ hands: { ...makeSimulatedHands(IDS[n]), plane: host.restartedPlane() }, ledgerDir: join(folder, String(n)), log: pino({ level: process.env['LOG'] ?? 'silent' }), echoEveryMs });
  actors[n] = actor;
  await actor.open();
  actor.connect(async (reports) => { for (const report of reports) seen[n].push(...report.observations); });
  await actor.start();
  return actor;
};

beforeEach(async () => {
  count += 1;
  name = `leg${process.pid}x${count}`;
  world = await openHosts(2);
  folder = await mkdtemp(join(tmpdir(), 'tha-legs-'));
  actors = [];
  seen = [[], []];
  labs = [new TestLab({ name, host: IDS[0], number: 1, nodes: NODES }), new TestLab({ name, host: IDS[1], number: 1, nodes: NODES })];
});
afterEach(async () => {
  for (const actor of actors) await actor?.stop();
  for (const node of NODES) await world.hosts[0]?.host(`ip netns del clab-${name}-${node} 2>/dev/null || true`);
  await world.close();
  await rm(folder, { recursive: true, force: true });
});

const tunnelLease = (n: Side) => ({ device: `lwx1.${n}`, index: 7001 + n * 10, reflect: 7002 + n * 10, count: 7003 + n * 10, vtep: world.address(n) });
function legOrder(n: Side, farAway = '', undone = false): Order {
  labs[n].nextEntry();
  const tunnel = { vni: 4711, udpPort: 4789, a: tunnelLease(0), b: tunnelLease(1), fragmented: true };
  const order = labs[n].link('link.ensure', 0, ['a:eth1', 'b:eth1'], { leg: { side: n === 0 ? 'a' : 'b', farHost: IDS[1 - n] ?? IDS[0], farAway, ...(undone ? { undone } : {}) } });
  if (order.type !== 'link.ensure') throw new Error('no link');
  return { ...order, plan: { ...order.plan, mtu: 1500, host: IDS[0], far: { host: IDS[1], tunnel } } };
}
function nodeOrder(n: Side): Order {
  const order = labs[n].node('node.prepare', NODES[n] ?? '');
  if (order.type !== 'node.prepare') throw new Error('no node');
  return { ...order, plan: { host: IDS[n], generation: 1, ports: [] } };
}
const deploy = async (n: Side, farAway = ''): Promise<void> => {
  await actors[n]?.accept([labs[n].network('network.ensure'), nodeOrder(n), legOrder(n, farAway)]);
};
const joined = (n: Side): readonly Joined[] => seen[n].filter((one) => one.type === 'link.joined');
const untilEcho = (n: Side, echo: string, timeoutMs = 10_000): Promise<unknown> => eventually(() => lastEcho(n) === echo, { what: `echo ${echo} at ${IDS[n]}`, timeoutMs });
const lastEcho = (n: Side): string | undefined => seen[n].flatMap((one) => ('tunnel' in one && one.tunnel ? [one.tunnel.echo] : [])).at(-1);

const tunnelsOn = async (n: Side): Promise<string[]> => ((await world.hosts[n]?.host('ip -br link show type vxlan')) ?? '').split('\n').flatMap((line) => line.split(/\s+/)[0] || []);

describe('a link whose halves are on two hosts', () => {
  it('is told by each host as far as it sees: its own carrier, its tunnel, and that the far end answers', async () => {
    await start(0, 60_000);
    await start(1, 60_000);
    await deploy(0);
    await eventually(() => joined(0).length > 0, { what: 'answer of the first host' });
    expect(joined(0)[0]).toMatchObject({ link: LINK, adminUp: true, carrier: { a: true, b: false }, mtu: 1500, tunnel: { side: 'a', vni: 4711, local: '10.200.0.1', remote: '10.200.0.2', echo: 'untold' } });
    await untilEcho(0, 'lost');
    expect(joined(0).at(-1)).toMatchObject({ cause: 'external', tunnel: { echo: 'lost', underlayMtu: 1500, reason: expect.stringContaining('no frame of 1500 bytes came back from 10.200.0.2') } });
    await deploy(1);
    await Promise.all([untilEcho(0, 'ok'), untilEcho(1, 'ok')]);
    expect(joined(1).at(-1)).toMatchObject({ carrier: { a: false, b: true }, tunnel: { side: 'b', vni: 4711, local: '10.200.0.2', remote: '10.200.0.1', underlayMtu: 1500, echo: 'ok' } });
    expect(joined(1).at(-1)?.tunnel).not.toHaveProperty('reason');
  });

  it('X09 X12: leaves the answer of the far end within the pace when packets pass one way only, both ends with the reason, and takes it back', async () => {
    await start(0, 300);
    await start(1, 300);
    await Promise.all([deploy(0), deploy(1)]);
    await Promise.all([untilEcho(0, 'ok'), untilEcho(1, 'ok')]);
    await world.underlay("tc qdisc add dev u1 clsact && tc filter add dev u1 ingress protocol all pref 1 bpf da bytecode '1,6 0 0 2,'");
    await Promise.all([untilEcho(0, 'lost'), untilEcho(1, 'lost')]);
    expect(([0, 1] as const).map((n) => joined(n).at(-1)?.tunnel?.reason)).toEqual([1, 0].map((far) => expect.stringContaining(`no frame of 1500 bytes came back from ${world.address(far)}`)));
    await world.underlay('tc qdisc del dev u1 clsact');
    await Promise.all([untilEcho(0, 'ok'), untilEcho(1, 'ok')]);
    expect(seen.flat().map(({ type }) => type)).not.toContain('link.lost');
  });

  it('is probed at once when the underlay interface changes, long before its turn', async () => {
    await start(0, 60_000);
    await start(1, 60_000);
    await Promise.all([deploy(0), deploy(1)]);
    await Promise.all([untilEcho(0, 'ok'), untilEcho(1, 'ok')]);
    await world.hosts[0]?.host('ip link set dev under down');
    await untilEcho(0, 'lost');
    await world.hosts[0]?.host('ip link set dev under up');
    await untilEcho(0, 'ok');
    expect(lastEcho(1)).toBe('ok');
  });

  it('X02: mends a tunnel that somebody deleted, and says so with what the far end answers', async () => {
    await start(0, 60_000);
    await start(1, 60_000);
    await Promise.all([deploy(0), deploy(1)]);
    await Promise.all([untilEcho(0, 'ok'), untilEcho(1, 'ok')]);
    await world.hosts[1]?.host('ip link del lwx1.1');
    await eventually(() => seen[1].some(({ type }) => type === 'link.repaired'), { what: 'repair told' });
    expect(seen[1].find(({ type }) => type === 'link.lost')).toMatchObject({ what: expect.stringMatching(/^end-(down|deleted) at end b/) });
    expect(seen[1].find(({ type }) => type === 'link.repaired')).toMatchObject({ carrier: { a: false, b: true }, tunnel: { side: 'b', echo: 'untold' } });
    await untilEcho(1, 'ok');
  });

  const well = async (): Promise<void> => {
    await start(0, 60_000);
    await start(1, 60_000);
    await Promise.all([deploy(0), deploy(1)]);
    await Promise.all([untilEcho(0, 'ok'), untilEcho(1, 'ok')]);
  };
  /** While the host-actor of host 1 is away, so that its own repair is not in between. */
  const replaceWhileAway = async (tunnel: string, mark: 'marked as ours' | 'of somebody else'): Promise<void> => {
    await actors[1]?.stop();
    seen[1].length = 0;
    const altname = /altname (\S+)/.exec((await world.hosts[1]?.host('ip -d link show dev lwx1.1')) ?? '')?.[1] ?? '';
    await world.hosts[1]?.host(`ip link del lwx1.1 && ip link add lwx1.1 type vxlan ${tunnel} local 10.200.0.2 dstport 4789 && ip link set lwx1.1 up`);
    if (mark === 'marked as ours') await world.hosts[1]?.host(`ip link property add dev lwx1.1 altname ${altname}`);
    await start(1, 60_000);
  };

  it('X01: mends a tunnel that somebody led elsewhere, says so, and never calls that one up', async () => {
    await well();
    const from = seen[1].length;
    await world.hosts[1]?.host('ip link set lwx1.1 type vxlan id 4711 remote 10.200.0.9');
    await eventually(() => seen[1].slice(from).some(({ type }) => type === 'link.repaired'), { what: 'repair told' });
    await untilEcho(1, 'ok');
    expect(seen[1].slice(from).find(({ type }) => type === 'link.lost')).toMatchObject({ what: 'wrong-remote at end b' });
    expect(seen[1].filter((one) => 'tunnel' in one && one.tunnel?.echo === 'ok' && one.tunnel.remote !== '10.200.0.1')).toEqual([]);
    expect(await world.hosts[1]?.host('ip -d link show dev lwx1.1')).toContain('vxlan id 4711 remote 10.200.0.1 ');
  });

  for (const [what, tunnel] of [['another VNI', 'id 4712 remote 10.200.0.1'], ['another far end', 'id 4711 remote 10.200.0.9']] as const) {
    it(`X01: mends a tunnel that was replaced by one with ${what} and our mark while nobody looked, and calls only its own up`, async () => {
      await well();
      await replaceWhileAway(tunnel, 'marked as ours');
      await untilEcho(1, 'ok');
      const told = seen[1].flatMap((one) => ('tunnel' in one && one.tunnel ? [{ type: one.type, is: `${one.tunnel.vni} to ${one.tunnel.remote}` }] : []));
      expect(told[0]?.type).toBe('link.repaired');
      expect(new Set(told.map(({ is }) => is))).toEqual(new Set(['4711 to 10.200.0.1']));
    });
  }

  it('D05 X01: leaves a tunnel of somebody else at its device alone, gives the reason, and takes its place when it is gone', async () => {
    await well();
    await replaceWhileAway('id 4712 remote 10.200.0.1', 'of somebody else');
    await eventually(() => seen[1].some(({ type }) => type === 'link.gave-up'), { what: 'reason told' });
    expect(seen[1].filter(({ type }) => type.startsWith('link.'))).toMatchObject([{ type: 'link.gave-up', code: 'name-taken', message: expect.stringContaining('lwx1.1') }]);
    expect(await world.hosts[1]?.host('ip -d link show dev lwx1.1')).toContain('vxlan id 4712 ');
    await world.hosts[1]?.host('ip link del lwx1.1');
    await actors[1]?.accept([legOrder(1)]);
    await untilEcho(1, 'ok');
    expect(joined(1).at(-1)).toMatchObject({ tunnel: { vni: 4711, remote: '10.200.0.1' } });
  });

  it('X15: leaves no tunnel on a host that has both of its ends now', async () => {
    await start(0, 60_000);
    await deploy(0);
    await eventually(() => joined(0).length > 0, { what: 'answer of the first host' });
    expect(await tunnelsOn(0)).toEqual(['lwx1.0']);
    const second = labs[0].node('node.prepare', NODES[1] ?? '');
    if (second.type !== 'node.prepare') throw new Error('no node');
    labs[0].nextEntry();
    await actors[0]?.accept([{ ...second, plan: { host: IDS[0], generation: 1, ports: [] } }, labs[0].link('link.ensure', 0, ['a:eth1', 'b:eth1'])]);
    await eventually(() => joined(0).at(-1)?.tunnel === undefined && joined(0).at(-1)?.carrier.b, { what: 'both ends on one host' });
    expect(await tunnelsOn(0)).toEqual([]);
  });

  it('takes the carrier from its node while the far end is away, and gives it back', async () => {
    await start(0, 60_000);
    await start(1, 60_000);
    await deploy(1);
    await deploy(0, 'node b does not run');
    await untilEcho(0, 'ok');
    expect(joined(0).at(-1)).toMatchObject({ adminUp: true, carrier: { a: false, b: false } });
    await actors[0]?.accept([legOrder(0)]);
    await eventually(() => joined(0).at(-1)?.carrier.a, { what: 'carrier given back' });
    // The tunnel is the same: what was known of it holds.
    expect(joined(0).filter(({ tunnel }) => tunnel?.echo === 'untold').length).toBeLessThanOrEqual(1);
  });

  it('X03: takes its tunnel back when the far end cannot be made, keeps the port of its node, and makes the tunnel again', async () => {
    await start(0, 60_000);
    await start(1, 60_000);
    await Promise.all([deploy(0), deploy(1)]);
    await Promise.all([untilEcho(0, 'ok'), untilEcho(1, 'ok')]);
    const port = async () => await world.hosts[0]?.host(`ip netns exec clab-${name}-a cat /sys/class/net/eth1/ifindex`);
    const before = await port();
    await actors[0]?.accept([legOrder(0, 'host h2: refused', true)]);
    await eventually(() => joined(0).at(-1)?.tunnel === undefined, { what: 'tunnel taken back' });
    expect(joined(0).at(-1)?.carrier).toEqual({ a: false, b: false });
    expect(await tunnelsOn(0)).toEqual([]);
    expect(await port()).toBe(before);
    await actors[0]?.accept([legOrder(0)]);
    await Promise.all([untilEcho(0, 'ok'), eventually(() => joined(0).at(-1)?.carrier.a, { what: 'carrier again' })]);
    expect(await tunnelsOn(0)).toEqual(['lwx1.0']);
    expect(await port()).toBe(before);
    expect(seen[0].map(({ type }) => type)).not.toContain('link.lost');
  });

  it('P08: keeps its end of a link in line with its node also when the other node was on this host before', async () => {
    await start(0, 60_000);
    await deploy(0);
    await actors[0]?.accept([labs[0].nextEntry().node('node.remove', 'b')]);
    await eventually(() => seen[0].some(({ type }) => type === 'node.removed'), { what: 'the other node gone' });
    for (const [type, held] of [['node.start', []], ['node.stop', ['a']], ['node.start', []]] as const) {
      const order = labs[0].nextEntry().node(type, 'a');
      await actors[0]?.accept([order]);
      await eventually(() => seen[0].some(({ effectId }) => effectId === order.id), { what: `answer to ${type}` });
      await eventually(() => joined(0).at(-1)?.held.length === held.length, { what: `${type} seen at the link` });
      expect(joined(0).at(-1)?.held).toEqual(held);
    }
  });

  it('X08: tells nothing but the truth after a kill and a start of the host-actor, without a moment of doubt where all is well', async () => {
    await start(0, 60_000);
    await start(1, 60_000);
    await Promise.all([deploy(0), deploy(1)]);
    await Promise.all([untilEcho(0, 'ok'), untilEcho(1, 'ok')]);
    await actors[0]?.stop();
    seen[0].length = 0;
    await start(0, 60_000);
    await untilEcho(0, 'ok');
    expect(joined(0).map(({ tunnel }) => tunnel?.echo)).toEqual(['ok']);
    await actors[0]?.stop();
    await world.hosts[1]?.host('ip link set dev under down');
    seen[0].length = 0;
    await start(0, 60_000);
    await untilEcho(0, 'lost');
  });

  it('fails with the reason of the kernel where the tunnel cannot be opened, and removes its half without a trace', async () => {
    await start(0, 60_000);
    await world.hosts[0]?.host('ip link add other type vxlan id 4711 remote 10.200.0.9 dstport 4789');
    await deploy(0);
    await eventually(() => seen[0].some(({ type }) => type === 'effect.failed'), { what: 'failure' });
    expect(seen[0].find(({ type }) => type === 'effect.failed')).toMatchObject({ code: 'vni-taken', retryable: true, message: expect.stringMatching(/A VXLAN device with the specified VNI already exists.*device other of this host has VNI 4711/) });
    await world.hosts[0]?.host('ip link del other');
    await actors[0]?.accept([legOrder(0)]);
    await eventually(() => joined(0).length > 0, { what: 'joined' });
    labs[0].nextEntry();
    const order = legOrder(0);
    await actors[0]?.accept([{ ...labs[0].nextEntry().link('link.remove', 0, ['a:eth1', 'b:eth1']), ...(order.type === 'link.ensure' ? { plan: order.plan, leg: order.leg } : {}) } as Order]);
    await eventually(() => seen[0].some(({ type }) => type === 'link.removed'), { what: 'removed' });
    expect(await world.hosts[0]?.host('ip -o link')).not.toMatch(/lwx1|tha1/);
  });
});
