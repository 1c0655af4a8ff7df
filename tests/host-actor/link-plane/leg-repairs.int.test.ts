// Whatever is done by hand to the tunnel of a leg is seen through the kernel's events and mended until the far end answers again.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CarrierEvent, WireDrift } from '../../../host-actor/link-plane/find-drift.ts';
import type { VxlanWire } from '../../../host-actor/link-plane/wire.ts';
import { eventually } from '../../support/eventually.ts';
import { ensurePair, legPair, openHosts, probePair, type HostsWorld } from './hosts-world.ts';
import { readLink, type NetnsWorld } from './netns-world.ts';

let world: HostsWorld;
let host: NetnsWorld;
let pair: readonly [VxlanWire, VxlanWire];
let stop: AbortController;
const drifts: WireDrift[] = [];
const carriers: CarrierEvent[] = [];
const devices = new Set<string>();
const repairs: Promise<unknown>[] = [];

beforeEach(async () => {
  for (const list of [drifts, carriers, repairs]) list.length = 0;
  devices.clear();
  stop = new AbortController();
  world = await openHosts(2);
  for (const one of world.hosts) await one.withNodes('r');
  const [first] = world.hosts;
  if (!first) throw new Error('no host');
  host = first;
  pair = legPair(world, 1);
  await ensurePair(world, pair);
  await host.plane.watch(
    {
      onDrift: (drift) => {
        drifts.push(drift);
        repairs.push(host.plane.repairWire(drift.wireId));
      },
      onCarrier: (event) => carriers.push(event),
      onDevice: (name) => devices.add(name),
    },
    stop.signal,
  );
});
afterEach(async () => {
  stop.abort();
  await Promise.allSettled(repairs);
  await world.close();
});

const tunnel = async (): Promise<{ readonly ifindex: number; readonly linkinfo: { readonly info_data: { readonly remote: string; readonly id: number } } }> =>
  (JSON.parse(await host.host('ip -j -d link show dev lw1.x')) as Awaited<ReturnType<typeof tunnel>>[])[0] ?? Promise.reject(new Error('no tunnel'));
const mended = (): Promise<unknown> =>
  eventually(async () => drifts.length > 0 && (await host.plane.readWires()).get('lab/1')?.up && (await probePair(world, pair)).every((echo) => echo === 'ok'), { what: 'leg mended' });

describe('drift of a leg', () => {
  it.each([
    ['X02: tunnel deleted', 'ip link del lw1.x', 'end-(down|deleted)'],
    ['port deleted', 'ip link del lw1.a', 'end-deleted'],
    ['tunnel set down', 'ip link set dev lw1.x down', 'end-down'],
    ['tunnel renamed', 'ip link set dev lw1.x down && ip link set dev lw1.x name oops && ip link set dev oops up', 'end-(down|renamed)'],
    ['tunnel put into a bridge', 'ip link add brx type bridge && ip link set dev lw1.x master brx', 'wrong-master'],
    ['MTU of the tunnel changed', 'ip link set dev lw1.x mtu 1400', 'wrong-mtu'],
    ['filter of the tunnel removed', 'tc filter del dev lw1.x ingress pref 10', 'redirect-lost'],
    ['filter of the port removed', 'tc filter del dev lw1.a ingress', 'redirect-lost'],
    ['reflection removed', 'tc filter del dev lw1.x ingress pref 2', 'redirect-lost'],
    ['counter removed', 'tc filter del dev lw1.x ingress pref 3', 'redirect-lost'],
    ['clsact of the tunnel removed', 'tc qdisc del dev lw1.x clsact', 'clsact-lost'],
  ])('%s: seen and mended', async (_name, commands, what) => {
    const { ifindex } = await readLink(host, 'r', 'eth1');
    await host.host(commands);
    await mended();
    expect(drifts.map((drift) => drift.what)).toContainEqual(expect.stringMatching(what));
    // The node's interface outlives everything but its own host end.
    expect(commands === 'ip link del lw1.a' || (await readLink(host, 'r', 'eth1')).ifindex === ifindex).toBe(true);
    expect(await host.host('tc -j actions ls action mirred')).not.toContain('"*"');
    // Each filter once, whichever was lost.
    expect((await host.host('tc filter show dev lw1.x ingress | grep -c "^filter.*flowid\\|^filter.*fh 80[0-9a-f]*::"')).trim()).toBe('3');
  });

  it('another remote: pointed back in place, with index and filters kept and no flap for the node', async () => {
    const before = await tunnel();
    await host.host('ip link set dev lw1.x type vxlan id 1001 remote 10.200.0.77');
    await mended();
    expect(drifts.map((drift) => drift.what)).toEqual(['wrong-remote']);
    expect(await tunnel()).toMatchObject({ ifindex: before.ifindex, linkinfo: { info_data: { remote: '10.200.0.2', id: 1001 } } });
    expect(carriers).toEqual([]);
  });

  it('an order with another far address re-points the tunnel in place; another VNI makes a new one', async () => {
    const before = await tunnel();
    const [wire] = pair;
    const moved = await host.plane.ensureWires([{ ...wire, tunnel: { ...wire.tunnel, remote: '10.200.0.7' } }]);
    expect([...moved.outcomes.values()]).toMatchObject([{ ok: true, changed: true, state: { up: true, ends: [{}, { tunnel: { remote: '10.200.0.7', local: '10.200.0.1', vni: 1001 } }] } }]);
    expect(moved.linesRun).toBe(1);
    expect((await tunnel()).ifindex).toBe(before.ifindex);
    const renumbered = await host.plane.ensureWires([{ ...wire, tunnel: { ...wire.tunnel, vni: 4242 } }]);
    expect([...renumbered.outcomes.values()]).toMatchObject([{ ok: true, state: { up: true, ends: [{}, { tunnel: { vni: 4242 } }] } }]);
    expect(drifts).toEqual([]);
  });

  it('finds what was replaced while nobody watched: another VNI, port or family is made anew', async () => {
    stop.abort();
    for (const other of ['id 9 remote 10.200.0.2 dstport 4789', 'id 1001 remote 10.200.0.2 dstport 4790', 'id 1001 remote fd00::2 dstport 4789']) {
      await host.host(`ip link del lw1.x && ip link add lw1.x type vxlan ${other} && ip link property add dev lw1.x altname lw:lab:r0:eth1:x && ip link set dev lw1.x up`);
      expect((await host.plane.readWires()).get('lab/1')?.joined).toBe(false);
      expect(await ensurePair(world, pair)).toMatchObject([{ ok: true, changed: true, state: { up: true } }, { ok: true, changed: false }]);
      expect(await probePair(world, pair)).toEqual(['ok', 'ok']);
    }
  });

  it('X10: a device with a mark of ours that no wire claims is found and removed, one without stays', async () => {
    await host.host('ip link add stray type vxlan id 9 remote 10.200.0.2 dstport 4789 && ip link property add dev stray altname lw:lab:gone:x && ip link add foreign type vxlan id 10 remote 10.200.0.2 dstport 4789');
    expect(await host.plane.readOrphans('lw:lab:')).toMatchObject([{ device: 'stray', mark: 'lw:lab:gone:x' }]);
    await host.plane.removeOrphans(['lw:lab:gone:x']);
    expect(await host.host('ip -o link')).toMatch(/foreign/);
    expect(await host.host('ip -o link')).not.toMatch(/stray/);
  });

  it('tells devices that are nobody\'s: the underlay may be among them', async () => {
    await host.host('ip link set dev under down && ip link set dev under up');
    await eventually(() => devices.has('under'), { what: 'underlay event' });
    expect([...devices]).not.toContain('lw1.x');
    expect(drifts).toEqual([]);
  });
});
