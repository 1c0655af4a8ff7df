// Wires from a node to a bridge of the host, to the management bridge and to a plain interface of the host.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BridgeWire, HostWire } from '../../../host-actor/link-plane/wire.ts';
import { innerEnd, openWorld, readLink, type NetnsWorld } from './netns-world.ts';

let world: NetnsWorld;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(() => world.close());

const bridgeWire = (node: string, number: number, more: Partial<BridgeWire> = {}): BridgeWire => ({
  kind: 'bridge',
  id: `lab/${node}:eth0`,
  mtu: 1500,
  inner: { ...innerEnd(world, node, 'eth0'), addresses: [`172.30.0.${number}/24`, `3fff::${number}/64`], routes: [{ to: 'default', via: '172.30.0.254' }, { to: '::/0', via: '3fff::fe' }] },
  host: { device: `lw${number}.m`, mark: `lw:lab:${node}:eth0` },
  bridge: 'br-lab',
  ...more,
});
const hostWire = (node: string): HostWire => ({
  kind: 'host',
  id: `lab/${node}:eth9`,
  mtu: 1500,
  inner: { ...innerEnd(world, node, 'eth9'), addresses: ['10.9.0.1/24'] },
  host: { device: 'my-port', mark: `lw:lab:${node}:eth9` },
  mac: 'aa:c1:ab:00:00:09',
});

describe('wires into the host', () => {
  it('plugs management interfaces into a bridge with addresses and default routes inside, MTU of the bridge untouched', async () => {
    await world.withNodes('r1', 'r2');
    await world.host('ip link add dev br-lab type bridge && ip address add 172.30.0.254/24 dev br-lab && ip link set dev br-lab up');
    const report = await world.plane.ensureWires([bridgeWire('r1', 1), bridgeWire('r2', 2)]);
    expect([...report.outcomes.values()]).toMatchObject([{ ok: true, warnings: [], state: { up: true } }, { ok: true, warnings: [], state: { up: true } }]);
    expect(await world.pings('r1', '172.30.0.2')).toBe(true);
    expect(await world.pings('r1', '3fff::2')).toBe(true);
    expect(await world.inNode('r2', 'ip route get 8.8.8.8')).toContain('via 172.30.0.254 dev eth0');
    expect(await world.inNode('r2', 'ip -6 route show default')).toContain('via 3fff::fe dev eth0');
    expect((await world.plane.ensureWires([bridgeWire('r1', 1), bridgeWire('r2', 2)])).linesRun).toBe(0);
  });

  it('keeps isolated ports from each other, not from the bridge', async () => {
    await world.withNodes('r1', 'r2');
    await world.host('ip link add dev br-lab type bridge && ip address add 172.30.0.254/24 dev br-lab && ip link set dev br-lab up');
    await world.plane.ensureWires([bridgeWire('r1', 1, { isolated: true }), bridgeWire('r2', 2, { isolated: true })]);
    expect(await world.pings('r1', '172.30.0.254')).toBe(true);
    expect(await world.pings('r1', '172.30.0.2')).toBe(false);
  });

  it('says bridge-missing, not after a half: nothing is made', async () => {
    await world.withNodes('r1');
    const report = await world.plane.ensureWires([bridgeWire('r1', 1), hostWire('r1')]);
    expect([...report.outcomes.values()]).toMatchObject([{ ok: false, error: { code: 'bridge-missing' } }, { ok: true }]);
    expect(await world.inNode('r1', 'ip -o link')).not.toContain('eth0');
  });

  it('puts a port back that was taken out of its bridge', async () => {
    await world.withNodes('r1');
    await world.host('ip link add dev br-lab type bridge && ip link set dev br-lab up');
    await world.plane.ensureWires([bridgeWire('r1', 1)]);
    await world.host('ip link set dev lw1.m nomaster');
    expect([...(await world.plane.readWires()).values()][0]?.faults).toMatchObject([{ kind: 'wrong-master' }]);
    const report = await world.plane.ensureWires([bridgeWire('r1', 1)]);
    expect([...report.outcomes.values()]).toMatchObject([{ ok: true, changed: true, state: { ends: [{ master: 'br-lab' }] } }]);
  });

  it('gives the host a plain interface under the name of the file', async () => {
    await world.withNodes('r1');
    await world.plane.ensureWires([hostWire('r1')]);
    await world.host('ip address add 10.9.0.2/24 dev my-port');
    expect(await world.pings('r1', '10.9.0.2')).toBe(true);
    expect(await world.host('ip link show dev my-port')).toContain('aa:c1:ab:00:00:09');
    await world.plane.removeWires(['lab/r1:eth9']);
    expect(await world.host('ip -o link')).not.toContain('my-port');
  });

  it('joins two places of the host: a plain interface and a port of a bridge, or two bridges', async () => {
    await world.host('ip link add dev br1 type bridge && ip link add dev br2 type bridge && ip link set dev br1 up && ip link set dev br2 up');
    const base = { mtu: 1500, bridge: 'br2' };
    const report = await world.plane.ensureWires([
      { kind: 'bridge', id: 'lab/h', ...base, inner: { netns: 'host', interface: 'plain' }, host: { device: 'port2', mark: 'lw.lab.h' } },
      { kind: 'bridge', id: 'lab/b', ...base, inner: { netns: 'host', interface: 'port1', bridge: 'br1' }, host: { device: 'port3', mark: 'lw.lab.b' } },
      { kind: 'bridge', id: 'lab/x', ...base, inner: { netns: 'host', interface: 'port4', bridge: 'br9' }, host: { device: 'port5', mark: 'lw.lab.x' } },
    ]);
    expect([...report.outcomes.values()]).toMatchObject([{ ok: true, state: { up: true } }, { ok: true, warnings: [], state: { up: true } }, { ok: false, error: { code: 'bridge-missing' } }]);
    expect(await world.host('ip -o link show master br1')).toContain('port1');
    expect(await world.host('ip -o link')).not.toContain('br9');
    await world.plane.removeWires(['lab/h', 'lab/b']);
    expect(await world.host('ip -o link | wc -l')).toBe('3\n');
  });

  it('lowers and raises the carrier of a management interface', async () => {
    await world.withNodes('r1');
    await world.host('ip link add dev br-lab type bridge && ip link set dev br-lab up');
    await world.plane.ensureWires([bridgeWire('r1', 1)]);
    await world.plane.setCarrier([{ wireId: 'lab/r1:eth0', side: 'a', carrier: 'down' }]);
    expect((await readLink(world, 'r1', 'eth0')).flags).toContain('NO-CARRIER');
  });
});
