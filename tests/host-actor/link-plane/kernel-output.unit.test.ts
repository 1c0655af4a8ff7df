// What ip, tc and their monitors print, read into data.
import { describe, expect, it } from 'vitest';
import { parseBatchFailures } from '../../../host-actor/link-plane/batch-failures.ts';
import { InnerState, parseInnerStates, restoreLines } from '../../../host-actor/link-plane/inner-state.ts';
import { kernelState, parseActions, parseIpOutput } from '../../../host-actor/link-plane/kernel-state.ts';
import { parseIpMonitorLine, parseTcMonitorLine } from '../../../host-actor/link-plane/monitor-line.ts';

describe('complaints of a batch', () => {
  it('gives each failed line the reason printed before it, without noise', () => {
    const stderr = 'RTNETLINK answers: File exists\nCommand failed -:2\nError: Specified qdisc kind is unknown.\nWe have an error talking to the kernel\nCommand failed -:9\n';
    expect(parseBatchFailures(stderr)).toEqual({
      failures: [
        { line: 2, reason: 'File exists' },
        { line: 9, reason: 'Specified qdisc kind is unknown.' },
      ],
      trailing: '',
    });
  });

  it('keeps what was printed last when a line could not be parsed', () => {
    expect(parseBatchFailures('Cannot find device "x"\nCommand failed -:1\nError: argument "nons" is wrong: Invalid "netns" value\n\n').trailing).toBe('argument "nons" is wrong: Invalid "netns" value');
  });

  it('takes the note about a namespace that has gone for no complaint', () => {
    expect(parseBatchFailures('Error: Peer netns reference is invalid.\n')).toEqual({ failures: [], trailing: '' });
  });
});

describe('devices and redirects', () => {
  const veth = '{"ifindex":3,"link_index":2,"ifname":"v1","flags":["BROADCAST","UP","LOWER_UP"],"mtu":9500,"qdisc":"noqueue","group":"default","link_netnsid":4,"linkinfo":{"info_kind":"veth"},"inet6_addr_gen_mode":"none","altnames":["lw.a","lw.b"]}';

  it('reads a device and finds it by name and by each mark, exactly', () => {
    const { devices } = parseIpOutput(`[{},${veth}]`);
    const state = kernelState(devices, [], new Map());
    expect(state.devices.get('v1')).toMatchObject({ ifindex: 3, peerIfindex: 2, netnsId: 4, adminUp: true, carrier: true, kind: 'veth', addrGenMode: 'none' });
    expect(state.byMark.get('lw.b')?.name).toBe('v1');
    expect(state.byMark.get('lw.')).toBeUndefined();
  });

  it('reads a batch, which prints one array a line, and nothing for what is not there', () => {
    const read = parseIpOutput(`[${veth}]\n[{"nsid":0,"name":"n1"},{"nsid":4,"name":"n2"}]\n`);
    expect(read.devices).toHaveLength(1);
    expect([...read.netnsNames]).toEqual([[0, 'n1'], [4, 'n2']]);
    expect(parseIpOutput('')).toEqual({ devices: [], netnsNames: new Map() });
  });

  it('reads actions out of the list in which tc hides them', () => {
    const stdout = '[{"total acts":1},{"actions":[{"kind":"mirred","to_dev":"*","index":7,"ref":1,"bind":1,"cookie":"6c77"}]},{"total acts":1},{"actions":[{"kind":"mirred","to_dev":"v2","index":8,"ref":2,"bind":0,"stats":{"bytes":60,"packets":2}}]}]\n';
    expect(parseActions(stdout)).toEqual([
      { index: 7, toDevice: '*', cookie: '6c77', bound: 1, packets: 0 },
      { index: 8, toDevice: 'v2', cookie: '', bound: 0, packets: 2 },
    ]);
  });
});

describe('monitor lines', () => {
  it.each([
    ['[nsid current]2: v1@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master br0 state UP group default \\    link/ether', { kind: 'link', deleted: false, dying: false, ifindex: 2, name: 'v1', adminUp: true, carrier: true, mtu: 1500, master: 'br0' }],
    ['2: w1@NONE: <BROADCAST,MULTICAST> mtu 1500 qdisc noqueue state DOWN group default \\', { kind: 'link', deleted: false, dying: true, ifindex: 2, name: 'w1', adminUp: false, carrier: false, mtu: 1500 }],
    ['[nsid current]Deleted 2: w1@NONE: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN', { kind: 'link', deleted: true, dying: true, ifindex: 2, name: 'w1', adminUp: false, carrier: false, mtu: 1500 }],
    ['[nsid 12]7: eth1@if2: <NO-CARRIER,BROADCAST,UP> mtu 1400 qdisc noqueue state DOWN', { kind: 'link', netnsId: 12, deleted: false, dying: false, ifindex: 7, name: 'eth1', adminUp: true, carrier: false, mtu: 1400 }],
    ['[nsid 0]2: v1    inet 10.1.1.1/24 scope global eth1\\       valid_lft forever preferred_lft forever', { kind: 'address', ifindex: 2, netnsId: 0 }],
    ['[nsid 0]Deleted 2: if2    inet6 fe80::1/64 scope link tentative \\       valid_lft', { kind: 'address', ifindex: 2, netnsId: 0 }],
    [
      '3: x1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UNKNOWN group default \\    link/ether 56:23:6d:48:c4:f2 brd ff:ff:ff:ff:ff:ff promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535 \\    vxlan id 1001 remote 10.200.0.7 local 10.200.0.1 srcport 0 0 dstport 4789 nolearning ttl auto ageing 300',
      { kind: 'link', deleted: false, dying: false, ifindex: 3, name: 'x1', adminUp: true, carrier: true, mtu: 1500, tunnel: { vni: 1001, udpPort: 4789, remote: '10.200.0.7', local: '10.200.0.1' } },
    ],
    ['[nsid unknown]2: v1@if2: <UP> mtu 1500', undefined],
    ['nsid 3 (iproute2 netns name: n1)', undefined],
    ['', undefined],
  ])('%s', (line, event) => {
    expect(parseIpMonitorLine(line)).toEqual(event);
  });

  it('sees a filter and a clsact go, not a chain', () => {
    expect(parseTcMonitorLine('deleted filter dev v1 ingress protocol all pref 10 u32 chain 0 ')).toEqual({ kind: 'filter-deleted', device: 'v1', pref: 10 });
    expect(parseTcMonitorLine('deleted filter dev x1 ingress protocol [34998] pref 3 u32 chain 0 ')).toEqual({ kind: 'filter-deleted', device: 'x1', pref: 3 });
    expect(parseTcMonitorLine('deleted qdisc clsact ffff: dev v1 parent ffff:fff1 refcnt 0 ')).toEqual({ kind: 'clsact-deleted', device: 'v1' });
    expect(parseTcMonitorLine('deleted chain dev v1 parent ffff: chain 0 ')).toBeUndefined();
    expect(parseTcMonitorLine('added filter dev v1 ingress protocol all pref 10 u32 chain 0')).toBeUndefined();
  });
});

describe('state inside a node', () => {
  const addresses = [
    { ifname: 'eth1', mtu: 1400, address: '02:00:00:00:00:01', master: 'br0', addr_info: [{ local: '10.0.0.1', prefixlen: 24, scope: 'global' }, { local: '10.0.0.9', address: '10.0.0.10', prefixlen: 32, scope: 'global' }, { local: '2001:db8::1', prefixlen: 64, scope: 'global' }, { local: '10.9.9.9', prefixlen: 24, dynamic: true }] },
  ];
  const routes = [
    { dst: 'default', gateway: '10.0.0.2', dev: 'eth1', flags: [] },
    { dst: '10.0.0.0/24', dev: 'eth1', protocol: 'kernel', scope: 'link', flags: [] },
    { dst: '10.5.0.0/16', gateway: '10.0.0.3', dev: 'eth1', protocol: 'bgp', flags: [] },
    { dst: '10.7.0.0/16', dev: 'eth1', scope: 'link', table: '100', metric: 30, prefsrc: '10.0.0.1', flags: [] },
    { dst: '10.8.0.0/16', flags: [], nexthops: [{ gateway: '10.0.0.2', dev: 'eth1', weight: 1, flags: [] }, { gateway: '10.0.0.3', dev: 'eth2', weight: 1, flags: [] }] },
    { type: 'blackhole', dst: '10.99.0.0/16', flags: [] },
  ];

  it('keeps what people gave the interface and leaves what a daemon or the kernel makes', () => {
    const state = parseInnerStates(`${JSON.stringify(addresses)}\n${JSON.stringify(routes)}\n`).get('eth1');
    expect(restoreLines('eth1', InnerState.parse(state))).toEqual([
      'link set dev eth1 master br0',
      'address replace 10.0.0.1/24 dev eth1',
      'address replace 10.0.0.9 peer 10.0.0.10/32 dev eth1',
      'address replace 2001:db8::1/64 dev eth1 nodad',
      'route replace 10.7.0.0/16 metric 30 src 10.0.0.1 table 100 scope link dev eth1',
      'route replace default via 10.0.0.2 dev eth1',
      'route replace 10.8.0.0/16 nexthop via 10.0.0.2 dev eth1 weight 1 nexthop via 10.0.0.3 dev eth2 weight 1',
    ]);
  });

  it('never writes a name with odd characters into a line', () => {
    const odd = parseInnerStates(`${JSON.stringify([{ ifname: 'eth1', mtu: 1500, master: "x';reboot", addr_info: [] }])}\n[]\n`).get('eth1');
    expect(odd).toEqual({ mtu: 1500, addresses: [], routes: [] });
  });
});
