// Node to node wires on the real kernel: made, read back, kept when made twice, removed, and what neighbours see meanwhile.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WireOutcome } from '../../../host-actor/link-plane/wire-outcome.ts';
import { joinedWire, openWorld, readLink, type NetnsWorld } from './netns-world.ts';

let world: NetnsWorld;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(() => world.close());

const failed = (outcome: WireOutcome | undefined): string => (outcome === undefined || outcome.ok ? 'ok' : outcome.error.code);

describe('joined wires', () => {
  it('joins two nodes so that they ping, with own MACs, addresses and MTU', async () => {
    await world.withNodes('r1', 'r2');
    const wire = joinedWire(world, 1, 'r1', 'r2');
    const report = await world.plane.ensureWires([
      {
        ...wire,
        a: { ...wire.a, inner: { ...wire.a.inner, mac: 'aa:c1:ab:00:00:01', addresses: ['10.0.0.1/24', '2001:db8::1/64'] } },
        b: { ...wire.b, inner: { ...wire.b.inner, addresses: ['10.0.0.2/24', '2001:db8::2/64'], routes: [{ to: 'default', via: '10.0.0.1' }, { to: '::/0', via: '2001:db8::1' }] } },
      },
    ]);
    const outcome = report.outcomes.get(wire.id);
    expect(outcome).toMatchObject({ ok: true, changed: true, warnings: [], state: { joined: true, up: true, faults: [] } });
    expect(await readLink(world, 'r1', 'eth1')).toMatchObject({ address: 'aa:c1:ab:00:00:01', mtu: 9500 });
    expect(await world.pings('r1', '10.0.0.2')).toBe(true);
    expect(await world.pings('r2', '2001:db8::1')).toBe(true);
    expect(await world.pings('r2', '10.0.0.1', '-M do -s 9472')).toBe(true);
    expect(await world.inNode('r2', 'ip -6 route show default')).toContain('via 2001:db8::1');
    expect(await world.inNode('r1', 'ip -j link show lo')).toContain('LOWER_UP');
  });

  it('reads wires that it was not told of, and changes nothing', async () => {
    await world.withNodes('r1', 'r2');
    const wire = joinedWire(world, 1, 'r1', 'r2');
    await world.plane.ensureWires([wire]);
    const fresh = world.restartedPlane();
    expect((await fresh.readWires([wire])).get(wire.id)).toMatchObject({ joined: true, faults: [] });
    await world.host('ip link set dev lw1.a down');
    expect((await fresh.readWires([wire])).get(wire.id)).toMatchObject({ faults: [{ side: 'a', kind: 'end-down' }] });
    await world.host('ip link del lw1.a');
    expect((await fresh.readWires([wire])).get(wire.id)?.faults.map(({ side, kind }) => `${side} ${kind}`)).toContain('a end-missing');
    expect((await fresh.readWires()).size).toBe(0);
  });

  it('runs no line at all when everything is there, also after a restart of ours', async () => {
    await world.withNodes('r1', 'r2');
    const wires = [joinedWire(world, 1, 'r1', 'r2'), joinedWire(world, 2, 'r1:eth2', 'r2:eth2')];
    await world.plane.ensureWires(wires);
    const second = await world.plane.ensureWires(wires);
    expect(second.linesRun).toBe(0);
    expect([...second.outcomes.values()].map((one) => one.ok && one.changed)).toEqual([false, false]);
    const namespaces = ['r1', 'r2'].map((node) => ({ name: world.netns(node), mark: `x/${node}` }));
    expect((await world.restartedPlane().ensureWires(wires, namespaces)).linesRun).toBe(0);
  });

  it('removes wires by id and leaves nothing of them; a second removal is success', async () => {
    await world.withNodes('r1', 'r10');
    const wires = [joinedWire(world, 1, 'r1', 'r10'), joinedWire(world, 2, 'r10:eth2', 'r1:eth2')];
    await world.plane.ensureWires(wires);
    await world.plane.removeWires([wires[0]?.id ?? '']);
    const links = await world.host('ip -o link');
    expect(links).not.toContain('lw1.');
    expect(links).toContain('lw2.a');
    expect((await world.plane.readWires()).get(wires[1]?.id ?? '')).toMatchObject({ joined: true, up: true });
    await world.plane.removeWires(wires.map((wire) => wire.id));
    await world.plane.removeWires(wires.map((wire) => wire.id));
    expect(await world.host('ip -o link | wc -l')).toBe('1\n');
    expect(await world.host('tc -j actions ls action mirred')).not.toContain('cookie');
  });

  it('joins two interfaces of one node', async () => {
    await world.withNodes('r1');
    const report = await world.plane.ensureWires([joinedWire(world, 1, 'r1:eth1', 'r1:eth2')]);
    expect([...report.outcomes.values()][0]).toMatchObject({ ok: true, state: { up: true } });
  });

  it('shows NO-CARRIER inside while a host end is down, and reads down as wished', async () => {
    await world.withNodes('r1', 'r2');
    const wire = joinedWire(world, 1, 'r1', 'r2');
    await world.plane.ensureWires([wire]);
    const down = await world.plane.setCarrier([{ wireId: wire.id, side: 'a', carrier: 'down' }]);
    expect(down.outcomes.get(wire.id)).toMatchObject({ ok: true, state: { joined: true, up: false } });
    expect((await readLink(world, 'r1', 'eth1')).flags).toContain('NO-CARRIER');
    expect((await readLink(world, 'r2', 'eth1')).flags).toContain('LOWER_UP');
    await world.plane.setCarrier([{ wireId: wire.id, side: 'a', carrier: 'up' }]);
    expect((await readLink(world, 'r1', 'eth1')).flags).toContain('LOWER_UP');
  });

  it('tells a node that lowered its own interface from a host end that is down', async () => {
    await world.withNodes('r1', 'r2');
    const wire = joinedWire(world, 1, 'r1', 'r2');
    await world.plane.ensureWires([wire]);
    await world.inNode('r1', 'ip link set dev eth1 down');
    const state = (await world.plane.readWires()).get(wire.id);
    expect(state).toMatchObject({ joined: true, up: false });
    expect(state?.ends[0]).toMatchObject({ adminUp: true, carrier: false });
  });

  it('leaves a foreign device of the same name alone and says name-taken', async () => {
    await world.withNodes('r1', 'r2');
    await world.host('ip link add dev lw1.a type veth peer name foreign && ip link property add dev lw1.a altname lw:lab:r1:eth10');
    const before = await world.host('ip -j -d link show dev lw1.a');
    const wires = [joinedWire(world, 1, 'r1', 'r2'), joinedWire(world, 2, 'r1:eth2', 'r2:eth2')];
    const report = await world.plane.ensureWires(wires);
    expect([...report.outcomes.values()].map(failed)).toEqual(['name-taken', 'ok']);
    await world.plane.removeWires(wires.map((wire) => wire.id));
    expect(await world.host('ip -j -d link show dev lw1.a')).toBe(before);
  });

  it('names each reason when one of many wires is refused, and makes the others', async () => {
    await world.withNodes('r1', 'r2', 'r3');
    await world.inNode('r2', 'ip link add dev eth2 type bridge');
    await world.host('tc qdisc add dev lo clsact && tc filter add dev lo ingress protocol 0x88b7 pref 77 u32 match u32 0 0 action mirred egress redirect dev lo index 6 cookie aa');
    const missing = joinedWire(world, 4, 'r1:eth4', 'r9:eth4');
    const wires = [joinedWire(world, 1, 'r1', 'r2'), joinedWire(world, 2, 'r1:eth2', 'r2:eth2'), joinedWire(world, 3, 'r1:eth3', 'r3'), missing];
    const bad = joinedWire(world, 5, 'r1:eth5', 'r2:eth5');
    const spoilt = { ...bad, a: { ...bad.a, inner: { ...bad.a.inner, interface: 'eth5; reboot' } } };
    const report = await world.plane.ensureWires([...wires, spoilt]);
    expect([...wires, spoilt].map((wire) => failed(report.outcomes.get(wire.id)))).toEqual(['ok', 'inner-name-taken', 'index-taken', 'namespace-missing', 'invalid-wire']);
    expect((await readLink(world, 'r1', 'eth2')).flags).toContain('NO-CARRIER');
  });

  it('makes a host end again that was left without its mark by a crash', async () => {
    await world.withNodes('r1', 'r2');
    await world.host(`ip link add dev eth1 netns ${world.netns('r1')} up mtu 9500 type veth peer name lw1.a mtu 9500 group 1819738112`);
    const wire = joinedWire(world, 1, 'r1', 'r2');
    expect((await world.plane.ensureWires([wire])).outcomes.get(wire.id)).toMatchObject({ ok: true, state: { up: true } });
  });

  it('makes the end of a replaced namespace again, though something still holds the old one', async () => {
    await world.withNodes('r1', 'r2');
    const wire = joinedWire(world, 1, 'r1', 'r2');
    await world.plane.ensureWires([wire]);
    const before = await readLink(world, 'r2', 'eth1');
    await world.host(`ip netns add ${world.netns('keep')} && umount /run/netns/${world.netns('keep')} && mount --bind /run/netns/${world.netns('r1')} /run/netns/${world.netns('keep')}`);
    await world.plane.namespaces.remove([world.netns('r1')]);
    await world.withNodes('r1');
    expect((await world.plane.readWires()).get(wire.id)?.faults.map((fault) => fault.kind)).toContain('end-stale');
    expect((await world.plane.ensureWires([wire])).outcomes.get(wire.id)).toMatchObject({ ok: true, state: { up: true } });
    expect((await readLink(world, 'r1', 'eth1')).flags).toContain('LOWER_UP');
    expect((await readLink(world, 'r2', 'eth1')).ifindex).toBe(before.ifindex);
  });
});
