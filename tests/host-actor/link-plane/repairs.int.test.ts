// Whatever is done to a wire by hand is seen through the kernel's events and mended until pings pass again.
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CarrierEvent, WireDrift } from '../../../host-actor/link-plane/find-drift.ts';
import { redirectCookie } from '../../../host-actor/link-plane/host-ports.ts';
import type { JoinedWire } from '../../../host-actor/link-plane/wire.ts';
import { eventually } from '../../support/eventually.ts';
import { joinedWire, openWorld, readLink, type NetnsWorld } from './netns-world.ts';

let world: NetnsWorld;
let stop: AbortController;
let wire: JoinedWire;
const drifts: WireDrift[] = [];
const carriers: CarrierEvent[] = [];
const repairs: Promise<unknown>[] = [];

beforeEach(async () => {
  drifts.length = 0;
  carriers.length = 0;
  repairs.length = 0;
  stop = new AbortController();
  world = await openWorld();
  await world.withNodes('r1', 'r2');
  wire = joinedWire(world, 1, 'r1', 'r2');
  await world.plane.ensureWires([wire]);
  await world.inNode('r1', 'ip address add 10.0.0.1/24 dev eth1 && ip link set dev eth1 mtu 4000 address 02:00:00:00:00:0a && ip route add 10.7.0.0/16 via 10.0.0.2');
  await world.inNode('r2', 'ip address add 10.0.0.2/24 dev eth1');
});
afterEach(async () => {
  stop.abort();
  await Promise.allSettled(repairs);
  await world.close();
});

const watchAndRepair = (): ReturnType<NetnsWorld['plane']['watch']> =>
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
const redirects = async (): Promise<string> => world.host('tc -j actions ls action mirred');

describe('drift of a wire', () => {
  it.each([
    ['host end deleted', 'ip link del dev lw1.a', 'end-deleted'],
    ['other host end deleted', 'ip link del dev lw1.b', 'end-deleted'],
    ['filter removed', 'tc filter del dev lw1.a ingress', 'redirect-lost'],
    ['clsact removed', 'tc qdisc del dev lw1.b clsact', 'clsact-lost'],
    ['host end set down', 'ip link set dev lw1.a down', 'end-down'],
    ['host end renamed', 'ip link set dev lw1.a down && ip link set dev lw1.a name oops && ip link set dev oops up', 'end-(down|renamed)'],
    ['put into a bridge', 'ip link add dev brx type bridge && ip link set dev lw1.a master brx', 'wrong-master'],
  ])('%s: seen and mended, the neighbour keeps its interface', async (_name, commands, what) => {
    await watchAndRepair();
    const neighbour = commands.includes('lw1.b') ? 'r1' : 'r2';
    const before = await readLink(world, neighbour, 'eth1');
    await world.host(commands);
    await mended();
    expect(drifts.map((drift) => drift.what)).toContainEqual(expect.stringMatching(what));
    expect((await readLink(world, neighbour, 'eth1')).ifindex).toBe(before.ifindex);
    expect(await redirects()).not.toContain('"*"');
  });

  it("leaves somebody else's filter on a host end of ours where it is, and mends the redirect beside it", async () => {
    await watchAndRepair();
    await world.host('tc filter add dev lw1.a ingress protocol 0x88b7 pref 77 u32 match u32 0xaa55 0xffff at 0 flowid 1:1');
    const foreign = async (): Promise<string> => world.host('tc filter show dev lw1.a ingress pref 77');
    const before = await foreign();
    expect(before).toContain('0000aa55/0000ffff');
    await world.host('tc filter del dev lw1.a ingress pref 10');
    await mended();
    expect(drifts.map((drift) => drift.what)).toContain('redirect-lost');
    expect(await foreign()).toBe(before);
    await world.plane.ensureWires([wire]);
    expect(await foreign()).toBe(before);
  });

  it('puts MTU, MAC, addresses and routes back that the node had given its interface', async () => {
    await watchAndRepair();
    await world.inNode('r1', 'ip address add 2001:db8::7/64 dev eth1 && ip address add 10.0.5.1/24 dev eth1');
    await eventually(async () => (await world.inNode('r1', 'true')) === '' && (await savedText()).includes('10.0.5.1/24'), { what: 'inner state saved' });
    await world.inNode('r1', 'ip link del dev eth1');
    await mended();
    expect(await readLink(world, 'r1', 'eth1')).toMatchObject({ mtu: 4000, address: '02:00:00:00:00:0a' });
    const addresses = await world.inNode('r1', 'ip address show dev eth1');
    for (const address of ['10.0.0.1/24', '10.0.5.1/24', '2001:db8::7/64']) expect(addresses).toContain(address);
    expect(await world.inNode('r1', 'ip route show 10.7.0.0/16')).toContain('via 10.0.0.2 dev eth1');
  });

  it('remembers inner ends over a restart of ours', async () => {
    await world.plane.snapshotInner();
    await world.host('ip link del dev lw1.a');
    await world.restartedPlane().ensureWires([wire]);
    expect(await world.pings('r2', '10.0.0.1')).toBe(true);
  });

  it('gives the neighbour one clean flap when a node returns in a new namespace', async () => {
    await world.plane.namespaces.remove([world.netns('r1')]);
    await eventually(async () => !(await world.host('ip -o link')).includes('lw1.a'), { what: 'host end gone' });
    const before = await readLink(world, 'r2', 'eth1');
    expect(before.flags).toContain('LOWER_UP');
    expect(await redirects()).toContain('"*"');
    await world.withNodes('r1');
    const flapsBefore = await carrierChanges('r2');
    await world.plane.repairWire(wire.id);
    expect(await carrierChanges('r2')).toBe(flapsBefore + 2);
    expect((await readLink(world, 'r2', 'eth1')).ifindex).toBe(before.ifindex);
  });

  it('reports what was done while nobody watched', async () => {
    await world.host('tc filter del dev lw1.a ingress');
    // The kernel frees the action a moment after the filter; until then a read takes the redirect for whole.
    await eventually(async () => !(await redirects()).includes('"index":2,'), { what: 'action freed' });
    await watchAndRepair();
    await mended();
    expect(drifts[0]).toMatchObject({ what: 'redirect-missing', found: 'sweep' });
  });

  it('finds a redirect that points elsewhere by its sweep; the kernel sends no event for it', async () => {
    const watching = await watchAndRepair();
    await world.host(`tc actions replace action mirred egress redirect dev lo index 2 cookie ${redirectCookie('lw:lab:r1:eth1')}`);
    expect(drifts).toEqual([]);
    await watching.sweep();
    await mended();
    expect(drifts[0]).toMatchObject({ what: 'redirect-wrong', found: 'sweep' });
  });

  it('N17: sees both events of a short carrier toggle', async () => {
    await watchAndRepair();
    await world.inNode('r1', 'ip link set dev eth1 down');
    await delay(200);
    await world.inNode('r1', 'ip link set dev eth1 up');
    await eventually(() => carriers.length >= 2, { what: 'both carrier events' });
    expect(carriers.map(({ side, carrier }) => [side, carrier])).toEqual([
      ['a', false],
      ['a', true],
    ]);
    expect(drifts).toEqual([]);
  });

  it('does not take its own changes for drift', async () => {
    await watchAndRepair();
    const others = [2, 3, 4, 5].map((number) => joinedWire(world, number, `r1:eth${number}`, `r2:eth${number}`));
    await world.plane.ensureWires(others);
    await world.plane.setCarrier([{ wireId: wire.id, side: 'b', carrier: 'down' }]);
    await world.plane.setCarrier([{ wireId: wire.id, side: 'b', carrier: 'up' }]);
    await world.plane.removeWires(others.map((other) => other.id));
    await world.host('ip link add dev last type bridge');
    await world.inNode('r1', 'ip link set dev eth1 down');
    await eventually(() => carriers.some((event) => event.side === 'a' && !event.carrier), { what: 'a later event' });
    expect(drifts).toEqual([]);
  });
});

async function savedText(): Promise<string> {
  return world.host(`cat ${world.stateDir}/inner/*.json 2>/dev/null || true`);
}

/** /sys shows the namespace of whoever mounted it, so the count is asked of the kernel by netlink. */
async function carrierChanges(node: string): Promise<number> {
  const [link] = JSON.parse(await world.inNode(node, 'ip -j -d -s -s link show dev eth1')) as { stats64?: unknown; stats?: unknown }[];
  return Number(/"carrier_changes":(\d+)/.exec(JSON.stringify(link))?.[1] ?? Number.NaN);
}
