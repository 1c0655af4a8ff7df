// One suite for both planes: whatever joins the two ends of a wire, a wire is a wire.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CarrierEvent, WireDrift } from '../../../host-actor/link-plane/find-drift.ts';
import type { JoinedWire } from '../../../host-actor/link-plane/wire.ts';
import { eventually } from '../../support/eventually.ts';
import { joinedWire, readLink, type NetnsWorld } from '../link-plane/netns-world.ts';
import { PLANES } from './plane-worlds.ts';

const exec = promisify(execFile);

describe.each(PLANES)('plane $plane', ({ open }) => {
  let world: NetnsWorld;
  let wire: JoinedWire;
  let stop: AbortController;
  const drifts: WireDrift[] = [];
  const carriers: CarrierEvent[] = [];
  const repairs: Promise<unknown>[] = [];

  beforeEach(async () => {
    drifts.length = 0;
    carriers.length = 0;
    repairs.length = 0;
    stop = new AbortController();
    world = await open();
    await world.withNodes('r1', 'r2', 'r3');
    wire = joinedWire(world, 1, 'r1', 'r2');
  });
  afterEach(async () => {
    stop.abort();
    await Promise.allSettled(repairs);
    await world.close();
  });

  const address = async (): Promise<void> => {
    for (const [node, last] of [['r1', 1], ['r2', 2]] as const) await world.inNode(node, `ip address replace 10.0.0.${last}/24 dev eth1`);
  };
  const sendFrames = async (from: string, to: string): Promise<unknown> => {
    const path = (node: string): string => `/run/netns/${world.netns(node)}`;
    const { stdout } = await exec('python3', [join(import.meta.dirname, '../link-plane/frame-echo.py'), path(from), 'eth1', path(to), 'eth1']);
    return JSON.parse(stdout);
  };
  const watchAndRepair = (): Promise<unknown> =>
    world.plane.watch(
      {
        onDrift: (drift) => {
          drifts.push(drift);
          repairs.push(world.plane.repairWire(drift.wireId));
        },
        onCarrier: (event) => carriers.push(event),
      },
      stop.signal,
    );
  const mended = (): Promise<unknown> =>
    eventually(async () => drifts.length > 0 && (await world.plane.readWires()).get(wire.id)?.up && (await world.pings('r1', '10.0.0.2')), { what: 'wire mended' });

  it('joins two nodes, says so, and changes nothing the second time', async () => {
    const first = await world.plane.ensureWires([wire]);
    expect([...first.outcomes.values()]).toMatchObject([{ ok: true, changed: true, state: { joined: true, up: true, faults: [] } }]);
    await address();
    expect(await world.pings('r1', '10.0.0.2')).toBe(true);
    const second = await world.plane.ensureWires([wire]);
    expect([...second.outcomes.values()]).toMatchObject([{ ok: true, changed: false }]);
    expect(second.linesRun).toBe(0);
  });

  it('passes every kind of frame byte by byte, both ways', async () => {
    await world.plane.ensureWires([wire]);
    expect(await sendFrames('r1', 'r2')).toEqual({ lost: [], foreign: [] });
    expect(await sendFrames('r2', 'r1')).toEqual({ lost: [], foreign: [] });
  });

  it('carries TCP, not only pings', async () => {
    await world.plane.ensureWires([wire]);
    await address();
    const listener = exec('nsenter', [`--net=/run/netns/${world.netns('r2')}`, 'python3', '-c', 'import socket\ns=socket.create_server(("10.0.0.2",5201))\nc,_=s.accept()\nn=0\nwhile d:=c.recv(65536): n+=len(d)\nprint(n)']);
    await eventually(async () => (await world.inNode('r2', 'ss -ltn')).includes(':5201'), { what: 'listener' });
    await world.inNode('r1', `python3 -c 'import socket\ns=socket.create_connection(("10.0.0.2",5201),5)\ns.sendall(b"x"*3000000)\ns.close()'`);
    expect((await listener).stdout.trim()).toBe('3000000');
  });

  it('N15: passes 9000 bytes that must not be fragmented and refuses more', async () => {
    await world.plane.ensureWires([{ ...wire, mtu: 9000 }]);
    await address();
    expect(await world.pings('r1', '10.0.0.2', '-M do -s 8972')).toBe(true);
    expect(await world.pings('r1', '10.0.0.2', '-M do -s 8973')).toBe(false);
  });

  it('keeps the host out of the lab: it neither speaks nor answers there', async () => {
    for (const node of ['r1', 'r2']) await world.inNode(node, 'sysctl -qw net.ipv6.conf.default.disable_ipv6=1');
    await world.host('ip address add 10.0.0.9/24 dev lo');
    await world.plane.ensureWires([wire]);
    await world.inNode('r1', 'ip address add 10.0.0.1/24 dev eth1');
    expect(await world.pings('r1', '10.0.0.9')).toBe(false);
    expect(await world.inNode('r1', 'ip neigh show 10.0.0.9')).not.toContain('lladdr');
    expect(await world.inNode('r1', 'cat /proc/net/dev | grep eth1 | tr -s " " | cut -d" " -f4')).toBe('0\n');
  });

  it('lets no frame cross from one wire to another', async () => {
    const other = joinedWire(world, 2, 'r3:eth1', 'r3:eth2');
    await world.plane.ensureWires([wire, other]);
    await world.inNode('r3', 'ip address add 10.0.0.2/24 dev eth1');
    await world.inNode('r1', 'ip address add 10.0.0.1/24 dev eth1');
    expect(await world.pings('r1', '10.0.0.2')).toBe(false);
  });

  it('lowers and raises carrier as ordered', async () => {
    await world.plane.ensureWires([wire]);
    await world.plane.setCarrier([{ wireId: wire.id, side: 'b', carrier: 'down' }]);
    await eventually(async () => (await readLink(world, 'r2', 'eth1')).flags.includes('NO-CARRIER'), { what: 'no carrier' });
    expect((await world.plane.readWires()).get(wire.id)).toMatchObject({ joined: true, up: false });
    await world.plane.setCarrier([{ wireId: wire.id, side: 'b', carrier: 'up' }]);
    await eventually(async () => (await world.plane.readWires()).get(wire.id)?.up, { what: 'up again' });
  });

  it.each([
    ['host end deleted', 'ip link del dev lw1.a'],
    ['other host end deleted', 'ip link del dev lw1.b'],
    ['host end set down', 'ip link set dev lw1.a down'],
    ['host end renamed', 'ip link set dev lw1.a down && ip link set dev lw1.a name oops; ip link set dev oops up || true'],
  ])('%s: seen and mended, the neighbour keeps its interface', async (_name, commands) => {
    await world.plane.ensureWires([wire]);
    await address();
    await world.plane.snapshotInner();
    await watchAndRepair();
    const neighbour = commands.includes('lw1.b') ? 'r1' : 'r2';
    const before = await readLink(world, neighbour, 'eth1');
    await world.host(commands);
    await mended();
    expect((await readLink(world, neighbour, 'eth1')).ifindex).toBe(before.ifindex);
  });

  it('joins again when a node returns in a new namespace', async () => {
    await world.plane.ensureWires([wire]);
    await world.plane.namespaces.remove([world.netns('r1')]);
    await eventually(async () => !(await world.host('ip -o link')).includes('lw1.a'), { what: 'host end gone' });
    await world.withNodes('r1');
    expect(await world.plane.repairWire(wire.id)).toMatchObject({ ok: true, state: { up: true } });
    await address();
    expect(await world.pings('r2', '10.0.0.1')).toBe(true);
  });

  it('a plane started anew adopts what is there and changes nothing', async () => {
    await world.plane.ensureWires([wire]);
    await address();
    const report = await world.restartedPlane().ensureWires([wire]);
    expect([...report.outcomes.values()]).toMatchObject([{ ok: true, changed: false, state: { up: true } }]);
    expect(await world.pings('r1', '10.0.0.2')).toBe(true);
  });

  it('removes many wires at once and leaves nothing, foreign devices untouched', async () => {
    const wires = Array.from({ length: 10 }, (_unused, index) => joinedWire(world, index + 1, `r1:eth${index + 1}`, `r2:eth${index + 1}`));
    await world.host('ip link add foreign type bridge');
    await world.plane.ensureWires(wires);
    await world.plane.removeWires(wires.map(({ id }) => id));
    const links = await world.host('ip -o link');
    expect(links).toContain('foreign');
    expect(links).not.toMatch(/lw\d/);
    expect((await world.plane.readWires()).size).toBe(0);
  });

  it('lists orphans by exact mark and removes only those named', async () => {
    const other = joinedWire(world, 2, 'r1:eth2', 'r2:eth2');
    await world.plane.ensureWires([wire, other]);
    const fresh = world.restartedPlane();
    await fresh.ensureWires([wire]);
    const orphans = await fresh.readOrphans('lw:lab:');
    expect(orphans.map(({ mark }) => mark).toSorted()).toEqual([other.a.host.mark, other.b.host.mark].toSorted());
    await fresh.removeOrphans([other.a.host.mark]);
    expect((await fresh.readOrphans('lw:lab:')).map(({ mark }) => mark)).not.toContain(other.a.host.mark);
    await address();
    expect(await world.pings('r1', '10.0.0.2')).toBe(true);
  });

  it('does not take its own changes for drift', async () => {
    await world.plane.ensureWires([wire]);
    await watchAndRepair();
    const others = [2, 3, 4].map((number) => joinedWire(world, number, `r1:eth${number}`, `r2:eth${number}`));
    await world.plane.ensureWires(others);
    await world.plane.setCarrier([{ wireId: wire.id, side: 'b', carrier: 'down' }]);
    await world.plane.setCarrier([{ wireId: wire.id, side: 'b', carrier: 'up' }]);
    await world.plane.removeWires(others.map((other) => other.id));
    await world.inNode('r1', 'ip link set dev eth1 down');
    await eventually(() => carriers.some((event) => event.side === 'a' && !event.carrier), { what: 'a later event' });
    expect(drifts).toEqual([]);
  });
});
