// Orders of links become wires, with the carrier that fits the life of the nodes at their ends.
import { describe, expect, it } from 'vitest';
import { heldNodes, wireOfLink, wireOfMgmt } from '../../../host-actor/wire-of-order.ts';
import type { LinkOrder, NodeOrder } from '../../../host-actor/wire-of-order.ts';
import { interfaceMark, labTokenOf } from '../../../host-actor/ownership-mark.ts';
import { wireIssues } from '../../../host-actor/link-plane/check-wire.ts';
import type { Attachment } from '../../../machines/vocabulary/effect.ts';
import { HostId, LabId, NodeId } from '../../../machines/vocabulary/ids.ts';
import { TestLab } from '../process/test-lab.ts';

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
    expect(labTokenOf(long)).toBe('lab');
    expect(labTokenOf('docker0')).toBeUndefined();
  });
});
