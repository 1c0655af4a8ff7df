// Links across hosts on the real kernel: frames over a pair of legs, MTUs over underlays, and what a probe says of each fault.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { VxlanWire } from '../../../host-actor/link-plane/wire.ts';
import { eventually } from '../../support/eventually.ts';
import { ensurePair, legPair, openHosts, probePair, type HostsWorld } from './hosts-world.ts';
import { joinedWire, readLink, type NetnsWorld } from './netns-world.ts';

const exec = promisify(execFile);
let world: HostsWorld;
let [h1, h2]: NetnsWorld[] = [];
const open = async (options: Parameters<typeof openHosts>[1] = {}, count = 2): Promise<void> => {
  world = await openHosts(count, options);
  [h1, h2] = world.hosts;
  for (const host of world.hosts) await host.withNodes('r');
};
const host = (n: 0 | 1): NetnsWorld => {
  const found = n === 0 ? h1 : h2;
  if (!found) throw new Error('no world');
  return found;
};
beforeEach(() => open());
afterEach(() => world.close());

async function sendFrames(from: NetnsWorld, to: NetnsWorld): Promise<unknown> {
  const path = (one: NetnsWorld): string => `/run/netns/${one.netns('r')}`;
  const { stdout } = await exec('python3', [join(import.meta.dirname, 'frame-echo.py'), path(from), 'eth1', path(to), 'eth1']);
  return JSON.parse(stdout);
}

async function address(pair: readonly [VxlanWire, VxlanWire]): Promise<void> {
  const device = pair[0].inner.interface;
  for (const n of [0, 1] as const) await host(n).inNode('r', `ip address replace 10.0.0.${n + 1}/24 dev ${device} && ip address replace fd01::${n + 1}/64 nodad dev ${device}`);
}

describe('a link across hosts', () => {
  it('passes every kind of frame byte by byte, also those with the ethertype of a probe', async () => {
    const pair = legPair(world, 1, { mtu: 9500 });
    expect(await ensurePair(world, pair)).toMatchObject([{ ok: true, state: { joined: true, up: true } }, { ok: true, state: { joined: true, up: true } }]);
    expect(await sendFrames(host(0), host(1))).toEqual({ lost: [], foreign: [] });
    expect(await sendFrames(host(1), host(0))).toEqual({ lost: [], foreign: [] });
    expect(await probePair(world, pair)).toEqual(['ok', 'ok']);
  });

  it('keeps the hosts silent: neither a tunnel nor a probe is seen by a node', async () => {
    for (const one of world.hosts) await one.inNode('r', 'sysctl -qw net.ipv6.conf.default.disable_ipv6=1');
    const pair = legPair(world, 1);
    await ensurePair(world, pair);
    expect(await probePair(world, pair)).toEqual(['ok', 'ok']);
    for (const one of world.hosts) {
      expect(await one.host('ip address show dev lw1.x')).not.toContain('inet');
      expect(JSON.parse(await one.inNode('r', 'ip -j -s link show dev eth1'))).toMatchObject([{ stats64: { rx: { packets: 0 } } }]);
    }
  });

  it('runs no line when all is there, removes all of it, and removes absent legs', async () => {
    const pairs = [1, 2, 3].map((number) => legPair(world, number));
    for (const [wire] of pairs) await host(0).plane.ensureWires([wire]);
    expect((await host(0).plane.ensureWires(pairs.map(([wire]) => wire))).linesRun).toBe(0);
    expect((await host(0).restartedPlane().ensureWires(pairs.map(([wire]) => wire))).linesRun).toBe(0);
    await host(0).plane.removeWires(['lab/1']);
    expect(await host(0).host('ip -o link')).not.toContain('lw1.');
    await host(0).restartedPlane().removeWiresAsGiven(pairs.map(([wire]) => wire));
    await host(0).plane.removeWires(['lab/1', 'lab/2', 'lab/3']);
    expect((await host(0).host('ip -o link')).trim().split('\n')).toHaveLength(2);
    expect(await host(0).host('tc -j actions ls action mirred')).not.toContain('cookie');
    expect(await host(0).host('ss -ulnH')).toBe('');
  });

  it('holds the carrier of its port back as ordered, with the tunnel open', async () => {
    const [wire, other] = legPair(world, 1);
    const away = { ...wire, host: { ...wire.host, carrier: 'down' as const } };
    expect(await ensurePair(world, [away, other])).toMatchObject([{ ok: true, state: { joined: true, up: false } }, { ok: true }]);
    expect((await readLink(host(0), 'r', 'eth1')).flags).toContain('NO-CARRIER');
    expect(await probePair(world, [away, other])).toEqual(['ok', 'ok']);
    await host(0).plane.ensureWires([wire]);
    expect((await readLink(host(0), 'r', 'eth1')).flags).toContain('LOWER_UP');
  });

  it('X05: two labs of the same names on the same hosts have links of their own; one goes, the other stays', async () => {
    const mine = legPair(world, 1);
    const theirs = legPair(world, 2, { lab: 'other' });
    await Promise.all([ensurePair(world, mine), ensurePair(world, theirs)]);
    await address(mine);
    await Promise.all(world.hosts.map((one) => one.plane.removeWires(['other/2'])));
    expect(await host(0).pings('r', '10.0.0.2')).toBe(true);
    expect(await probePair(world, mine)).toEqual(['ok', 'ok']);
  });

  it('X06: a VNI that is in use is refused, and whose it is stays as it is', async () => {
    const [mine] = legPair(world, 1, { vni: 77 });
    const [theirs] = legPair(world, 2, { vni: 77, lab: 'other' });
    await host(0).plane.ensureWires([mine]);
    expect([...(await host(0).plane.ensureWires([theirs])).outcomes.values()]).toMatchObject([{ ok: false, error: { code: 'invalid-wire' } }]);
    // A second plane knows nothing of the first one's wires, as another installation on this kernel would.
    const report = await host(0).restartedPlane().ensureWires([theirs]);
    expect([...report.outcomes.values()]).toMatchObject([{ ok: false, error: { code: 'vni-taken', message: expect.stringMatching(/VNI already exists.*; device lw1\.x of this host has VNI 77 at UDP port 4789$/) } }]);
    expect((await readLink(host(0), 'r', 'eth2')).flags).toContain('NO-CARRIER');
    expect((await host(0).plane.readWires()).get(mine.id)).toMatchObject({ up: true });
  });
});

describe('a leg', () => {
  it('X06: is refused with the name of the device that takes its UDP port for itself, as Open vSwitch of the kernel does', async () => {
    const [wire] = legPair(world, 1);
    await host(0).host('ip link add their_sys_4789 type vxlan external dstport 4789 && ip link set dev their_sys_4789 up');
    expect([...(await host(0).plane.ensureWires([wire])).outcomes.values()]).toMatchObject([{ ok: false, error: { code: 'udp-port-taken', message: expect.stringContaining('device their_sys_4789 of this host has UDP port 4789') } }]);
    await host(0).host('ip link del their_sys_4789');
    expect([...(await host(0).plane.ensureWires([wire])).outcomes.values()]).toMatchObject([{ ok: true }]);
  });

  it('X03: names the tool and the word where ip does not know what a tunnel needs; other links are made all the same', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lp-old-ip-'));
    const before = process.env['PATH'];
    // An ip that knows no `df`: it reads a batch up to that line and ends.
    await writeFile(join(folder, 'ip'), `#!/bin/sh
case "$*" in *-batch*) ;; *) exec /sbin/ip "$@";; esac
input=$(cat)
case "$input" in *' df unset'*) ;; *) echo "$input" | /sbin/ip "$@"; exit $?;; esac
echo "$input" | sed '/ df unset/,$d' | /sbin/ip "$@"
echo 'vxlan: unknown command "df"?' >&2
exit 255
`, { mode: 0o755 });
    process.env['PATH'] = `${folder}:${before}`;
    try {
      const plane = host(0).restartedPlane();
      await host(0).withNodes('s');
      const [wire] = legPair(world, 1);
      const other = { ...joinedWire(host(0), 77, 'r:eth7', 's:eth7'), mtu: 1500 };
      const report = await plane.ensureWires([wire, other]);
      expect(report.outcomes.get(wire.id)).toMatchObject({ ok: false, error: { code: 'not-joined', message: expect.stringContaining('a batch ended early: ip: vxlan: unknown command "df"?') } });
      expect(report.outcomes.get(other.id)).toMatchObject({ ok: true, state: { up: true } });
      expect((await readLink(host(0), 'r', 'eth1')).flags).toContain('NO-CARRIER');
    } finally {
      process.env['PATH'] = before;
      await rm(folder, { recursive: true, force: true });
    }
    expect(await ensurePair(world, legPair(world, 1))).toMatchObject([{ ok: true, state: { up: true } }, { ok: true }]);
  });

  it('may end in a bridge of its host', async () => {
    const [wire, other] = legPair(world, 1);
    await host(0).host('ip link add sw type bridge && ip link set dev sw up && ip address add 10.0.0.1/24 dev sw');
    const plugged: VxlanWire = { ...wire, inner: { netns: 'host', interface: 'p1', bridge: 'sw' } };
    expect(await ensurePair(world, [plugged, other])).toMatchObject([{ ok: true, state: { up: true } }, { ok: true }]);
    await host(1).inNode('r', 'ip address add 10.0.0.2/24 dev eth1');
    expect(await host(1).pings('r', '10.0.0.1')).toBe(true);
    expect(await probePair(world, [plugged, other])).toEqual(['ok', 'ok']);
  });

  it('is shaped towards its node, each half by its own host; the probe is not held back', async () => {
    const pair = legPair(world, 1);
    const slow = pair.map((wire) => ({ ...wire, impairment: { rateKbps: 500 } }));
    const [first = pair[0], second = pair[1]] = slow;
    expect(await ensurePair(world, [first, second])).toMatchObject([{ ok: true, state: { up: true, faults: [] } }, { ok: true }]);
    expect(await host(0).host('tc qdisc show dev lw1.a')).toContain('tbf');
    expect(await host(0).host('tc qdisc show dev lw1.x')).not.toContain('tbf');
    expect(await probePair(world, [first, second])).toEqual(['ok', 'ok']);
  });
});

describe('MTU over an underlay', () => {
  const passes = async (bytes: number, to = '10.0.0.2'): Promise<boolean> => await host(0).pings('r', to, `-M do -s ${bytes - (to.includes(':') ? 48 : 28)}`);

  it.each([1500, 9000])('carries packets of %d bytes over 1500 in fragments, those that must not be fragmented too', async (mtu) => {
    const pair = legPair(world, 1, { mtu });
    await ensurePair(world, pair);
    await address(pair);
    expect([await passes(mtu), await passes(mtu, 'fd01::2'), await passes(mtu + 1)]).toEqual([true, true, false]);
    expect(await probePair(world, pair)).toEqual(['ok', 'ok']);
  });

  it('X11: hosts with underlays of different MTU carry the same', async () => {
    await world.close();
    await open({ mtu: 9000 });
    await host(1).host('ip link set dev under mtu 1500');
    await world.underlay('ip link set dev u1 mtu 1500');
    const pair = legPair(world, 1, { mtu: 1450 });
    await ensurePair(world, pair);
    await address(pair);
    expect([await passes(1450), await passes(1451)]).toEqual([true, false]);
    expect(await host(0).plane.readUnderlays([world.address(1)])).toEqual(new Map([[world.address(1), { device: 'under', local: world.address(0), mtu: 9000 }]]));
    expect((await host(1).plane.readUnderlays([world.address(0), '192.0.2.1'])).get(world.address(0))?.mtu).toBe(1500);
  });

  it('the way to an address by one device is that device, or none', async () => {
    await host(0).host('ip link add other type veth peer name other-far && ip link set other up && ip link set other-far up && ip address add 192.0.2.1/24 dev other');
    const way = async (by?: string) => (await host(0).plane.readUnderlays([world.address(1)], by)).get(world.address(1))?.device;
    expect([await way(), await way('under'), await way('other'), await way('nosuch')]).toEqual(['under', 'under', 'other', undefined]);
    await host(0).host('ip link del other');
  });

  it('over IPv6 a frame that does not fit is lost, and the probe says so', async () => {
    await world.close();
    await open({ ipv6: true });
    const fits = legPair(world, 1, { mtu: 1430 });
    const large = legPair(world, 2, { mtu: 1500 });
    expect(await ensurePair(world, fits)).toMatchObject([{ ok: true, state: { up: true } }, { ok: true }]);
    await ensurePair(world, large);
    await address(fits);
    expect(await passes(1430)).toBe(true);
    expect(await probePair(world, fits)).toEqual(['ok', 'ok']);
    expect(await probePair(world, large)).toEqual(['lost', 'lost']);
    expect((await host(0).plane.ensureWires([fits[0]])).linesRun).toBe(0);
  });
});

describe('what a probe says', () => {
  const reason = async (wire: VxlanWire, n: 0 | 1 = 0): Promise<unknown> => (await host(n).plane.probe([wire.id])).get(wire.id);

  it('X02: lost, while the far device is missing; the device itself shows nothing', async () => {
    const [wire, other] = legPair(world, 1);
    await host(0).plane.ensureWires([wire]);
    expect(await reason(wire)).toEqual({ echo: 'lost', reason: 'no frame of 1500 bytes came back from 10.200.0.2 (VNI 1001, UDP port 4789)' });
    expect((await host(0).plane.readWires()).get(wire.id)).toMatchObject({ joined: true, up: true });
    await host(1).plane.ensureWires([other]);
    expect(await probePair(world, [wire, other])).toEqual(['ok', 'ok']);
    await host(1).host('ip link del lw1.x');
    expect(await probePair(world, [wire, other])).toEqual(['lost', 'lost']);
  });

  it('lost at both ends when one has another VNI, at the other end when one points elsewhere', async () => {
    const [wire] = legPair(world, 1, { vni: 5 });
    const [, other] = legPair(world, 1, { vni: 6 });
    await ensurePair(world, [wire, other]);
    expect(await probePair(world, [wire, other])).toEqual(['lost', 'lost']);
    const pair = legPair(world, 2);
    await ensurePair(world, pair);
    await host(1).host('ip link set dev lw2.x type vxlan id 1002 remote 10.200.0.77');
    expect(await probePair(world, pair)).toEqual(['lost', 'ok']);
    // The probe of the host whose device is wrong leaves by the address it was ordered; its read-back tells.
    expect((await host(1).plane.readWires()).get('lab/2')).toMatchObject({ joined: false, faults: [{ side: 'b', kind: 'wrong-remote', detail: 'from 10.200.0.2 to 10.200.0.77' }] });
  });

  it('lost while the underlay is cut, both ways or one way, and ok after it heals', async () => {
    const pair = legPair(world, 1);
    await ensurePair(world, pair);
    for (const n of [0, 1] as const) {
      const { address: mac } = JSON.parse(await host(1 - n as 0 | 1).host('ip -j link show dev under'))[0] as { address: string };
      await host(n).host(`ip neighbour replace ${world.address(1 - n)} lladdr ${mac} dev under`);
    }
    const cuts: readonly [string, string][] = [
      ['ip link set dev u1 down', 'ip link set dev u1 up'],
      ["tc qdisc add dev u1 clsact && tc filter add dev u1 ingress protocol all pref 1 bpf da bytecode '1,6 0 0 2,'", 'tc qdisc del dev u1 clsact'],
      ["tc qdisc add dev u1 clsact && tc filter add dev u1 egress protocol all pref 1 bpf da bytecode '1,6 0 0 2,'", 'tc qdisc del dev u1 clsact'],
    ];
    for (const [cut, heal] of cuts) {
      await world.underlay(cut);
      expect(await probePair(world, pair)).toEqual(['lost', 'lost']);
      await world.underlay(heal);
      await eventually(async () => (await probePair(world, pair)).every((echo) => echo === 'ok'), { timeoutMs: 5000, what: 'echo after the heal' });
    }
  });

  it('names what is wrong on this host: no route, no address, no tunnel', async () => {
    const [wire] = legPair(world, 1);
    await host(0).plane.ensureWires([wire]);
    await host(0).host('ip address del 10.200.0.1/24 dev under');
    expect(await reason(wire)).toEqual({ echo: 'lost', reason: expect.stringMatching(/address 10\.200\.0\.1 of this host cannot be used/) });
    await host(0).host('ip link del lw1.x');
    expect(await reason(wire)).toEqual({ echo: 'lost', reason: 'tunnel lw1.x is not there to be probed' });
  });

  it('tells 30 legs apart in one round', async () => {
    const pairs = Array.from({ length: 30 }, (_, n) => legPair(world, n + 1));
    await Promise.all([host(0).plane.ensureWires(pairs.map(([one]) => one)), host(1).plane.ensureWires(pairs.map(([, one]) => one))]);
    await host(1).host('ip link del lw7.x && tc filter del dev lw9.x ingress pref 2');
    const results = await host(0).plane.probe(pairs.map(([one]) => one.id));
    expect([...results].filter(([, { echo }]) => echo === 'lost').map(([id]) => id)).toEqual(['lab/7', 'lab/9']);
  });

  it('a UDP port that is taken fails the link with the reason of the kernel, without carrier for the node', async () => {
    const pair = legPair(world, 1);
    const socket = await takePort(host(0), 4789);
    try {
      expect(await ensurePair(world, pair)).toMatchObject([{ ok: false, error: { code: 'udp-port-taken', retryable: true, message: expect.stringContaining('Address already in use') } }, { ok: true }]);
      expect((await readLink(host(0), 'r', 'eth1')).flags).toContain('NO-CARRIER');
      expect(await probePair(world, pair)).toEqual(['lost', 'lost']);
    } finally {
      await socket.free();
    }
    expect(await ensurePair(world, pair)).toMatchObject([{ ok: true, state: { up: true } }, { ok: true }]);
    expect(await probePair(world, pair)).toEqual(['ok', 'ok']);
  });
});

/** A foreign process that holds a UDP port of a host. */
async function takePort(on: NetnsWorld, port: number): Promise<{ readonly free: () => Promise<void> }> {
  const child = execFile('nsenter', [`--net=/run/netns/${on.hostNetns}`, 'python3', '-c', `import socket,time\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\ns.bind(("0.0.0.0",${port}))\ntime.sleep(60)`]);
  await eventually(async () => (await on.host('ss -ulnH')).includes(`:${port}`), { what: 'port is taken' });
  return {
    free: async () => {
      child.kill('SIGKILL');
      await eventually(async () => !(await on.host('ss -ulnH')).includes(`:${port}`), { what: 'port is free' });
    },
  };
}
