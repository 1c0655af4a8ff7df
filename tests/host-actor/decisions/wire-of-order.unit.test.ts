// Orders of links become wires, with the carrier that fits the life of the nodes at their ends.
import { describe, expect, it } from 'vitest';
import { heldNodes, wireOfLink, wireOfMgmt } from '../../../host-actor/wire-of-order.ts';
import type { LinkOrder, NodeOrder } from '../../../host-actor/wire-of-order.ts';
import { interfaceMark, labOfMark } from '../../../host-actor/ownership-mark.ts';
import { wireIssues } from '../../../host-actor/link-plane/check-wire.ts';
import type { Attachment } from '../../../machines/vocabulary/effect.ts';
import { HostId, LabId, NodeId } from '../../../machines/vocabulary/ids.ts';
import { TestLab } from '../process/test-lab.ts';

const HOST = HostId.parse('h');
const lab = new TestLab({ name: 'l', host: HostId.parse('h'), number: 1, nodes: ['a', 'b'] });
const around = (...away: string[]) => ({ netnsOf: ({ netns }: Attachment) => (netns === undefined ? 'host' as const : { name: netns }), isAway: (node: NodeId) => away.includes(node) });
const link = (more: Partial<LinkOrder> = {}) => ({ ...lab.link('link.ensure', 0, ['a:eth1', 'b:eth1']), ...more }) as LinkOrder;

describe('wire of a link', () => {
  it('carries an impairment, and none where all its values are nothing', () => {
    expect(wireOfLink(link({ impairment: { delayMs: 0 } } as Partial<LinkOrder>), around()).impairment).toBeUndefined();
    expect(wireOfLink(link({ impairment: { rateKbps: 1000 } } as Partial<LinkOrder>), around()).impairment).toEqual({ rateKbps: 1000 });
  });

  it('joins two nodes by their leases', () => {
    const wire = wireOfLink(link(), around());
    expect(wire).toMatchObject({
      kind: 'joined', mtu: 9500,
      a: { inner: { netns: { name: 'clab-l-a' }, interface: 'eth1', addresses: ['10.214.0.1/24'] }, host: { device: 'tha1p0', mark: 'lw.h.l.a.eth1', carrier: 'up' }, actionIndex: 1500 },
      b: { host: { device: 'tha1p1', mark: 'lw.h.l.b.eth1', carrier: 'up' }, actionIndex: 1501 },
    });
    expect(wireIssues(wire)).toEqual([]);
  });

  it('takes carrier from the neighbour of a node whose process is away', () => {
    expect(wireOfLink(link(), around('b'))).toMatchObject({ a: { host: { carrier: 'down' } }, b: { host: { carrier: 'up' } } });
    expect(heldNodes(link(), (node) => node === 'b')).toEqual(['b']);
  });

  it('N16: is down at both ends when the wish is down', () => {
    expect(wireOfLink(link({ admin: 'down' } as Partial<LinkOrder>), around())).toMatchObject({ a: { host: { carrier: 'down' } }, b: { host: { carrier: 'down' } } });
  });

  it('plugs a node into a bridge, the host, the management bridge, whichever end comes first', () => {
    const order = link();
    const far = (end: Attachment['end']) => wireOfLink({ ...order, a: { end }, b: order.b } as LinkOrder, around());
    expect(far({ at: 'bridge', node: NodeId.parse('br1'), bridge: 'br1', interface: 'br1p1' })).toMatchObject({ kind: 'bridge', bridge: 'br1', host: { device: 'br1p1' }, inner: { interface: 'eth1' } });
    expect(far({ at: 'host', interface: 'lw-h1' })).toMatchObject({ kind: 'host', host: { device: 'lw-h1' }, inner: { netns: { name: 'clab-l-b' } } });
    expect(far({ at: 'mgmt-net', interface: 'lw-m1' })).toMatchObject({ kind: 'bridge', bridge: 'tha-br1', host: { device: 'lw-m1' } });
    expect(far({ at: 'dummy' })).toMatchObject({ kind: 'dummy', inner: { interface: 'eth1' } });
  });

  it('X04: is a leg with the numbers that the supervisor leased, on each of two hosts', () => {
    const tunnelEnd = (n: number) => ({ device: `lwx.${n}`, index: 10 * n + 1, reflect: 10 * n + 2, count: 10 * n + 3, vtep: `192.0.2.${n}` });
    const order = link();
    const plan = { ...order.plan, mtu: 1450, far: { host: HostId.parse('g'), tunnel: { vni: 77, udpPort: 4789, a: tunnelEnd(1), b: tunnelEnd(2), fragmented: false } } };
    const leg = (side: 'a' | 'b', farAway = '') => wireOfLink({ ...order, plan, leg: { side, farHost: HostId.parse('g'), farAway } } as LinkOrder, around());
    const [first, second] = [leg('a'), leg('b')];
    expect(first).toMatchObject({
      kind: 'vxlan', mtu: 1450, actionIndex: 1500, inner: { netns: { name: 'clab-l-a' }, interface: 'eth1' }, host: { device: 'tha1p0', mark: 'lw.h.l.a.eth1', carrier: 'up' },
      tunnel: { device: 'lwx.1', mark: 'lw.h.l.a.eth1=2Fvxlan', vni: 77, udpPort: 4789, local: '192.0.2.1', remote: '192.0.2.2', actionIndex: 11, echo: { role: 'first', reflectIndex: 12, countIndex: 13 } },
    });
    expect(second).toMatchObject({ actionIndex: 1501, inner: { netns: { name: 'clab-l-b' } }, tunnel: { device: 'lwx.2', local: '192.0.2.2', remote: '192.0.2.1', echo: { role: 'second' } } });
    expect([...wireIssues(first), ...wireIssues(second)]).toEqual([]);
    const marks = [first, second].map((wire) => (wire.kind === 'vxlan' ? wire.tunnel.mark : ''));
    // X15: of a link that was all here, the end of the node that moved away stays on a switch when its namespace is gone.
    expect([first.formerMarks, second.formerMarks, wireOfLink(order as LinkOrder, around()).formerMarks]).toEqual([[marks[1], 'lw.h.l.b.eth1'], [marks[0], 'lw.h.l.a.eth1'], marks]);
    expect(leg('a', 'node b does not run')).toMatchObject({ host: { carrier: 'down' } });
    expect(() => wireOfLink({ ...order, leg: { side: 'a', farHost: HostId.parse('g'), farAway: '' } } as LinkOrder, around())).toThrow(/no tunnel/);
  });

  it('is a tunnel to a foreign device, stitched or the interface itself, by the way that the host has to it', () => {
    const order = link();
    const end = (stitch: boolean) => ({ at: 'vxlan' as const, remote: 'far.test', vni: 5, udpPort: 14_789, srcPort: 6000, stitch });
    const places = { ...around(), placeOfRemote: () => ({ address: '192.0.2.9', parent: 'under' }) };
    const stitched = wireOfLink({ ...order, b: { end: end(true) } } as LinkOrder, places);
    expect(stitched).toMatchObject({
      kind: 'vxlan', host: { device: 'tha1p0', alias: 've-a_eth1' }, actionIndex: 1500,
      tunnel: { device: 'tha1p1', actionIndex: 1501, vni: 5, udpPort: 14_789, srcPort: 6000, remote: '192.0.2.9', parent: 'under', foreign: true, alias: 'vx-a_eth1' },
    });
    expect(stitched.kind === 'vxlan' && stitched.tunnel.echo).toBeUndefined();
    const inside = wireOfLink({ ...order, b: { end: end(false) } } as LinkOrder, places);
    expect(inside).toMatchObject({ kind: 'inner-vxlan', fixedMtu: false, inner: { interface: 'eth1' }, path: { remote: '192.0.2.9', parent: 'under' } });
    expect([...wireIssues(stitched), ...wireIssues(inside)]).toEqual([]);
    expect(wireIssues(wireOfLink({ ...order, b: { end: end(true) } } as LinkOrder, around()))).toEqual(['remote address is not usable: "far.test"']);
  });

  it('gives the management interface its addresses and ways out', () => {
    const order = lab.node('node.prepare', 'a') as NodeOrder;
    expect(wireOfMgmt(order, { name: 'x' })).toMatchObject({ kind: 'bridge', bridge: 'tha-br1', inner: { interface: 'eth0', addresses: ['10.213.1.10/24'], routes: [{ to: 'default', via: '10.213.1.1' }] } });
    expect(wireOfMgmt(order, { name: 'x' }, 'br-real')).toMatchObject({ bridge: 'br-real' });
    expect(wireOfMgmt(order, undefined)).toBeUndefined();
  });
});

const mark = (of: string, node: string, name: string) => interfaceMark({ host: HostId.parse('h'), lab: LabId.parse(of) }, NodeId.parse(node), name);

describe('mark', () => {
  it('D06: is exact: no mark of one node begins another one\'s', () => {
    const [one, ten] = [mark('l', 'r1', 'eth1'), mark('l', 'r10', 'eth1')];
    expect(ten.startsWith(one)).toBe(false);
    expect(mark('l.x', 'r', 'eth1')).not.toBe(mark('l', 'x.r', 'eth1'));
  });

  it('fits the kernel however long the names are, and names its lab', () => {
    const long = mark('lab', 'n'.repeat(200), 'eth1');
    expect(long.length).toBeLessThanOrEqual(127);
    expect(long).not.toBe(mark('lab', 'n'.repeat(200), 'eth2'));
    expect(labOfMark(HOST, long)).toBe('lab');
    expect(labOfMark(HOST, mark('l'.repeat(200), 'r1', 'eth1'))).toBeUndefined();
    expect(labOfMark(HOST, 'docker0')).toBeUndefined();
    expect(labOfMark(HostId.parse('other'), long)).toBeUndefined();
  });
});
