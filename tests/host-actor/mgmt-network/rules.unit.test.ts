// Rules of management networks as text: nftables tables, iptables accepts, port conflicts, relays.
import { describe, expect, it } from 'vitest';
import { parseFilterTable, planAccepts } from '../../../host-actor/mgmt-network/firewall-accepts.ts';
import { labOf, networkOf } from '../../../host-actor/mgmt-network/mgmt-order.ts';
import type { MgmtOrder } from '../../../host-actor/mgmt-network/mgmt-order.ts';
import { EMPTY_STATE, withLab } from '../../../host-actor/mgmt-network/mgmt-network-state.ts';
import type { MgmtState } from '../../../host-actor/mgmt-network/mgmt-network-state.ts';
import { parseEngineMark } from '../../../host-actor/mgmt-network/nft-table.ts';
import { parseListeners, portConflicts } from '../../../host-actor/mgmt-network/port-conflicts.ts';
import { planRelays } from '../../../host-actor/mgmt-network/port-relay.ts';
import { renderNftTable } from '../../../host-actor/mgmt-network/render-nft-table.ts';
import { mayConcern } from '../../../host-actor/mgmt-network/watch-mgmt-networks.ts';
import { order } from './order.ts';

const stateOf = (...orders: MgmtOrder[]): MgmtState => orders.reduce((state, one) => withLab(state, labOf(one, true), networkOf(one)), EMPTY_STATE);
const publish = (hostIp?: string) => ({ ...(hostIp === undefined ? {} : { hostIp }), hostPort: 8080, containerPort: 80, protocol: 'tcp' as const });
const node = (name: string, last: number, ports: ReturnType<typeof publish>[] = []) => ({ node: name, ipv4: `172.31.240.${last}/24`, ipv6: `fd00:31:240::${last}/64`, ports });
const rules = (state: MgmtState) => renderNftTable(state, { table: 'lw' }).split('\n').map((line) => line.trim());

describe('nftables tables', () => {
  it('are only removed when no lab is left', () => {
    const text = 'table inet lw\ndelete table inet lw\ntable bridge lw\ndelete table bridge lw\n';
    expect(renderNftTable(EMPTY_STATE, { table: 'lw' })).toBe(text);
    expect(renderNftTable({ ...stateOf(order('a')), labs: [] }, { table: 'lw' })).toBe(text);
  });

  it.each([
    [undefined, ['meta nfproto ipv4 fib daddr type local', 'meta nfproto ipv6 ip6 daddr != ::1 fib daddr type local']],
    ['0.0.0.0', ['meta nfproto ipv4 fib daddr type local']],
    ['::', ['meta nfproto ipv6 ip6 daddr != ::1 fib daddr type local']],
    ['127.0.0.1', ['ip daddr 127.0.0.1']],
    ['192.0.2.7', ['ip daddr 192.0.2.7']],
    ['2001:db8::7', ['ip6 daddr 2001:db8::7']],
    ['::1', []],
  ])('publish a port with host address %s on what the engine would', (hostIp, matches) => {
    const found = rules(stateOf(order('a', { nodes: [node('n1', 2, [publish(hostIp)])] }))).filter((line) => line.includes(' dport '));
    expect(found).toEqual(matches.map((match) => `${match} tcp dport 8080 dnat ${match.includes('ip6') ? 'ip6 to [fd00:31:240::2]:80' : 'ip to 172.31.240.2:80'} comment "lw a/n1 8080:80/tcp"`));
  });

  it('never let a name of a lab end a comment', () => {
    const text = renderNftTable(stateOf(order('a"; drop }\n', { nodes: [node('n1', 2, [publish()])] })), { table: 'lw' });
    expect(text).toContain('comment "lw a__ drop __/n1 8080:80/tcp"');
  });

  it('N18: separate an isolated lab by its ports, or by addresses where a port is not known', () => {
    const isolated = order('a', { nodes: [{ ...node('n1', 2), device: 'd1' }], mgmt: { isolated: true } });
    expect(rules(stateOf(isolated))).toContain('iifname { "d1" } oifname != { "d1" } drop comment "lw a isolated"');
    const unknown = order('a', { nodes: [node('n1', 2)], mgmt: { isolated: true } });
    expect(rules(stateOf(unknown))).toContain('ip saddr { 172.31.240.2 } ip daddr != { 172.31.240.2 } drop comment "lw a isolated"');
    expect(renderNftTable(stateOf(order('a', { nodes: [node('n1', 2)] })), { table: 'lw' })).not.toContain('isolated');
  });
});

describe('accepts', () => {
  const docker = ':FORWARD DROP [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j RETURN';
  const accept = (chain: string, way: string, words: string) => `-A ${chain} ${way} -m comment --comment "lw ${words}" -j ACCEPT`;

  it('go to the engine\'s chain for users, and to FORWARD for other bridges', () => {
    expect(planAccepts(parseFilterTable(docker), stateOf(order('a', { bridges: ['br1'] })), 'lw')).toEqual({ remove: [], insert: [
      accept('DOCKER-USER', '-i tmgmt0', 'mgmt tmgmt-net'), accept('DOCKER-USER', '-o tmgmt0', 'mgmt tmgmt-net'),
      accept('FORWARD', '-i br1', 'bridge br1'), accept('FORWARD', '-o br1', 'bridge br1'),
    ] });
  });

  it('go to FORWARD where the engine has no chain, and only where something drops', () => {
    const insert = [accept('FORWARD', '-i tmgmt0', 'mgmt tmgmt-net'), accept('FORWARD', '-o tmgmt0', 'mgmt tmgmt-net')];
    expect(planAccepts(parseFilterTable(':FORWARD DROP [0:0]'), stateOf(order('a')), 'lw').insert).toEqual(insert);
    expect(planAccepts(parseFilterTable(':FORWARD ACCEPT [0:0]\n-A FORWARD -j REJECT'), stateOf(order('a')), 'lw').insert).toEqual(insert);
    expect(planAccepts(parseFilterTable(':FORWARD ACCEPT [0:0]'), stateOf(order('a')), 'lw').insert).toEqual([]);
    expect(planAccepts(parseFilterTable(''), stateOf(order('a')), 'lw').insert).toEqual([]);
  });

  it('are removed when not wanted or doubled, and nothing else is', () => {
    const [first, second] = [accept('DOCKER-USER', '-i tmgmt0', 'mgmt tmgmt-net'), accept('DOCKER-USER', '-o tmgmt0', 'mgmt tmgmt-net')];
    const old = accept('DOCKER-USER', '-i gone0', 'mgmt gone');
    const foreign = '-A DOCKER-USER -i gone0 -m comment --comment "lw-other mgmt gone" -j ACCEPT';
    const table = parseFilterTable([docker, first, old, foreign, first, second].join('\n'));
    expect(planAccepts(table, stateOf(order('a')), 'lw')).toEqual({ remove: [old, first], insert: [] });
  });

  it('let only answers in when no lab wants access from outside', () => {
    const closed = order('a', { mgmt: { externalAccess: false } });
    expect(planAccepts(parseFilterTable(docker), stateOf(closed), 'lw').insert).toEqual([
      accept('DOCKER-USER', '-i tmgmt0', 'mgmt tmgmt-net'),
      '-A DOCKER-USER -o tmgmt0 -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -m comment --comment "lw mgmt tmgmt-net" -j ACCEPT',
    ]);
  });
});

describe('engine mark', () => {
  it.each([
    ['\t\tmeta mark & 0x00000003 == 0x00000002 counter packets 0 bytes 0 accept comment "x"', 2],
    ['\t\tmeta mark 0x00001068 accept', 0x1068],
    ['\t\toifname "docker0" drop', undefined],
  ])('is read from %j', (listing, mark) => {
    expect(parseEngineMark(listing)).toBe(mark);
  });
});

describe('monitor lines', () => {
  it.each([
    ['5: br-clab: <BROADCAST,MULTICAST> mtu 1500 qdisc noqueue state DOWN group default', true],
    ['Deleted 5: br-clab: <BROADCAST,MULTICAST> mtu 1500 state DOWN', true],
    ['Deleted 5: br-clab    inet 172.20.20.1/24 scope global br-clab\\       valid_lft forever', true],
    ['9: lw1.2@if5: <BROADCAST,MULTICAST,UP> mtu 9500 state UP', false],
    ['9: lw1.2@if5: <BROADCAST,MULTICAST,UP> mtu 9500 master br-clab state UP', false],
    ['Error: Peer netns reference is invalid.', false],
    ['netlink receive error No buffer space available (105)', true],
    ['{"delete": {"rule": {"family": "inet", "table": "labwright", "chain": "forward", "handle": 6}}}', true],
    ['{"delete": {"table": {"family": "inet", "name": "labwright", "handle": 6}}}', true],
    ['{"add": {"rule": {"family": "ip", "table": "nat", "chain": "DOCKER", "handle": 6}}}', false],
  ])('%s: %s', (line, concerns) => {
    expect(mayConcern(line)).toBe(concerns);
  });
});

describe('port conflicts', () => {
  const listeners = parseListeners([
    'tcp   LISTEN 0      511              *:8080            *:*    users:(("nginx",pid=12,fd=3))',
    'tcp   LISTEN 0      4096     127.0.0.1:5000       0.0.0.0:*    users:(("dockerd",pid=9,fd=4))',
    'udp   UNCONN 0      0      [fe80::1]%eth0:546     [::]:*',
  ].join('\n'));
  const found = (port: { hostIp?: string; hostPort: number; protocol: 'tcp' | 'udp' }) => portConflicts('a', [{ containerPort: 80, ...port }], EMPTY_STATE, listeners).map((conflict) => conflict.holder);

  it('name the program that listens', () => {
    expect(found({ hostPort: 8080, protocol: 'tcp' })).toEqual(['nginx (pid 12) on *']);
    expect(found({ hostPort: 5000, protocol: 'tcp' })).toEqual(['dockerd (pid 9) on 127.0.0.1']);
  });

  it('are none on another address, protocol or port', () => {
    expect(found({ hostPort: 5000, hostIp: '192.0.2.1', protocol: 'tcp' })).toEqual([]);
    expect(found({ hostPort: 5000, hostIp: '::', protocol: 'tcp' })).toEqual([]);
    expect(found({ hostPort: 8080, protocol: 'udp' })).toEqual([]);
    expect(found({ hostPort: 8081, protocol: 'tcp' })).toEqual([]);
  });

  it('name the other lab, and never the lab itself', () => {
    const state = stateOf(order('b', { nodes: [node('n1', 2, [publish()])] }));
    expect(portConflicts('a', [publish()], state, [])).toEqual([{ port: publish(), holder: 'node n1 of lab b' }]);
    expect(portConflicts('b', [publish()], state, [])).toEqual([]);
  });
});

describe('relay', () => {
  it('listens on ::1, and on all IPv6 addresses for a node that has none', () => {
    const { routes, warnings } = planRelays(stateOf(order('a', { nodes: [node('n1', 2, [publish()]), { node: 'n2', ipv4: '172.31.240.3', ports: [publish()] }] })));
    expect(routes.map(({ listen, target }) => ({ listen, target }))).toEqual([{ listen: '::1', target: 'fd00:31:240::2' }, { listen: '::', target: '172.31.240.3' }]);
    expect(warnings).toEqual([]);
  });

  it('says what it cannot do', () => {
    const planned = (protocol: 'udp' | 'sctp') => planRelays(stateOf(order('a', { nodes: [{ ...node('n1', 2), ports: [{ ...publish(), protocol }] }] })));
    expect(planned('sctp')).toEqual({ routes: [], warnings: ['published port 8080/sctp of node n1 (lab a) does not answer on [::1], only on the host\'s other addresses: SCTP is not relayed'] });
    expect(planned('udp')).toMatchObject({ routes: [{ protocol: 'udp', listen: '::1' }], warnings: [] });
  });
});
