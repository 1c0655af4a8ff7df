// Links across hosts, whichever plane joins them at either end: frames, probes that tell the truth, and a far daemon that dies.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JoinedWire, VxlanWire } from '../../../host-actor/link-plane/wire.ts';
import { eventually } from '../../support/eventually.ts';
import { ensurePair, legPair, openHosts, probePair, type HostsWorld } from '../link-plane/hosts-world.ts';
import { joinedWire, openWorld, type NetnsWorld } from '../link-plane/netns-world.ts';
import { openOvsWorld, type OvsWorld } from './plane-worlds.ts';

const exec = promisify(execFile);

describe.each([
  ['ovs', 'ovs'],
  ['ovs', 'tc'],
] as const)('a link from plane %s to plane %s', (near, far) => {
  let world: HostsWorld;
  let pair: readonly [VxlanWire, VxlanWire];
  const ovsWorlds: OvsWorld[] = [];
  let made: readonly unknown[];

  beforeEach(async () => {
    ovsWorlds.length = 0;
    world = await openHosts(2, {
      open: async (host) => {
        if ((host === 0 ? near : far) === 'tc') return openWorld();
        const opened = await openOvsWorld();
        ovsWorlds.push(opened);
        return opened;
      },
    });
    for (const host of world.hosts) await host.withNodes('r');
    const [leg, other] = legPair(world, 1);
    // The userspace switch at the other end takes frames as they are.
    pair = [leg, far === 'tc' ? { ...other, computeChecksums: true } : other];
    made = await ensurePair(world, pair);
  });
  afterEach(() => world.close());

  const host = (n: 0 | 1): NetnsWorld => {
    const found = world.hosts[n];
    if (!found) throw new Error(`no host ${n}`);
    return found;
  };
  const sendFrames = async (from: NetnsWorld, to: NetnsWorld): Promise<unknown> => {
    const path = (one: NetnsWorld): string => `/run/netns/${one.netns('r')}`;
    const { stdout } = await exec('python3', [join(import.meta.dirname, '../link-plane/frame-echo.py'), path(from), 'eth1', path(to), 'eth1']);
    return JSON.parse(stdout);
  };

  it('is up with both legs', () => {
    expect(made).toMatchObject([{ ok: true, state: { joined: true, up: true } }, { ok: true, state: { joined: true, up: true } }]);
  });

  it('passes every kind of frame byte by byte, also with the ethertype of a probe', async () => {
    pair = legPair(world, 1, { mtu: 9500 });
    await ensurePair(world, pair);
    expect(await sendFrames(host(0), host(1))).toEqual({ lost: [], foreign: [] });
    expect(await sendFrames(host(1), host(0))).toEqual({ lost: [], foreign: [] });
  });

  it('is proved by probes, which no node sees', async () => {
    for (const n of [0, 1] as const) await host(n).inNode('r', 'sysctl -qw net.ipv6.conf.all.disable_ipv6=1');
    const received = async (n: 0 | 1): Promise<number> => (JSON.parse(await host(n).inNode('r', 'ip -j -s link show dev eth1')) as { stats64: { rx: { packets: number } } }[])[0]?.stats64.rx.packets ?? Number.NaN;
    const before = [await received(0), await received(1)];
    for (let round = 0; round < 3; round += 1) expect(await probePair(world, pair)).toEqual(['ok', 'ok']);
    expect([await received(0), await received(1)]).toEqual(before);
  });

  it('carries TCP both ways', async () => {
    for (const n of [0, 1] as const) await host(n).inNode('r', `ip address replace 10.0.0.${n + 1}/24 dev eth1`);
    for (const [to, from] of [[1, 0], [0, 1]] as const) {
      const listener = exec('nsenter', [`--net=/run/netns/${host(to).netns('r')}`, 'python3', '-c', `import socket\ns=socket.create_server(("10.0.0.${to + 1}",5201))\nc,_=s.accept()\nn=0\nwhile d:=c.recv(65536): n+=len(d)\nprint(n)`]);
      await eventually(async () => (await host(to).inNode('r', 'ss -ltn')).includes(':5201'), { what: 'listener' });
      await host(from).inNode('r', `timeout 10 python3 -c 'import socket\ns=socket.create_connection(("10.0.0.${to + 1}",5201),5)\ns.sendall(b"x"*1000000)\ns.close()'`);
      expect((await listener).stdout.trim()).toBe('1000000');
    }
  });

  // Only a far end on plane tc has to be told: one on the switch computes them anyway.
  it.each([far].filter((kind) => kind === 'tc'))('computes checksums at an end on plane %s that was there before its far end came to be on a userspace switch', async () => {
    const computes = async (): Promise<boolean> => (await host(1).inNode('r', 'ethtool -k eth1')).includes('tx-checksumming: off');
    expect(await computes()).toBe(true);
    await host(1).inNode('r', 'ethtool -K eth1 tx on');
    const { computeChecksums: _wish, ...without } = pair[1];
    await ensurePair(world, [pair[0], without]);
    expect(await computes()).toBe(false);
    await ensurePair(world, [pair[0], { ...without, computeChecksums: true }]);
    expect(await computes()).toBe(true);
  });

  it('is lost to the far end when a daemon of Open vSwitch dies, and found again when it returns', async () => {
    const stop = new AbortController();
    try {
      await host(0).plane.watch({ onDrift: () => undefined }, stop.signal);
      await ovsWorlds[0]?.ovs.killSwitch();
      expect((await world.hosts[1]?.plane.probe([pair[1].id]))?.get(pair[1].id)).toMatchObject({ echo: 'lost' });
      await ovsWorlds[0]?.ovs.startSwitch();
      await eventually(async () => (await probePair(world, pair)).join() === 'ok,ok', { what: 'probes again' });
    } finally {
      stop.abort();
    }
  });

  it('X15: leaves nothing of a node on the switch that moved away, when the link was all here before', async () => {
    const here = host(0);
    await here.withNodes('moved');
    const [leg] = legPair(world, 2);
    const local = joinedWire(here, 2, 'r', 'moved');
    const joined: JoinedWire = { ...local, id: leg.id, a: { ...local.a, inner: leg.inner, host: leg.host } };
    expect((await here.plane.ensureWires([joined])).outcomes.get(leg.id)).toMatchObject({ ok: true });
    const marks = async () => (await here.plane.readSwitchPorts()).map(({ mark }) => mark);
    expect(await marks()).toContain(joined.b.host.mark);
    await exec('ip', ['netns', 'del', here.netns('moved')]);
    expect((await here.plane.ensureWires([{ ...leg, formerMarks: [joined.b.host.mark] }])).outcomes.get(leg.id)).toMatchObject({ ok: true });
    expect(await marks()).toContain(leg.host.mark);
    expect(await marks()).not.toContain(joined.b.host.mark);
  });

  it('X01: a tunnel whose port on the switch was removed by hand is plugged in again as it is, within one cycle', async () => {
    const ifindex = async () => (await host(0).host('ip -o link show dev lw1.x')).split(':')[0];
    const before = await ifindex();
    const repaired: Promise<unknown>[] = [];
    const stop = new AbortController();
    try {
      await host(0).plane.watch({ onDrift: ({ wireId }) => void repaired.push(host(0).plane.repairWire(wireId)) }, stop.signal);
      await ovsWorlds[0]?.ovs.vsctl('del-port', 'lw1.x');
      await eventually(async () => repaired.length > 0 && (await probePair(world, pair)).join() === 'ok,ok', { what: 'probes' });
      expect(await repaired[0]).toMatchObject({ ok: true, changed: true, state: { joined: true, up: true } });
    } finally {
      stop.abort();
      await Promise.all(repaired);
    }
    expect(await ifindex()).toBe(before);
    expect(await ovsWorlds[0]?.ovs.vsctl('list-ports', 'lw-ovs')).toContain('lw1.x');
  });

  it('X01: leaves no tunnel device behind that has lost its port, and makes one of that name again: with the same numbers or others', async () => {
    for (const vni of [1001, 77]) {
      await ovsWorlds[0]?.ovs.vsctl('del-port', 'lw1.x');
      expect(await host(0).host('ip -o link')).toContain('lw1.x');
      await host(0).plane.removeWires([pair[0].id]);
      expect(await host(0).host('ip -o link')).not.toContain('lw1.');
      expect(await ovsWorlds[0]?.ovs.vsctl('list-br')).toBe('');
      const [leg, other] = legPair(world, 1, { vni });
      pair = [leg, far === 'tc' ? { ...other, computeChecksums: true } : other];
      expect(await ensurePair(world, pair)).toMatchObject([{ ok: true, state: { up: true } }, { ok: true, state: { up: true } }]);
      expect(await probePair(world, pair)).toEqual(['ok', 'ok']);
    }
  });

  it('mends a tunnel that was deleted and goes without a trace', async () => {
    await host(0).host('ip link del lw1.x');
    expect(await host(0).plane.repairWire(pair[0].id)).toMatchObject({ ok: true, changed: true, state: { up: true } });
    await eventually(async () => (await probePair(world, pair)).join() === 'ok,ok', { what: 'probes' });
    await host(0).plane.removeWires([pair[0].id]);
    expect(await host(0).host('ip -o link')).not.toContain('lw1');
    expect(await ovsWorlds[0]?.ovs.vsctl('list-br')).toBe('');
  });
});
