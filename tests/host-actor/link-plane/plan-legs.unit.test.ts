// Lines for legs: what is made in which order, what is mended in place, and what a probe looks like on the wire.
import { describe, expect, it } from 'vitest';
import { tunnelFault } from '../../../host-actor/link-plane/assess-ports.ts';
import { wireIssues } from '../../../host-actor/link-plane/check-wire.ts';
import { echoPacket, echoWord } from '../../../host-actor/link-plane/echo-frame.ts';
import { hostPortsOf, redirectCookie } from '../../../host-actor/link-plane/host-ports.ts';
import { kernelState, type DeviceRead, type KernelState, type RedirectRead } from '../../../host-actor/link-plane/kernel-state.ts';
import { planWire } from '../../../host-actor/link-plane/plan-wires.ts';
import type { VxlanWire } from '../../../host-actor/link-plane/wire.ts';

const leg: VxlanWire = {
  kind: 'vxlan',
  id: 'lab/l1',
  mtu: 1450,
  inner: { netns: { name: 'n1' }, interface: 'eth1' },
  host: { device: 'v1', mark: 'lw.v1' },
  actionIndex: 1,
  tunnel: { device: 'x1', mark: 'lw.x1', vni: 1001, udpPort: 4789, local: '10.200.0.1', remote: '10.200.0.2', actionIndex: 2, echo: { role: 'first', reflectIndex: 3, countIndex: 4 } },
};
const device = (name: string, mark: string, more: Partial<DeviceRead>): DeviceRead => ({ ifindex: 7, name, altnames: [mark], kind: 'veth', mtu: 1450, adminUp: true, carrier: true, group: 'default', addrGenMode: 'none', isolated: false, qdisc: 'noqueue', ...more });
const port = device('v1', 'lw.v1', { netnsId: 1, peerIfindex: 2 });
const tunnel = device('x1', 'lw.x1', { kind: 'vxlan', tunnel: { vni: 1001, udpPort: 4789, remote: '10.200.0.2', local: '10.200.0.1' } });
const redirect = (index: number, owner: string, toDevice: string): RedirectRead => ({ index, toDevice, cookie: redirectCookie(owner), bound: 1, packets: 0 });
const redirects = [redirect(1, 'lw.v1', 'x1'), redirect(2, 'lw.x1', 'v1'), redirect(3, 'lw.x1 reflect', 'x1'), redirect(4, 'lw.x1 count', 'lo')];
const stateOf = (devices: DeviceRead[], actions = redirects): KernelState => kernelState(devices, actions, new Map([[1, new Set(['n1'])]]));
const texts = (lines: readonly { readonly text: string }[]): readonly string[] => lines.map((line) => line.text);

describe('plan of a leg', () => {
  it('makes both devices down, joins them, opens the tunnel, and only then raises the port', () => {
    const plan = planWire(leg, stateOf([], []));
    expect(texts([...plan.make, ...plan.tunnels])).toEqual([
      'link add dev eth1 netns n1 up mtu 1450 type veth peer name v1 mtu 1450 group 1819738112',
      'link property add dev v1 altname lw.v1',
      'link add dev x1 mtu 1450 group 1819738112 type vxlan id 1001 local 10.200.0.1 remote 10.200.0.2 dstport 4789 nolearning df unset',
      'link set dev x1 addrgenmode none',
      'link property add dev x1 altname lw.x1',
    ]);
    expect(texts(plan.redirect)).toEqual([
      'qdisc add dev v1 clsact',
      `filter add dev v1 ingress protocol all pref 10 u32 match u32 0 0 action mirred egress redirect dev x1 index 1 cookie ${redirectCookie('lw.v1')}`,
      'qdisc add dev x1 clsact',
      `filter add dev x1 ingress protocol 0x88b6 pref 2 u32 match u32 0x6c776543 0xffffffff at 0 match u32 0x3e9 0xffffffff at 4 action mirred egress redirect dev x1 index 3 cookie ${redirectCookie('lw.x1 reflect')}`,
      `filter add dev x1 ingress protocol 0x88b5 pref 3 u32 match u32 0x6c776543 0xffffffff at 0 match u32 0x3e9 0xffffffff at 4 action mirred egress redirect dev lo index 4 cookie ${redirectCookie('lw.x1 count')}`,
      `filter add dev x1 ingress protocol all pref 10 u32 match u32 0 0 action mirred egress redirect dev v1 index 2 cookie ${redirectCookie('lw.x1')}`,
    ]);
    expect(texts(plan.open)).toEqual(['link set dev x1 up group default']);
    expect(texts(plan.raise)).toEqual(['link set dev v1 up addrgenmode none group default nomaster']);
  });

  it('mends in place what can be: one line for another remote, one filter for a lost one', () => {
    const moved = planWire(leg, stateOf([port, { ...tunnel, tunnel: { vni: 1001, udpPort: 4789, remote: '10.200.0.9', local: '10.200.0.1' } }]));
    expect([texts([...moved.make, ...moved.tunnels]), moved.remove, texts(moved.raise)]).toEqual([['link set dev x1 type vxlan id 1001 remote 10.200.0.2 local 10.200.0.1'], [], []]);
    const lost = planWire(leg, stateOf([port, tunnel]), { bornWith: () => ({}), isRedirectLost: (_port, one) => one.index === 3, shapedAs: () => undefined });
    expect(texts(lost.redirect).map((line) => line.split(' ').slice(0, 7).join(' '))).toEqual(['qdisc replace dev x1 clsact', 'filter add dev x1 ingress protocol 0x88b6', 'actions replace action mirred egress redirect dev']);
    expect(texts([...lost.make, ...lost.tunnels, ...lost.raise])).toEqual([]);
  });

  it('X15: removes a tunnel that it had while its ends were elsewhere, and touches nothing else', () => {
    const left = device('x9', 'lw.x9', { ifindex: 9, kind: 'vxlan', tunnel: { vni: 9, udpPort: 4789, remote: '10.200.0.3', local: '10.200.0.1' } });
    const plan = planWire({ ...leg, formerMarks: ['lw.x8', 'lw.x9'] }, stateOf([port, tunnel, left]));
    expect(plan).toEqual({ ...planWire(leg, stateOf([port, tunnel])), remove: ['x9'] });
    expect(planWire(leg, stateOf([port, tunnel, left])).remove).toEqual([]);
  });

  it('makes a tunnel of another VNI or port anew, with the port down until it is joined again', () => {
    for (const read of [{ vni: 1, udpPort: 4789 }, { vni: 1001, udpPort: 8472 }]) {
      const plan = planWire(leg, stateOf([port, { ...tunnel, tunnel: { remote: '10.200.0.2', local: '10.200.0.1', ...read } }]));
      expect(plan.remove).toEqual(['x1']);
      expect(texts(plan.make)[0]).toBe('link set dev v1 down');
      expect(texts([...plan.open, ...plan.raise])).toEqual(['link set dev x1 up group default', 'link set dev v1 up addrgenmode none group default nomaster']);
    }
  });

  it('leaves learning, MTU and the way to the kernel where the far end is foreign, and probes nothing', () => {
    const { echo: _echo, local: _local, ...rest } = leg.tunnel;
    const foreign: VxlanWire = { ...leg, tunnel: { ...rest, parent: 'under', srcPort: 6000, foreign: true, alias: 'vx-r1_eth1' } };
    const plan = planWire(foreign, stateOf([], []));
    expect(texts(plan.tunnels)).toEqual([
      'link add dev x1 group 1819738112 type vxlan id 1001 remote 10.200.0.2 dev under dstport 4789 srcport 6000 6001 df unset',
      'link set dev x1 addrgenmode none', 'link property add dev x1 altname lw.x1', 'link property add dev x1 altname vx-r1_eth1',
    ]);
    expect(plan.tunnels.at(-1)?.mayFail).toBe(true);
    expect(plan.redirect).toHaveLength(4);
    expect(hostPortsOf(foreign)[1]).toMatchObject({ mtu: undefined, probes: [] });
  });

  it.each([
    [{ vni: 0 }, 'VNI'], [{ vni: 2 ** 24 }, 'VNI'], [{ udpPort: 70_000 }, 'UDP port'], [{ remote: 'host; reboot' }, 'remote address'], [{ remote: 'fe80::1%eth0' }, 'remote address'],
    [{ local: 'fd00::1' }, 'local address'], [{ parent: 'a b' }, 'underlay interface'], [{ actionIndex: 1 }, 'two redirects'],
  ])('refuses %j', (words, what) => {
    expect(wireIssues({ ...leg, tunnel: { ...leg.tunnel, ...words } })).toContainEqual(expect.stringContaining(what));
  });
});

it('addresses of IPv6 underlays are compared as addresses', () => {
  const wanted = { ...leg.tunnel, local: 'fd00:0::1', remote: 'FD00::0002' };
  expect(tunnelFault(wanted, { vni: 1001, udpPort: 4789, local: 'fd00::1', remote: 'fd00::2' })).toBeUndefined();
  expect(tunnelFault(wanted, { vni: 1001, udpPort: 4789, local: 'fd00::1', remote: 'fd00::3' })?.kind).toBe('wrong-remote');
  expect(tunnelFault(wanted, { vni: 1001, udpPort: 4789, local: '10.200.0.1', remote: '10.200.0.2' })?.kind).toBe('end-stale');
});

it('a tunnel that leaves by another device than it should is made anew; one that does not say is left', () => {
  const wanted = { ...leg.tunnel, parent: 'ens4' };
  const read = { vni: wanted.vni, udpPort: wanted.udpPort, local: wanted.local ?? '', remote: wanted.remote };
  expect(tunnelFault(wanted, { ...read, parent: 'ens5' })?.kind).toBe('end-stale');
  expect(tunnelFault(wanted, { ...read, parent: 'ens4' })).toBeUndefined();
  expect(tunnelFault(wanted, read)).toBeUndefined();
});

it('a probe is a VXLAN packet with a frame as large as the link allows', () => {
  const packet = echoPacket({ vni: 0x0103e9, mtu: 1450, role: 'second' });
  expect(packet).toHaveLength(8 + 14 + 1450);
  expect(packet.subarray(0, 8).toString('hex')).toBe('080000000103e900');
  expect(packet.subarray(20, 30).toString('hex')).toBe('88b66c776543000103e9');
  expect(echoPacket({ vni: 1, mtu: 65_535, role: 'first' })).toHaveLength(65_507);
});

it('a probe between a pair of hosts bears who is asked and who asks, and an address that is the pair\'s alone, so that it can be sent back', () => {
  const [there, back] = [{ from: '10.0.0.1', to: '10.0.0.2' }, { from: '10.0.0.2', to: '10.0.0.1' }].map((pair) => echoPacket({ vni: 77, mtu: 1450, pair }));
  const addresses = [there, back].flatMap((packet) => [packet?.toString('hex', 8, 14), packet?.toString('hex', 14, 20)]);
  expect(addresses[0]).toMatch(/^02/);
  expect([addresses[1], addresses[3], new Set(addresses).size]).toEqual([addresses[0], addresses[2], 2]);
  const [one, two] = ['10.0.0.1', '10.0.0.2'].map((address) => echoWord(address).toString(16).padStart(8, '0'));
  expect(there?.toString('hex', 20, 38)).toBe(`88b56c7765430000004d${two}${one}`);
  expect(back?.toString('hex', 30, 38)).toBe(`${one}${two}`);
});
