// Host-actors whose management networks span hosts, on the real kernel: what each tells of the others as they come, go and lie.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HostActor } from '../../../host-actor/host-actor.ts';
import { echoPacket } from '../../../host-actor/link-plane/echo-frame.ts';
import { makeMgmtHands } from '../../../host-actor/mgmt-hands.ts';
import { tunnelDevice } from '../../../host-actor/mgmt-network/mgmt-tunnel.ts';
import { makeSimulatedHands } from '../../../host-actor/providers/simulated/simulated-hands.ts';
import { HostId } from '../../../machines/vocabulary/ids.ts';
import type { FarSeen, Observation } from '../../../machines/vocabulary/observation.ts';
import { eventually } from '../../support/eventually.ts';
import { openHosts, type HostsWorld } from '../link-plane/hosts-world.ts';
import { TestLab } from '../process/test-lab.ts';

const VNI = 70_011;
const DEVICE = tunnelDevice(VNI);
const BRIDGE = 'tmecho0';
/** Fits over IPv6 too. */
const MTU = 1430;

let world: HostsWorld;
let folder: string;
let actors: (HostActor | undefined)[];
let seen: Observation[][];
let labs: TestLab[];

const start = async (n: number, echoEveryMs: number): Promise<void> => {
  const host = world.hosts[n];
  const stateDir = join(folder, String(n));
  const id = HostId.parse(`h${n + 1}`);
  const network = makeMgmtHands({ host: id, stateDir, hostsFile: join(folder, 'hosts'), engineSocket: undefined, netns: host?.hostNetns ?? '', joinsNamespaces: async () => true });
  const hands = makeSimulatedHands(id);
  const actor = new HostActor({ hands: { ...hands, plane: host?.restartedPlane() ?? hands.plane, network }, ledgerDir: join(stateDir, 'ledger'), log: pino({ level: process.env['LOG'] ?? 'silent' }), echoEveryMs });
  actors[n] = actor;
  await actor.open();
  actor.connect(async (reports) => { for (const report of reports) seen[n]?.push(...report.observations); });
  await actor.start();
};
/** Orders host n its part of the network, with all others as remotes. */
const deploy = async (n: number): Promise<void> => {
  const lab = labs[n];
  const order = lab?.nextEntry().network('network.ensure');
  if (order?.type !== 'network.ensure') throw new Error('no order');
  const remotes = world.hosts.flatMap((_host, other) => (other === n ? [] : [world.address(other)]));
  await actors[n]?.accept([{ ...order, nodes: [], mgmt: { ...order.mgmt, mtu: MTU }, tunnel: { vni: VNI, udpPort: 4789, local: world.address(n), remotes } }]);
};
const open = async (count: number, echoEveryMs: number, underlay: Parameters<typeof openHosts>[1] = {}): Promise<void> => {
  world = await openHosts(count, underlay);
  labs = world.hosts.map((_host, n) => new TestLab({ name: 'tmecho', host: HostId.parse(`h${n + 1}`), number: 1, nodes: [], bridge: BRIDGE }));
  seen = world.hosts.map(() => []);
  for (const n of world.hosts.keys()) await start(n, echoEveryMs);
};

const far = (n: number): readonly FarSeen[] => (seen[n] ?? []).flatMap((one) => ('far' in one && one.far ? [one.far] : [])).at(-1) ?? [];
const echoes = (n: number): string => far(n).map(({ echo }) => echo).join(' ');
const until = (n: number, wanted: string): Promise<unknown> => eventually(() => echoes(n) === wanted, { timeoutMs: 20_000, what: `"${wanted}" at host ${n}, whose last words are in ${JSON.stringify(seen[n]?.slice(-3))}` });
const allOk = async (): Promise<void> => void (await Promise.all(world.hosts.map((_host, n) => until(n, world.hosts.slice(1).map(() => 'ok').join(' ')))));
const on = async (n: number, commandLine: string): Promise<string> => (await world.hosts[n]?.host(commandLine)) ?? '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tmecho-'));
  actors = [];
});
afterEach(async () => {
  for (const actor of actors) await actor?.stop();
  await world.close();
  await rm(folder, { recursive: true, force: true });
});

describe('the management network between hosts', () => {
  it('X02: is proved by a frame of full size from each host to each other one and back, which no bridge sees', async () => {
    await open(3, 60_000);
    await deploy(0);
    await until(0, 'lost lost');
    expect(seen[0]?.find(({ type }) => type === 'network.ready')).toMatchObject({ far: [{ remote: '10.200.0.2', echo: 'untold' }, { remote: '10.200.0.3', echo: 'untold' }] });
    expect(far(0)[0]?.reason).toBe(`no frame of ${MTU} bytes came back from 10.200.0.2 (VNI ${VNI}, UDP port 4789)`);
    await Promise.all([deploy(1), deploy(2)]);
    await allOk();
    for (const n of [0, 1, 2]) {
      const learned = await on(n, `bridge fdb show br ${BRIDGE} | grep -v self || true`);
      for (const from of [0, 1, 2]) {
        for (const to of [0, 1, 2]) expect(learned).not.toContain(echoPacket({ vni: VNI, mtu: 100, pair: { from: world.address(from), to: world.address(to) } }).toString('hex', 8, 14).replace(/(..)(?=.)/g, '$1:'));
      }
    }
  });

  it('X02 X11: is not proved by frames that are smaller than its MTU', async () => {
    await open(2, 300);
    await Promise.all([deploy(0), deploy(1)]);
    await allOk();
    // IPv4 packets of 1,024 to 2,047 bytes vanish.
    await world.underlay("tc qdisc add dev u1 clsact && tc filter add dev u1 egress protocol ip pref 1 u32 match u16 0x0400 0x0400 at 2 action mirred egress redirect dev lo");
    await until(0, 'lost');
    expect(far(0)[0]?.reason).toContain(`no frame of ${MTU} bytes`);
  });

  it('X08 X12: an underlay that is cut, one way too, is told by both hosts with the reason, and so is its healing', async () => {
    await open(2, 300);
    await Promise.all([deploy(0), deploy(1)]);
    await allOk();
    await world.underlay("tc qdisc add dev u1 clsact && tc filter add dev u1 ingress protocol all pref 1 bpf da bytecode '1,6 0 0 2,'");
    await Promise.all([until(0, 'lost'), until(1, 'lost')]);
    expect([far(0)[0]?.reason, far(1)[0]?.reason]).toEqual([expect.stringContaining('came back from 10.200.0.2'), expect.stringContaining('came back from 10.200.0.1')]);
    await world.underlay('tc qdisc del dev u1 clsact');
    await allOk();
  });

  it('is proved over an IPv6 underlay', async () => {
    await open(2, 60_000, { ipv6: true });
    await Promise.all([deploy(0), deploy(1)]);
    await allOk();
    expect(far(0)).toEqual([{ remote: 'fd00:200::2', echo: 'ok' }]);
  });

  it('is probed at once when the underlay interface changes, long before its turn', async () => {
    await open(2, 60_000);
    await Promise.all([deploy(0), deploy(1)]);
    await allOk();
    await on(0, 'ip link set dev under down');
    await until(0, 'lost');
    await on(0, 'ip link set dev under up');
    await until(0, 'ok');
    expect(echoes(1)).toBe('ok');
  });

  it.each([
    ['the filters of its probes', `tc qdisc del dev ${DEVICE} clsact`, 'filters'],
    ['one of its filters', `tc filter del dev ${DEVICE} ingress pref 2`, 'filters'],
    ['its way to the other host', `bridge fdb del 00:00:00:00:00:00 dev ${DEVICE} dst 10.200.0.1`, 'does not lead to 10.200.0.1'],
    ['its tunnel', `ip link del ${DEVICE}`, 'is gone'],
  ])('X02 X07: is read back with each probe: a host that lost %s puts it back, and nobody is told a loss', async (_what, command, words) => {
    await open(2, 1_000);
    await Promise.all([deploy(0), deploy(1)]);
    await allOk();
    const from = [seen[0]?.length ?? 0, seen[1]?.length ?? 0];
    await on(1, command);
    await eventually(() => seen[1]?.slice(from[1]).some((one) => one.type === 'network.repaired' && one.what.includes(words)), { what: 'the repair' });
    await on(1, `tc filter show dev ${DEVICE} ingress | grep -c mirred`).then((lines) => expect(lines.trim()).toBe('3'));
    expect(seen[0]?.slice(from[0]).filter(({ type }) => type === 'network.echo')).toEqual([]);
  });

  it('X01 X02: a host whose tunnel is gone while nobody keeps it is missed by the others, and found again by its next host-actor', async () => {
    await open(2, 300);
    await Promise.all([deploy(0), deploy(1)]);
    await allOk();
    await actors[1]?.stop();
    await on(1, `ip link del ${DEVICE}`);
    await until(0, 'lost');
    seen[1]?.splice(0);
    await start(1, 300);
    await allOk();
    expect(seen[1]?.flatMap((one) => (one.type === 'network.echo' ? one.far.map(({ echo }) => echo) : []))).not.toContain('untold');
  });

  it('X06: says so when the device of its tunnel is somebody else\'s, and leaves that alone', async () => {
    await open(2, 300);
    await Promise.all([deploy(0), deploy(1)]);
    await allOk();
    await on(1, `ip link set dev ${DEVICE} alias "of somebody else"`);
    await until(1, 'lost');
    expect(far(1)[0]?.reason).toBe(`${DEVICE} on this host was not made by us`);
    expect(await on(1, `ip -d link show dev ${DEVICE}`)).toContain('alias of somebody else');
  });

  it('leaves nothing when it is removed, and says nothing more', async () => {
    await open(2, 300);
    await Promise.all([deploy(0), deploy(1)]);
    await allOk();
    for (const n of [1, 0]) await actors[n]?.accept([labs[n]?.nextEntry().network('network.remove')]);
    await eventually(() => [0, 1].every((n) => seen[n]?.some(({ type }) => type === 'network.removed')), { what: 'both removed' });
    for (const n of [0, 1]) expect(await on(n, 'ip -o link')).not.toMatch(/lwm|tmecho0/);
    const actions = await Promise.all([0, 1].map((n) => on(n, 'tc actions ls action mirred')));
    expect(actions.join('')).not.toContain('cookie');
  });
});
