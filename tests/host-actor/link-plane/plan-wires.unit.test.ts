// From a wanted wire and what was read to the lines that close the gap; nothing of a user's text reaches a line unchecked.
import { describe, expect, it } from 'vitest';
import { wireState } from '../../../host-actor/link-plane/assess-ports.ts';
import { isCidr, wireIssues } from '../../../host-actor/link-plane/check-wire.ts';
import { hostPortsOf, redirectCookie } from '../../../host-actor/link-plane/host-ports.ts';
import { impairmentQdisc } from '../../../host-actor/link-plane/impairment-qdisc.ts';
import { kernelState, type DeviceRead, type KernelState, type RedirectRead } from '../../../host-actor/link-plane/kernel-state.ts';
import { createKeyedLock } from '../../../host-actor/link-plane/keyed-lock.ts';
import { isEmptyPlan, planWire } from '../../../host-actor/link-plane/plan-wires.ts';
import type { JoinedWire } from '../../../host-actor/link-plane/wire.ts';

const wire: JoinedWire = {
  kind: 'joined',
  id: 'lab/l1',
  mtu: 9500,
  a: { inner: { netns: { name: 'n1' }, interface: 'eth1', mac: 'aa:c1:ab:00:00:01' }, host: { device: 'v1', mark: 'lw.lab.r1.eth1' }, actionIndex: 1 },
  b: { inner: { netns: { name: 'n2' }, interface: 'eth1' }, host: { device: 'v2', mark: 'lw.lab.r2.eth1' }, actionIndex: 2 },
};
const device = (name: string, mark: string, netnsId: number, more: Partial<DeviceRead> = {}): DeviceRead => ({
  ifindex: netnsId + 10, name, altnames: [mark], kind: 'veth', mtu: 9500, adminUp: true, carrier: true, group: 'default', netnsId, peerIfindex: 2, addrGenMode: 'none', isolated: false, qdisc: 'noqueue', ...more,
});
const redirect = (index: number, mark: string, toDevice: string, more: Partial<RedirectRead> = {}): RedirectRead => ({ index, toDevice, cookie: redirectCookie(mark), bound: 1, packets: 0, ...more });
const names = new Map([[1, new Set(['n1'])], [2, new Set(['n2'])]]);
const d1 = device('v1', 'lw.lab.r1.eth1', 1);
const d2 = device('v2', 'lw.lab.r2.eth1', 2);
const r1 = redirect(1, 'lw.lab.r1.eth1', 'v2');
const r2 = redirect(2, 'lw.lab.r2.eth1', 'v1');
const stateOf = (devices: DeviceRead[], redirects: RedirectRead[]): KernelState => kernelState(devices, redirects, names);
const texts = (lines: readonly { readonly text: string }[]): readonly string[] => lines.map((line) => line.text);

describe('plan of a wire', () => {
  it('is empty when all is as wanted', () => {
    expect(isEmptyPlan(planWire(wire, stateOf([d1, d2], [r1, r2])))).toBe(true);
    expect(wireState(hostPortsOf(wire), stateOf([d1, d2], [r1, r2]), wire.id)).toMatchObject({ joined: true, up: true, faults: [] });
  });

  it('makes inner ends first and up, redirects next, host ends up last', () => {
    const plan = planWire(wire, stateOf([], []));
    expect(texts(plan.make)).toEqual([
      'link add dev eth1 netns n1 up mtu 9500 address aa:c1:ab:00:00:01 type veth peer name v1 mtu 9500 group 1819738112',
      'link property add dev v1 altname lw.lab.r1.eth1',
      'link add dev eth1 netns n2 up mtu 9500 type veth peer name v2 mtu 9500 group 1819738112',
      'link property add dev v2 altname lw.lab.r2.eth1',
    ]);
    expect(texts(plan.redirect)).toEqual([
      'qdisc add dev v1 clsact',
      `filter add dev v1 ingress protocol all pref 10 u32 match u32 0 0 action mirred egress redirect dev v2 index 1 cookie ${redirectCookie('lw.lab.r1.eth1')}`,
      'qdisc add dev v2 clsact',
      `filter add dev v2 ingress protocol all pref 10 u32 match u32 0 0 action mirred egress redirect dev v1 index 2 cookie ${redirectCookie('lw.lab.r2.eth1')}`,
    ]);
    expect(texts(plan.raise)).toEqual(['link set dev v1 up addrgenmode none group default nomaster', 'link set dev v2 up addrgenmode none group default nomaster']);
  });

  it('for one lost end: lowers the other, rebinds its redirect in place, raises both', () => {
    const plan = planWire(wire, stateOf([d2], [redirect(2, 'lw.lab.r2.eth1', '*')]));
    expect(texts(plan.make).at(-1)).toBe('link set dev v2 down');
    expect(texts(plan.redirect).at(-1)).toBe(`actions replace action mirred egress redirect dev v1 index 2 cookie ${redirectCookie('lw.lab.r2.eth1')}`);
    expect(plan.raise).toHaveLength(2);
  });

  it('for a lost redirect: touches no carrier', () => {
    const plan = planWire(wire, stateOf([d1, d2], [r2]));
    expect([plan.make, plan.raise, plan.inner]).toEqual([[], [], []]);
    expect(texts(plan.redirect)[0]).toBe('qdisc replace dev v1 clsact');
  });

  it.each([
    ['a device of that name without our mark', [device('v1', 'lw.lab.r1.eth10', 1), d2], [r1, r2], 'name-taken'],
    ['an action of that number of somebody else', [d1, d2], [redirect(1, 'theirs', 'v9'), r2], 'index-taken'],
  ])('touches nothing where there is %s', (_what, devices, redirects, kind) => {
    const plan = planWire(wire, stateOf(devices, redirects));
    expect(plan.refusal?.kind).toBe(kind);
    expect(isEmptyPlan(plan)).toBe(true);
  });

  it.each([
    ['lowered by hand', [{ ...d1, adminUp: false }, d2], 'end-down'],
    ['in a bridge', [{ ...d1, master: 'br0' }, d2], 'wrong-master'],
    ['with another MTU', [{ ...d1, mtu: 1500 }, d2], 'wrong-mtu'],
    ['talking IPv6', [{ ...d1, addrGenMode: 'eui64' }, d2], 'talks-ipv6'],
    ['leading into another namespace', [{ ...d1, netnsId: 7 }, d2], 'end-stale'],
    ['under another name', [{ ...d1, name: 'w1' }, d2], 'end-renamed'],
    ['half made', [{ ...d1, altnames: [], group: '1819738112' }, d2], 'end-half-made'],
    ['shaped by somebody', [{ ...d1, qdisc: 'netem' }, d2], 'wrong-impairment'],
  ])('sees a host end %s', (_what, devices, kind) => {
    const state = stateOf(devices, [r1, r2]);
    expect(wireState(hostPortsOf(wire), state, wire.id).faults.map((fault) => fault.kind)).toContain(kind);
    expect(isEmptyPlan(planWire(wire, state))).toBe(false);
  });

  it('knows one namespace under all of its names', () => {
    const state = kernelState([d1, d2], [r1, r2], new Map([[1, new Set(['alias', 'n1'])], [2, new Set(['n2'])]]));
    expect(isEmptyPlan(planWire(wire, state))).toBe(true);
  });
});

describe('words of a wire', () => {
  it('accepts a good wire', () => {
    expect(wireIssues(wire)).toEqual([]);
  });

  it.each([
    ['interface', { interface: 'eth1 up' }],
    ['interface', { interface: 'a'.repeat(16) }],
    ['interface', { interface: 'eth%d' }],
    ['interface', { interface: '-n' }],
    ['namespace', { netns: { name: "x'; reboot #" } }],
    ['namespace', { netns: { path: '/proc/../etc' } }],
    ['mac', { mac: 'AA:bb' }],
    ['address', { addresses: ['10.0.0.1'] }],
    ['address', { addresses: ['10.0.0.1/33'] }],
    ['route', { routes: [{ to: 'default\nlink del eth0' }] }],
    ['gateway', { routes: [{ to: 'default', via: 'gw' }] }],
    ['bridge', { bridge: 'br 0' }],
  ])('refuses a bad %s', (what, inner) => {
    expect(wireIssues({ ...wire, a: { ...wire.a, inner: { ...wire.a.inner, ...inner } } }).join()).toContain(what);
  });

  it('refuses marks, numbers and MTUs that the kernel would not take', () => {
    expect(wireIssues({ ...wire, a: { ...wire.a, host: { device: 'v1', mark: 'a/b' } } })).toHaveLength(1);
    expect(wireIssues({ ...wire, a: { ...wire.a, host: { device: 'v1', mark: 'm'.repeat(128) } } })).toHaveLength(1);
    expect(wireIssues({ ...wire, a: { ...wire.a, actionIndex: 0 } })).toHaveLength(1);
    expect(wireIssues({ ...wire, a: { ...wire.a, actionIndex: 2 } })).toHaveLength(1);
    expect(wireIssues({ ...wire, mtu: 10 })).toHaveLength(1);
    expect([isCidr('::1/128'), isCidr('::1/129'), isCidr('1.2.3.4/32/1')]).toEqual([true, false, false]);
  });
});

describe('cookies', () => {
  it('are at most 16 bytes and differ for marks of which one begins the other', () => {
    expect(redirectCookie('lw.lab.r1')).toHaveLength(32);
    expect(redirectCookie('lw.lab.r1')).not.toBe(redirectCookie('lw.lab.r10'));
  });
});

describe('impairments', () => {
  it.each([
    [undefined, undefined],
    [{}, undefined],
    [{ rateKbps: 10_000 }, 'tbf rate 10000kbit burst 19000 latency 50ms'],
    [{ rateKbps: 1_000_000 }, 'tbf rate 1000000kbit burst 1250000 latency 50ms'],
    [{ delayMs: 20, jitterMs: 1.5, lossPercent: 0.1, rateKbps: 512 }, 'netem delay 20ms 1.5ms loss 0.1% rate 512kbit'],
    [{ corruptionPercent: 1, duplicationPercent: 2 }, 'netem corrupt 1% duplicate 2%'],
  ])('%j becomes %s', (impairment, words) => {
    expect(impairmentQdisc(impairment, 9500)?.words).toBe(words);
  });
});

describe('keyed lock', () => {
  it('lets different keys overlap and the same key wait, also after a failure', async () => {
    const lock = createKeyedLock();
    const seen: string[] = [];
    let release = (): void => undefined;
    const first = lock.hold(['a', 'b'], async () => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      seen.push('first');
      throw new Error('broken');
    });
    const second = lock.hold(['b'], async () => void seen.push('second'));
    await lock.hold(['c'], async () => void seen.push('other'));
    release();
    await expect(first).rejects.toThrow('broken');
    await second;
    expect(seen).toEqual(['other', 'first', 'second']);
  });
});
