// Links that are a device inside the node: macvlan, dummy, and a bridge port inside another node.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DummyWire, InnerVxlanWire, MacvlanWire } from '../../../host-actor/link-plane/wire.ts';
import { innerEnd, joinedWire, openWorld, readLink, type NetnsWorld } from './netns-world.ts';

let world: NetnsWorld;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(() => world.close());

const macvlan = (node: string, address: string): MacvlanWire => ({
  kind: 'macvlan',
  id: `lab/${node}:eth1--macvlan`,
  mtu: 9500,
  inner: { ...innerEnd(world, node, 'eth1'), addresses: [address], mac: `aa:c1:ab:00:01:0${address.at(-4) ?? '0'}` },
  parent: 'under',
  mode: 'bridge',
  mark: `lw.lab.${node}.eth1`,
});

describe('devices inside a node', () => {
  it('makes macvlan devices on an interface of the host, once, and removes them', async () => {
    await world.withNodes('r1', 'r2');
    await world.host('ip link add dev under type veth peer name out && ip link set dev under up && ip link set dev out up');
    const wires = [macvlan('r1', '10.0.0.1/24'), macvlan('r2', '10.0.0.2/24')];
    const report = await world.plane.ensureWires(wires);
    expect([...report.outcomes.values()]).toMatchObject([{ ok: true, changed: true, state: { up: true } }, { ok: true, changed: true, state: { up: true } }]);
    expect((await readLink(world, 'r1', 'eth1')).mtu).toBe(1500);
    expect(await world.pings('r1', '10.0.0.2')).toBe(true);
    expect((await world.plane.ensureWires(wires)).linesRun).toBe(0);
    await world.inNode('r2', 'ip link del dev eth1');
    expect((await world.plane.readWires()).get(wires[1]?.id ?? '')).toMatchObject({ joined: false });
    expect(await world.plane.repairWire(wires[1]?.id ?? '')).toMatchObject({ ok: true, changed: true });
    await world.plane.removeWires(wires.map((wire) => wire.id));
    expect(await world.inNode('r1', 'ip -o link')).not.toContain('eth1');
  });

  it('says parent-missing and inner-name-taken, and leaves the foreign interface alone', async () => {
    await world.withNodes('r1', 'r2');
    expect([...(await world.plane.ensureWires([macvlan('r1', '10.0.0.1/24')])).outcomes.values()]).toMatchObject([{ ok: false, error: { code: 'parent-missing' } }]);
    await world.host('ip link add dev under type bridge');
    await world.inNode('r1', 'ip link add dev eth1 type bridge');
    expect([...(await world.plane.ensureWires([macvlan('r1', '10.0.0.1/24')])).outcomes.values()]).toMatchObject([{ ok: false, error: { code: 'inner-name-taken' } }]);
    await world.plane.removeWires(['lab/r1:eth1--macvlan']);
    expect(await world.inNode('r1', 'ip -o link')).toContain('eth1');
  });

  it('makes a dummy, or says what the kernel says', async () => {
    await world.withNodes('r1');
    const wire: DummyWire = { kind: 'dummy', id: 'lab/r1:dummy1', mtu: 1500, inner: innerEnd(world, 'r1', 'dummy1'), mark: 'lw.lab.r1.dummy1' };
    const outcome = (await world.plane.ensureWires([wire])).outcomes.get(wire.id);
    const kernelHasDummy = await world.host('ip link add dev probe type dummy').then(
      () => true,
      () => false,
    );
    const refusal = { ok: false, error: { code: 'kernel-lacks', message: expect.stringContaining('Unknown device type') as unknown } };
    expect(outcome).toMatchObject(kernelHasDummy ? { ok: true, state: { joined: true } } : refusal);
  });

  it('plugs a node into a bridge inside another node, made there when absent', async () => {
    await world.withNodes('r1', 'sw', 'r2');
    const first = joinedWire(world, 1, 'r1:eth1', 'sw:port1');
    const second = joinedWire(world, 2, 'r2:eth1', 'sw:port2');
    const plugged = [first, second].map((wire, index) => ({
      ...wire,
      a: { ...wire.a, inner: { ...wire.a.inner, addresses: [`10.0.0.${index + 1}/24`] } },
      b: { ...wire.b, inner: { ...wire.b.inner, bridge: 'br0' } },
    }));
    const report = await world.plane.ensureWires(plugged);
    expect([...report.outcomes.values()]).toMatchObject([{ ok: true, warnings: [] }, { ok: true, warnings: [] }]);
    expect(await world.inNode('sw', 'ip -o link show master br0 | wc -l')).toBe('2\n');
    expect(await world.pings('r1', '10.0.0.2')).toBe(true);
  });

  it('makes the interface itself a VXLAN device whose packets travel on the host', async () => {
    await world.withNodes('r1');
    await world.host('ip link add under mtu 9100 type veth peer name far && ip link set dev under up && ip link set dev far up && ip address add 192.0.2.1/24 dev under');
    const path = { vni: 100, udpPort: 14_788, remote: '192.0.2.22', parent: 'under' };
    const wire: InnerVxlanWire = { kind: 'inner-vxlan', id: 'x', mtu: 9500, fixedMtu: false, inner: { ...innerEnd(world, 'r1', 'eth1'), mac: 'aa:c1:ab:00:00:09' }, path, mark: 'lw.x' };
    expect([...(await world.plane.ensureWires([wire])).outcomes.values()]).toMatchObject([{ ok: true, changed: true, state: { up: true } }]);
    expect([...(await world.plane.ensureWires([wire])).outcomes.values()]).toMatchObject([{ ok: true, changed: false }]);
    const shown = await world.inNode('r1', 'ip -d link show eth1');
    expect(shown).toMatch(/mtu 9050 .*state UNKNOWN/);
    expect(shown).toMatch(/vxlan id 100 remote 192\.0\.2\.22 dev \S+ srcport 0 0 dstport 14788/);
    expect(await world.host('ss -ulnH')).toContain(':14788');
    expect([...(await world.plane.ensureWires([{ ...wire, id: 'y', inner: { ...wire.inner, interface: 'eth2' }, mark: 'lw.y', path: { ...path, vni: 101, parent: 'nosuch' } }])).outcomes.values()]).toMatchObject([{ ok: false, error: { code: 'parent-missing' } }]);
    await world.plane.removeWires(['x']);
    expect(await world.inNode('r1', 'ip -o link')).not.toContain('eth1');
  });
});
