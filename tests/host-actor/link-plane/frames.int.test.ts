// A joined wire is a wire: every kind of frame passes unchanged, big ones too, and nothing of it reaches another wire.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostWire } from '../../../host-actor/link-plane/wire.ts';
import { joinedWire, openWorld, readLink, type NetnsWorld } from './netns-world.ts';

const exec = promisify(execFile);
let world: NetnsWorld;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(() => world.close());

async function sendFrames(from: string, to: string): Promise<unknown> {
  const path = (node: string): string => `/run/netns/${world.netns(node)}`;
  const { stdout } = await exec('python3', [join(import.meta.dirname, 'frame-echo.py'), path(from), 'eth1', path(to), 'eth1']);
  return JSON.parse(stdout);
}

describe('frames on a joined wire', () => {
  it('passes BPDU, PAUSE, LACP, 802.1X, LLDP, CDP, PVST+, IS-IS, VLAN, QinQ, MPLS, PTP and jumbo frames byte by byte', async () => {
    await world.withNodes('r1', 'r2');
    await world.plane.ensureWires([joinedWire(world, 1, 'r1', 'r2')]);
    expect(await sendFrames('r1', 'r2')).toEqual({ lost: [], foreign: [] });
    expect(await sendFrames('r2', 'r1')).toEqual({ lost: [], foreign: [] });
  });

  it('N15: passes a ping of 9000 bytes that must not be fragmented, and refuses a larger one', async () => {
    await world.withNodes('r1', 'r2');
    await world.plane.ensureWires([joinedWire(world, 1, 'r1', 'r2', { mtu: 9000 })]);
    await world.inNode('r1', 'ip address add 10.0.0.1/24 dev eth1');
    await world.inNode('r2', 'ip address add 10.0.0.2/24 dev eth1');
    expect(await world.pings('r1', '10.0.0.2', '-M do -s 8972')).toBe(true);
    expect(await world.pings('r1', '10.0.0.2', '-M do -s 8973')).toBe(false);
  });

  it('changes the MTU of both ends when the order changes', async () => {
    await world.withNodes('r1', 'r2');
    await world.plane.ensureWires([joinedWire(world, 1, 'r1', 'r2', { mtu: 1500 })]);
    const report = await world.plane.ensureWires([joinedWire(world, 1, 'r1', 'r2', { mtu: 9000 })]);
    expect([...report.outcomes.values()]).toMatchObject([{ ok: true, changed: true, state: { up: true } }]);
    expect((await readLink(world, 'r1', 'eth1')).mtu).toBe(9000);
    expect((await readLink(world, 'r2', 'eth1')).mtu).toBe(9000);
  });

  it('N13: lets no frame cross between two labs with equal MACs, addresses and node names', async () => {
    await world.withNodes('r1', 'r2', 'other1', 'other2');
    for (const node of ['other1', 'other2']) await silence(node);
    const mac = (wire: ReturnType<typeof joinedWire>): ReturnType<typeof joinedWire> => ({
      ...wire,
      a: { ...wire.a, inner: { ...wire.a.inner, mac: 'aa:c1:ab:00:00:01', addresses: ['10.0.0.1/24'] } },
      b: { ...wire.b, inner: { ...wire.b.inner, mac: 'aa:c1:ab:00:00:02', addresses: ['10.0.0.2/24'] } },
    });
    await world.plane.ensureWires([mac(joinedWire(world, 1, 'r1', 'r2')), mac(joinedWire(world, 2, 'other1', 'other2', { lab: 'lab2' }))]);
    const before = await received('other2');
    expect(await sendFrames('r1', 'r2')).toEqual({ lost: [], foreign: [] });
    expect(await world.pings('r1', '10.0.0.2', '-f -c 50')).toBe(true);
    expect(await received('other2')).toBe(before);
    expect(await world.pings('other1', '10.0.0.2')).toBe(true);
  });

  it('N14: separates both ends when the wire is removed: no end and no redirect is left', async () => {
    await world.withNodes('r1', 'r2');
    const wire = joinedWire(world, 1, 'r1', 'r2');
    await world.plane.ensureWires([wire]);
    await world.plane.removeWires([wire.id]);
    for (const node of ['r1', 'r2']) expect(await world.inNode(node, 'ip -o link')).not.toContain('eth1');
    expect(await world.host('tc -j actions ls action mirred')).not.toContain('cookie');
  });

  it('N14: a node left with an interface has no carrier there, and nothing that it sends arrives anywhere', async () => {
    await world.withNodes('r1', 'r2');
    const wire = joinedWire(world, 1, 'r1', 'r2');
    await world.plane.ensureWires([wire]);
    expect((await readLink(world, 'r1', 'eth1')).flags).toContain('LOWER_UP');
    const before = await readLink(world, 'r1', 'eth1');
    const left: HostWire = { kind: 'host', id: wire.id, mtu: wire.mtu, inner: wire.a.inner, host: { ...wire.a.host, carrier: 'down' }, formerMarks: [wire.b.host.mark] };
    expect((await world.plane.ensureWires([left])).outcomes.get(wire.id)).toMatchObject({ ok: true, state: { up: false } });
    const after = await readLink(world, 'r1', 'eth1');
    expect([after.ifindex, after.flags.includes('NO-CARRIER'), after.flags.includes('LOWER_UP')]).toEqual([before.ifindex, true, false]);
    expect(await world.inNode('r2', 'ip -o link')).not.toContain('eth1');
    expect(await world.host('tc -j actions ls action mirred')).not.toContain('"to_dev":"lw');
  });

  it('keeps the host silent: no frame of its own enters a node', async () => {
    await world.withNodes('r1', 'r2');
    for (const node of ['r1', 'r2']) await silence(node);
    const wire = joinedWire(world, 1, 'r1', 'r2');
    await world.plane.ensureWires([wire]);
    await world.plane.setCarrier([{ wireId: wire.id, side: 'a', carrier: 'down' }]);
    await world.plane.setCarrier([{ wireId: wire.id, side: 'a', carrier: 'up' }]);
    expect(await world.host('ip -6 address show dev lw1.a')).toBe('');
    expect(await sendFrames('r1', 'r2')).toEqual({ lost: [], foreign: [] });
    expect(await received('r1')).toBe(0);
  });

  it('N12: shows each of 20 interfaces of a node exactly one carrier-up', async () => {
    await world.withNodes('r1', 'r2');
    const wires = Array.from({ length: 20 }, (_, index) => joinedWire(world, index + 1, `r1:eth${index + 1}`, `r2:eth${index + 1}`));
    await world.plane.ensureWires(wires);
    const ups = (await world.inNode('r1', "unshare --mount sh -c 'mount -t sysfs none /sys && cat /sys/class/net/eth*/carrier_up_count'")).trim().split('\n');
    expect(ups).toEqual(Array.from({ length: 20 }, () => '1'));
  });
});

async function received(node: string): Promise<number> {
  const [link] = JSON.parse(await world.inNode(node, 'ip -j -s link show dev eth1')) as { stats64: { rx: { packets: number } } }[];
  return link?.stats64.rx.packets ?? Number.NaN;
}

/** A node that says nothing by itself. */
async function silence(node: string): Promise<void> {
  await world.inNode(node, 'sysctl -qw net.ipv6.conf.default.disable_ipv6=1');
}
