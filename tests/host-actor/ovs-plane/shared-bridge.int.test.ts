// Links on a bridge that others use too: one VLAN each, leased, recovered from the bridge, never somebody else's.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JoinedWire, VxlanWire } from '../../../host-actor/link-plane/wire.ts';
import type { HostSwitch } from '../../../machines/vocabulary/host-facts.ts';
import { createOvsSwitch } from '../../../host-actor/ovs-plane/ovs-switch.ts';
import { readPlanes } from '../../../host-actor/ovs-plane/read-planes.ts';
import { vlansHeldBy } from '../../../machines/plan/plan-planes.ts';
import { aLab, aLink, aNode, host } from '../../support/lab-builders.ts';
import { SimulatedLab } from '../../support/simulated-lab.ts';
import { joinedWire } from '../link-plane/netns-world.ts';
import { openOvsWorld, type OvsWorld } from './plane-worlds.ts';

const exec = promisify(execFile);
let world: OvsWorld;

beforeEach(async () => {
  world = await openOvsWorld({ mode: 'vlan', bridge: 'br-shared' });
  await world.ovs.vsctl('add-br', 'br-shared', '--', 'set', 'bridge', 'br-shared', 'datapath_type=netdev');
  await world.host('ip link add theirs type veth peer name theirs2 && ip link set theirs up && ip link set theirs2 up');
  await world.ovs.vsctl('add-port', 'br-shared', 'theirs', 'tag=77');
  await world.withNodes('r1', 'r2', 'r3');
});
afterEach(() => world.close());

const wireWith = (number: number, vlan: number | undefined, a: string, b: string): JoinedWire => ({ ...joinedWire(world, number, a, b), ...(vlan === undefined ? {} : { vlan }) });

/** VLANs as plans of labs that come one after another lease them, each knowing what those before hold. */
function leasedVlans(labs: number, links: number, ovs: HostSwitch = { datapath: 'netdev', sharedBridge: 'br-shared', usedVlans: [[77, 77]] }): number[] {
  const shared = { id: host('h1'), state: 'joined' as const, planes: ['ovs'], ovs };
  const held = new Set<number>();
  for (let n = 0; n < labs; n += 1) {
    const sim = new SimulatedLab();
    const spec = aLab([aNode('a'), aNode('b')], Array.from({ length: links }, (_unused, index) => aLink(`a:eth${index}`, `b:eth${index}`)));
    sim.command({ type: 'lab.deploy', spec, takeOver: false, reconfigure: false }, { hosts: [shared], takenVlans: () => new Set(held) });
    for (const vlan of vlansHeldBy(sim.state).get(shared.id) ?? []) held.add(vlan);
  }
  return [...held];
}

describe('links on a shared bridge', () => {
  it('passes every kind of frame, and keeps links apart', async () => {
    await world.plane.ensureWires([wireWith(1, 101, 'r1:eth1', 'r2:eth1'), wireWith(2, 102, 'r3:eth1', 'r3:eth2')]);
    const path = (node: string): string => `/run/netns/${world.netns(node)}`;
    const { stdout } = await exec('python3', [join(import.meta.dirname, '../link-plane/frame-echo.py'), path('r1'), 'eth1', path('r2'), 'eth1']);
    expect(JSON.parse(stdout)).toEqual({ lost: [], foreign: [] });
    await world.inNode('r1', 'ip address add 10.0.0.1/24 dev eth1');
    await world.inNode('r2', 'ip address add 10.0.0.2/24 dev eth1');
    await world.inNode('r3', 'ip address add 10.0.0.3/24 dev eth1');
    expect(await world.pings('r1', '10.0.0.2')).toBe(true);
    expect(await world.pings('r1', '10.0.0.3')).toBe(false);
  });

  it('recovers the VLAN of each link from the bridge after a restart, and discards a stale one by its mark', async () => {
    const [kept, stale] = [wireWith(1, 101, 'r1:eth1', 'r2:eth1'), wireWith(2, 102, 'r1:eth2', 'r2:eth2')];
    await world.plane.ensureWires([kept, stale]);
    const fresh = world.restartedPlane();
    expect(await fresh.readSwitchPorts()).toEqual(
      expect.arrayContaining([
        { device: 'lw1.a', mark: kept.a.host.mark, wireId: kept.id, vlan: 101 },
        { device: 'lw2.b', mark: stale.b.host.mark, wireId: stale.id, vlan: 102 },
      ]),
    );
    expect([...(await fresh.ensureWires([kept])).outcomes.values()]).toMatchObject([{ ok: true, changed: false }]);
    await fresh.removeOrphans((await fresh.readOrphans('lw:')).map(({ mark }) => mark));
    expect((await world.ovs.vsctl('list-ports', 'br-shared')).trim().split('\n').toSorted()).toEqual(['lw1.a', 'lw1.b', 'theirs']);
  });

  it('R02: 50 more ports after a kill have tags of their own, though nobody remembers those of the 50 there; these stay', async () => {
    const links = 25;
    const ends = (from: number, vlans: readonly number[]): JoinedWire[] => vlans.map((vlan, index) => wireWith(from + index, vlan, `r1:e${from + index}`, `r2:e${from + index}`));
    const before = ends(1, leasedVlans(1, links));
    await world.plane.ensureWires(before);
    const tagsOf = async () => new Map((await world.ovs.vsctl('--format=csv', '--no-headings', '--columns=name,tag', 'find', 'port', 'tag!=[]')).trim().split('\n').map((line) => line.split(',') as [string, string]));
    const old = await tagsOf();
    expect(old.size).toBe(2 * links + 1);
    // All that a new process, and a supervisor whose claims are gone, know of the bridge: what it shows.
    const fresh = world.restartedPlane();
    const reader = createOvsSwitch({ runDir: world.ovs.runDir, mode: 'vlan', bridge: 'br-shared', log: pino({ level: 'silent' }) });
    const { ovs } = await readPlanes(reader, 'ovs', { name: 'br-shared', vlans: undefined });
    reader.close();
    const more = ends(1 + links, leasedVlans(1, links, ovs));
    expect([...(await fresh.ensureWires([...before, ...more])).outcomes.values()].filter((outcome) => !outcome.ok)).toEqual([]);
    const now = await tagsOf();
    expect([...old].filter(([port, tag]) => now.get(port) !== tag)).toEqual([]);
    const uses = Map.groupBy(now.values(), (tag) => tag);
    expect([now.size, uses.size, uses.get('77')?.length, [...uses.values()].filter((ports) => ports.length > 2)]).toEqual([4 * links + 1, 2 * links + 1, 1, []]);
  });

  it('N06: 200 links of several labs made at once have a VLAN each, and each node pings its own far end alone', async () => {
    const count = 200;
    const number = (vlan: number): readonly [number, number] => [Math.floor(vlan / 250), vlan % 250];
    const labs = 10;
    const given = leasedVlans(labs, count / labs);
    const wires = given.map((vlan, index) => wireWith(index + 1, vlan, `r1:e${index}`, `r2:e${index}`));
    const batches = Array.from({ length: labs }, (_unused, lab) => wires.slice((lab * count) / labs, ((lab + 1) * count) / labs));
    const reports = await Promise.all(batches.map((batch) => world.plane.ensureWires(batch)));
    expect(reports.flatMap(({ outcomes }) => [...outcomes.values()]).filter(({ ok }) => !ok)).toEqual([]);
    const tags = (await world.plane.readSwitchPorts()).map(({ vlan }) => vlan);
    expect([tags.length, new Set(tags).size, tags.includes(77)]).toEqual([2 * count, count, false]);
    // Each interface answers for its own address alone: what reaches another one by a VLAN in common would be answered there.
    await world.inNode('r2', 'sysctl -qw net.ipv4.conf.all.arp_ignore=1');
    const [first, second] = [0, 1].map((side) => wires.map((_wire, index) => `ip addr add 10.${side}.${number(index).join('.')}/32 dev e${index}\nip route add 10.${1 - side}.${number(index).join('.')}/32 dev e${index}`).join('\n'));
    await world.inNode('r1', first ?? '');
    await world.inNode('r2', second ?? '');
    expect(await world.inNode('r1', `for n in $(seq 0 ${count - 1}); do (ping -c1 -W2 10.1.$((n / 250)).$((n % 250)) >/dev/null || echo $n) & done; wait`)).toBe('');
    // The far end of another link is not reached through this one.
    expect(await world.inNode('r1', `for n in 1 50 199; do ip route replace 10.1.0.$n/32 dev e0; done; for n in 1 50 199; do ping -c1 -W1 -I e0 10.1.0.$n >/dev/null && echo $n; done; true`)).toBe('');
  });

  it('X10: takes the former tunnel of a leg off the bridge when the link gets another one with the same VLAN', async () => {
    const wire = wireWith(1, 101, 'r1', 'r2');
    const leg = (device: string, vni: number): VxlanWire => ({
      kind: 'vxlan', id: wire.id, mtu: 1400, vlan: 101, inner: wire.a.inner, host: wire.a.host, actionIndex: 1, tunnel: { device, mark: 'lw:lab:r1:eth1:x', vni, udpPort: 4789, remote: '192.0.2.7', actionIndex: 2 },
    });
    expect([...(await world.plane.ensureWires([leg('lw1.x', 7)])).outcomes.values()]).toMatchObject([{ ok: true }]);
    expect([...(await world.plane.ensureWires([leg('lw1.y', 8)])).outcomes.values()]).toMatchObject([{ ok: true, state: { joined: true } }]);
    expect((await world.ovs.vsctl('list-ports', 'br-shared')).trim().split('\n').toSorted()).toEqual(['lw1.a', 'lw1.y', 'theirs']);
  });

  it('mends a wrong tag', async () => {
    const wire = wireWith(1, 101, 'r1', 'r2');
    await world.plane.ensureWires([wire]);
    await world.ovs.vsctl('set', 'port', 'lw1.a', 'tag=999');
    expect((await world.plane.readWires()).get(wire.id)).toMatchObject({ joined: false, faults: [{ kind: 'wrong-vlan' }] });
    expect(await world.plane.repairWire(wire.id)).toMatchObject({ ok: true, changed: true });
    expect((await world.ovs.vsctl('get', 'port', 'lw1.a', 'tag')).trim()).toBe('101');
  });

  it.each([
    ['a VLAN that somebody else\'s port has', 77, 'vlan-taken'],
    ['no VLAN', undefined, 'vlan-taken'],
  ])('refuses %s', async (_name, vlan, code) => {
    const report = await world.plane.ensureWires([wireWith(1, vlan, 'r1', 'r2')]);
    expect([...report.outcomes.values()]).toMatchObject([{ ok: false, error: { code } }]);
    expect(await world.ovs.vsctl('list-ports', 'br-shared')).toBe('theirs\n');
  });

  it('leaves the bridge when its last link goes, and refuses a bridge that is not there', async () => {
    const wire = wireWith(1, 101, 'r1', 'r2');
    await world.plane.ensureWires([wire]);
    await world.plane.removeWires([wire.id]);
    expect(await world.ovs.vsctl('list-ports', 'br-shared')).toBe('theirs\n');
    await world.ovs.vsctl('del-br', 'br-shared');
    expect([...(await world.plane.ensureWires([wire])).outcomes.values()]).toMatchObject([{ ok: false, error: { code: 'bridge-missing' } }]);
  });
});
