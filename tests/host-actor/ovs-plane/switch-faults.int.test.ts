// Whatever is done to the switch by hand or by a crash is seen and mended, and nothing leaks while it is broken.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toolRunnerIn } from '../../../host-actor/link-plane/run-tool.ts';
import { interfaceMark } from '../../../host-actor/ownership-mark.ts';
import { createTakenTunnelsReader } from '../../../host-actor/taken-tunnels.ts';
import { HostId, LabId } from '../../../machines/vocabulary/ids.ts';
import type { WireDrift } from '../../../host-actor/link-plane/find-drift.ts';
import type { JoinedWire } from '../../../host-actor/link-plane/wire.ts';
import { eventually } from '../../support/eventually.ts';
import { joinedWire } from '../link-plane/netns-world.ts';
import { openOvsWorld, type OvsWorld } from './plane-worlds.ts';

let world: OvsWorld;
let wire: JoinedWire;
let stop: AbortController;
const drifts: WireDrift[] = [];
const repairs: Promise<unknown>[] = [];

beforeEach(async () => {
  drifts.length = 0;
  repairs.length = 0;
  stop = new AbortController();
  world = await openOvsWorld();
  await world.withNodes('r1', 'r2');
  wire = joinedWire(world, 1, 'r1', 'r2');
  await world.plane.ensureWires([wire]);
  for (const [node, last] of [['r1', 1], ['r2', 2]] as const) await world.inNode(node, `ip address add 10.0.0.${last}/24 dev eth1`);
});
afterEach(async () => {
  stop.abort();
  await Promise.allSettled(repairs);
  await world.close();
});

const watch = (repair: 'repair' | 'look'): Promise<unknown> =>
  world.plane.watch(
    {
      onDrift: (drift) => {
        drifts.push(drift);
        if (repair === 'repair') repairs.push(world.plane.repairWire(drift.wireId));
      },
    },
    stop.signal,
  );
const pings = (): Promise<boolean> => world.pings('r1', '10.0.0.2');
const mended = (): Promise<unknown> => eventually(async () => drifts.length > 0 && (await world.plane.readWires()).get(wire.id)?.up && (await pings()), { what: 'wire mended' });
const stateOf = async (one: JoinedWire): Promise<unknown> => (await world.plane.readWires()).get(one.id);

describe('faults of the switch', () => {
  it.each([
    ['a port taken off the bridge', (): Promise<string> => world.ovs.vsctl('del-port', 'lw1.a'), 'unplugged'],
    ['a rule removed', (): Promise<string> => world.ovs.ofctl('lw-ovs', 'del-flows', 'in_port=1'), 'flow-missing'],
    ['all rules removed', (): Promise<string> => world.ovs.ofctl('lw-ovs', 'del-flows'), 'flow-missing'],
    ['a rule led elsewhere', (): Promise<string> => world.ovs.ofctl('lw-ovs', 'mod-flows', 'in_port=1,actions=drop'), 'flow-missing'],
    ['the bridge deleted', (): Promise<string> => world.ovs.vsctl('del-br', 'lw-ovs'), 'unplugged'],
  ])('%s: seen by an event and mended', async (_name, fault, what) => {
    await watch('repair');
    await fault();
    await mended();
    expect(drifts.map((drift) => drift.what)).toContain(what);
    expect(drifts.every(({ found }) => found === 'event')).toBe(true);
  });

  it('reads a wire with a rule missing as not joined', async () => {
    await world.ovs.ofctl('lw-ovs', 'del-flows', 'in_port=2');
    expect(await stateOf(wire)).toMatchObject({ joined: false, up: false, faults: [{ side: 'b', kind: 'flow-missing' }] });
  });

  it('makes the bridge secure again when somebody made it flood', async () => {
    await world.ovs.vsctl('set-fail-mode', 'lw-ovs', 'standalone');
    await eventually(async () => JSON.stringify(await stateOf(wire)).includes('flow-missing'), { what: 'fault seen' });
    expect(await world.plane.repairWire(wire.id)).toMatchObject({ ok: true });
    expect(await world.ovs.vsctl('get-fail-mode', 'lw-ovs')).toBe('secure\n');
    expect(await world.ovs.ofctl('lw-ovs', 'dump-flows')).not.toContain('NORMAL');
    expect(await pings()).toBe(true);
  });

  it('sees ovs-vswitchd die, says the wire is not joined, and replays all rules when it returns', async () => {
    const second = joinedWire(world, 2, 'r1:eth2', 'r2:eth2');
    await world.plane.ensureWires([second]);
    await watch('look');
    await world.ovs.killSwitch();
    await eventually(() => drifts.some(({ what }) => what === 'switch-away'), { what: 'death told' });
    expect(await stateOf(wire)).toMatchObject({ joined: false });
    expect([...(await world.plane.ensureWires([wire])).outcomes.values()]).toMatchObject([{ ok: false, error: { code: 'switch-away', retryable: true } }]);
    expect(await pings()).toBe(false);
    await world.ovs.startSwitch();
    await eventually(() => new Set(drifts.flatMap(({ what, wireId }) => (what === 'switch-returned' ? [wireId] : []))).size === 2, { what: 'return told for both wires' });
    expect(await pings()).toBe(true);
    expect(await stateOf(wire)).toMatchObject({ joined: true, up: true });
    expect(await stateOf(second)).toMatchObject({ joined: true, up: true });
  });

  it('lets nothing pass between a return of the daemon and the replay', async () => {
    await world.ovs.killSwitch();
    await world.ovs.startSwitch();
    await eventually(async () => (await world.ovs.vsctl('get', 'Interface', 'lw1.a', 'ofport')).trim() === '1', { what: 'port is back' });
    expect(await pings()).toBe(false);
    expect(await world.plane.repairWire(wire.id)).toMatchObject({ ok: true, changed: true });
    // The datapath may keep the "drop" of the ping before until it looks at its flows again, every half second.
    await eventually(pings, { what: 'frames pass again' });
  });

  it('reconnects to a database that was restarted', async () => {
    await watch('look');
    await world.ovs.killDatabase();
    await eventually(() => drifts.some(({ what }) => what === 'switch-away'), { what: 'loss told' });
    await world.ovs.startDatabase();
    await eventually(() => drifts.some(({ what }) => what === 'switch-returned'), { what: 'return told' });
    expect(await stateOf(wire)).toMatchObject({ joined: true, up: true });
    expect(await pings()).toBe(true);
  });

  it('takes a hanging daemon for dead', async () => {
    await watch('look');
    await world.ovs.signalSwitch('SIGSTOP');
    await eventually(() => drifts.some(({ what }) => what === 'switch-away'), { what: 'hang told' });
    await world.ovs.signalSwitch('SIGCONT');
    await eventually(() => drifts.some(({ what }) => what === 'switch-returned'), { what: 'return told' });
    expect(await pings()).toBe(true);
  });

  it('takes a hanging daemon for dead also right after it took in many ports, and after it gave them away', async () => {
    const many = Array.from({ length: 40 }, (_unused, index) => joinedWire(world, index + 2, `r1:m${index}`, `r2:m${index}`));
    await world.plane.ensureWires(many);
    await watch('look');
    const hangs = async (): Promise<void> => {
      drifts.length = 0;
      await world.ovs.signalSwitch('SIGSTOP');
      await eventually(() => drifts.some(({ what }) => what === 'switch-away'), { what: 'hang told', timeoutMs: 8_000 });
      await world.ovs.signalSwitch('SIGCONT');
      await eventually(() => drifts.some(({ what }) => what === 'switch-returned'), { what: 'return told' });
    };
    await hangs();
    await world.plane.removeWires(many.map(({ id }) => id));
    // Returns when the daemon has done all that it was told before.
    await world.ovs.vsctl('set', 'Open_vSwitch', '.', 'external_ids:tha=done');
    await hangs();
    expect(await pings()).toBe(true);
  });

  it('removes what it owes when the switch was away at the removal', async () => {
    await watch('look');
    await world.ovs.killDatabase();
    await world.plane.removeWires([wire.id]);
    expect(await world.host('ip -o link')).not.toContain('lw1.a');
    await world.ovs.startDatabase();
    await eventually(async () => (await world.ovs.vsctl('--no-wait', 'list-ports', 'lw-ovs').catch(() => '')) === '', { what: 'ports discarded' });
  });

  it('takes its bridge away with the last port, and never a bridge with a port of somebody else', async () => {
    await world.plane.removeWires([wire.id]);
    expect(await world.ovs.vsctl('list-br')).toBe('');
    await world.plane.ensureWires([wire]);
    await world.host('ip link add theirs type veth peer name theirs2');
    await world.ovs.vsctl('add-br', 'their-br', '--', 'set', 'bridge', 'their-br', 'datapath_type=netdev', '--', 'add-port', 'lw-ovs', 'theirs');
    await world.plane.removeWires([wire.id]);
    expect(await world.ovs.vsctl('list-ports', 'lw-ovs')).toBe('theirs\n');
    expect(await world.ovs.vsctl('list-br')).toContain('their-br');
  });

  it('refuses a port name and a bridge that are somebody else\'s', async () => {
    await world.plane.removeWires([wire.id]);
    await world.ovs.vsctl('add-br', 'lw-ovs', '--', 'set', 'bridge', 'lw-ovs', 'datapath_type=netdev');
    expect([...(await world.plane.ensureWires([wire])).outcomes.values()]).toMatchObject([{ ok: false, error: { code: 'name-taken' } }]);
    expect(await world.ovs.vsctl('list-ports', 'lw-ovs')).toBe('');
  });

  it('changes the plane of a wire both ways', async () => {
    const toTc = { ...wire, plane: 'tc' as const };
    expect([...(await world.plane.ensureWires([toTc])).outcomes.values()]).toMatchObject([{ ok: true, state: { up: true } }]);
    expect(await world.ovs.vsctl('list-br')).toBe('');
    expect(await pings()).toBe(true);
    expect([...(await world.plane.ensureWires([wire])).outcomes.values()]).toMatchObject([{ ok: true, state: { up: true } }]);
    expect(await world.host('tc filter show dev lw1.a ingress')).not.toContain('redirect');
    expect(await pings()).toBe(true);
  });

  it('X06: lists tunnels that the switch ends by itself, whose numbers are taken as those of the kernel are', async () => {
    await world.ovs.vsctl('add-br', 'br-tun', '--', 'set', 'bridge', 'br-tun', 'datapath_type=netdev', '--', 'add-port', 'br-tun', 'vx7', '--', 'set', 'interface', 'vx7', 'type=vxlan', 'options:remote_ip=192.0.2.7', 'options:key=7007', 'options:local_ip=192.0.2.1');
    await eventually(async () => (await world.ovsSwitch.readTunnels()).length === 1, { what: 'tunnel read' });
    expect(await world.ovsSwitch.readTunnels()).toMatchObject([{ port: 'vx7', bridge: 'br-tun', remote: '192.0.2.7', local: '192.0.2.1', vni: 7007, udpPort: 4789 }]);
    // Beside one of the kernel, one that takes all numbers of another port, and ours.
    const host = HostId.parse('h1');
    await world.host(`ip link add theirs type vxlan id 8008 remote 192.0.2.7 dstport 8472 && ip link add all type vxlan external dstport 4790 && ip link add mine type vxlan id 9009 remote 192.0.2.7 dstport 4789 && ip link property add dev mine altname ${interfaceMark({ host, lab: LabId.parse('l') }, 'host', 'x')}
      ip link add mgmt type vxlan id 9010 dstport 4789 && ip link set dev mgmt alias labwright:h1:mgmt-tunnel:clab && ip link add other type vxlan id 7008 dstport 4789 && ip link set dev other alias labwright:h12:mgmt-tunnel:clab`);
    const read = createTakenTunnelsReader({ host, run: toolRunnerIn(world.hostNetns), ovs: world.ovsSwitch });
    expect(await read()).toEqual({ usedVnis: [[7007, 7008], [8008, 8008]] });
  });
});

describe('limit of the userspace datapath', () => {
  it('is told, and refuses what is past it with the reason', async () => {
    expect(await world.ovsSwitch.capacity()).toEqual({ datapath: 'netdev', maxPorts: 512, usedPorts: 2 });
    const small = await openOvsWorld({ maxPorts: 3 });
    try {
      await small.withNodes('r1', 'r2');
      const wires = [joinedWire(small, 1, 'r1:eth1', 'r2:eth1'), joinedWire(small, 2, 'r1:eth2', 'r2:eth2')];
      const outcomes = [...(await small.plane.ensureWires(wires)).outcomes.values()];
      expect(outcomes).toMatchObject([{ ok: true }, { ok: false, error: { code: 'plane-full', retryable: false } }]);
      expect(outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error.message]))).toMatchObject([expect.stringContaining('at most 3')]);
      expect(await small.host('ip -o link')).not.toContain('lw2');
    } finally {
      await small.close();
    }
  });
});
