// Management networks on the real kernel, in a namespace that plays a host whose forwarding is closed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MgmtNetworks } from '../../../host-actor/mgmt-network/mgmt-networks.ts';
import { watchMgmtNetworks } from '../../../host-actor/mgmt-network/watch-mgmt-networks.ts';
import { eventually } from '../../support/eventually.ts';
import { order } from './order.ts';
import { HOST_IPV4, HOST_IPV6, PrivateHost, WORLD_IPV4, WORLD_IPV6 } from './private-host.ts';

let host: PrivateHost;
let networks: MgmtNetworks;

const node1 = { node: 'n1', ipv4: '172.31.240.2', ipv6: 'fd00:31:240::2', device: 'tm1', ports: [] };
const wired = (last: number) => ({ ipv4: `172.31.240.${last}/24`, ipv6: `fd00:31:240::${last}/64`, gateway4: '172.31.240.1', gateway6: 'fd00:31:240::1' });

const reaches = (from: string, to: string, label = '') => eventually(() => host.pings(from, to), { what: `${label} ping from ${from} to ${to}` });
const answers = (from: string, address: string, port: number, words: string) =>
  eventually(async () => (await host.asks(from, address, port)).startsWith(words), { what: `"${words}" to ${from} from ${address} port ${port}` });

beforeEach(async () => {
  host = await PrivateHost.make('tmgmta');
  networks = new MgmtNetworks({ statePath: join(host.stateDir, 'mgmt.json'), owner: 'tmgmt', table: 'tmgmt', netns: host.host });
});

afterEach(async () => {
  await networks.close();
  await host.remove();
});

describe('way out', () => {
  it('leads nodes out by NAT on IPv4 and IPv6 though the host drops what it forwards', async () => {
    await host.closeForwarding();
    await networks.ensure(order('a', { nodes: [node1] }));
    const node = await host.addNode('tm1', 'tmgmt0', wired(2));
    expect(await reaches(node, WORLD_IPV4)).toBe(true);
    expect(await reaches(node, WORLD_IPV6)).toBe(true);
    expect(await reaches(node, '172.31.240.1')).toBe(true);
  });

  it('lets the outside in to nodes unless external access is off', async () => {
    await host.closeForwarding();
    await host.ip(host.world, `route add 172.31.240.0/24 via ${HOST_IPV4}`);
    await networks.ensure(order('a', { nodes: [node1] }));
    const node = await host.addNode('tm1', 'tmgmt0', wired(2));
    expect(await reaches(host.world, '172.31.240.2')).toBe(true);
    await networks.ensure(order('a', { nodes: [node1], mgmt: { externalAccess: false } }));
    expect(await host.pings(host.world, '172.31.240.2')).toBe(false);
    expect(await reaches(node, WORLD_IPV4)).toBe(true);
  });
});

describe('bridges of other people', () => {
  it('pass frames of a lab though the host drops what crosses its bridges', async () => {
    await host.closeForwarding();
    await host.run(host.host, 'sh', '-c', 'echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables');
    await host.ip(host.host, 'link add name br-user type bridge\nlink set dev br-user up');
    const [one] = [await host.addNode('tm1', 'br-user', { ipv4: '203.0.113.1/24' }), await host.addNode('tm2', 'br-user', { ipv4: '203.0.113.2/24' })];
    expect(await host.pings(one, '203.0.113.2')).toBe(false);
    await networks.ensure(order('a', { bridges: ['br-user'] }));
    expect(await reaches(one, '203.0.113.2')).toBe(true);
    await networks.remove('a', { keep: false });
    expect(await host.pings(one, '203.0.113.2')).toBe(false);
    expect(await host.run(host.host, 'ip', '-br', 'link')).toContain('br-user');
  });
});

describe('the MTU of a network', () => {
  const mtuOf = async (device: string) => /mtu (\d+)/.exec(await host.run(host.host, 'ip', 'link', 'show', 'dev', device))?.[1];
  const tunnel = { vni: 7, udpPort: 4789, local: HOST_IPV4, remotes: [WORLD_IPV4] };

  it('follows its labs in place, also with nodes plugged in: the smallest of them counts', async () => {
    await networks.ensure(order('a', { nodes: [node1] }));
    const node = await host.addNode('tm1', 'tmgmt0', wired(2));
    await networks.ensure(order('b', { mgmt: { mtu: 1450 }, tunnel }));
    expect([await mtuOf('tmgmt0'), await mtuOf('lwm7')]).toEqual(['1450', '1450']);
    await networks.ensure(order('a', { nodes: [node1] }));
    expect(await mtuOf('tmgmt0')).toBe('1450');
    expect(await reaches(node, '172.31.240.1')).toBe(true);
    await networks.ensure(order('b', { mgmt: { mtu: 1500 } }));
    expect(await mtuOf('tmgmt0')).toBe('1500');
    expect(await networks.check()).toEqual([]);
  });
});

describe('many labs', () => {
  it('share a network that all make at once', async () => {
    const before = await host.snapshot();
    const labs = ['a', 'b', 'c', 'd', 'e'];
    await Promise.all(labs.map((lab, index) => networks.ensure(order(lab, { nodes: [{ node: 'n1', ipv4: `172.31.240.${index + 2}`, ports: [{ hostPort: 8000 + index, containerPort: 80, protocol: 'tcp' }] }] }))));
    expect(await networks.check()).toEqual([]);
    expect((await host.run(host.host, 'nft', 'list', 'ruleset')).match(/dport 800\d/g)).toHaveLength(5);
    await Promise.all(labs.map((lab) => networks.remove(lab, { keep: false })));
    expect(await host.snapshot()).toBe(before);
  });

  it('of two installations on one host keep off each other', async () => {
    const other = new MgmtNetworks({ statePath: join(host.stateDir, 'other.json'), owner: 'tmgmt-2', table: 'tmgmt-2', netns: host.host });
    await networks.ensure(order('a', { nodes: [node1] }));
    const before = await host.snapshot();
    await other.ensure(order('a', { mgmt: { network: 'tmgmt-net2', bridge: 'tmgmt2', ipv4Subnet: '172.31.241.0/24', ipv6Subnet: undefined } }));
    await other.remove('a', { keep: false });
    expect(await host.snapshot()).toBe(before);
    expect(await networks.check()).toEqual([]);
  });
});

describe('published ports', () => {
  it('answer on the host addresses of both families and on 127.0.0.1, from outside, from the host and from another node', async () => {
    await host.closeForwarding();
    await networks.ensure(order('a', { nodes: [{ ...node1, ports: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] }] }));
    const node = await host.addNode('tm1', 'tmgmt0', wired(2));
    const stop = await host.serve(node, 80, 'n1');
    expect(await answers(host.world, HOST_IPV4, 8080, `n1 ${WORLD_IPV4}`)).toBe(true);
    expect(await answers(host.world, HOST_IPV6, 8080, `n1 ${WORLD_IPV6}`)).toBe(true);
    expect(await answers(host.host, '127.0.0.1', 8080, 'n1 172.31.240.1')).toBe(true);
    expect(await answers(host.host, HOST_IPV4, 8080, 'n1 172.31.240.1')).toBe(true);
    expect(await answers(host.host, HOST_IPV6, 8080, 'n1 fd00:31:240::1')).toBe(true);
    const other = await host.addNode('tm2', 'tmgmt0', wired(3));
    expect(await answers(other, HOST_IPV4, 8080, 'n1 ')).toBe(true);
    expect(await answers(other, HOST_IPV6, 8080, 'n1 ')).toBe(true);
    await stop();
  });

  it('refuses a port on which somebody else listens, and names who', async () => {
    const stop = await host.serve(host.host, 8080, 'foreign');
    const wanted = order('a', { nodes: [{ ...node1, ports: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] }] });
    await expect(networks.ensure(wanted)).rejects.toMatchObject({ code: 'port-in-use', message: expect.stringContaining('8080/tcp (held by') });
    await stop();
    await expect(networks.ensure(wanted)).resolves.toMatchObject({ foreign: false });
    const other = order('b', { nodes: [{ ...node1, ports: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] }] });
    await expect(networks.ensure(other)).rejects.toMatchObject({ message: expect.stringContaining('node n1 of lab a') });
  });

  it('keep nodes away from the loopback addresses of the host', async () => {
    await networks.ensure(order('a', { nodes: [node1] }));
    const node = await host.addNode('tm1', 'tmgmt0', wired(2));
    const stop = await host.serve(host.host, 9999, 'private');
    await host.ip(node, 'route add 127.0.0.1/32 via 172.31.240.1 table 77');
    await host.ip(node, 'link set dev lo down');
    await host.ip(node, 'route replace 127.0.0.1/32 via 172.31.240.1');
    expect(await host.asks(node, '127.0.0.1', 9999)).not.toContain('private');
    await stop();
  });
});

describe('removal', () => {
  it('N09: leaves rules, links and addresses exactly as before, five times', async () => {
    await host.closeForwarding();
    await host.run(host.host, 'iptables', '-A', 'FORWARD', '-s', '203.0.113.0/24', '-j', 'ACCEPT');
    await host.run(host.host, 'nft', 'add', 'table', 'ip', 'foreign');
    const before = await host.snapshot();
    for (let cycle = 0; cycle < 5; cycle += 1) {
      await networks.ensure(order('a', { nodes: [{ ...node1, ports: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] }], bridges: ['br-user'] }));
      expect(await host.snapshot()).not.toBe(before);
      await networks.remove('a', { keep: false });
      await networks.remove('a', { keep: false });
      expect(await host.snapshot()).toBe(before);
    }
  });

  it('keeps the network while another lab uses it, and while asked to', async () => {
    await networks.ensure(order('a', { nodes: [node1] }));
    await networks.ensure(order('b'));
    await networks.remove('a', { keep: false });
    expect(await host.run(host.host, 'ip', '-br', 'link')).toContain('tmgmt0');
    await networks.remove('b', { keep: true });
    expect(await host.run(host.host, 'ip', '-br', 'link')).toContain('tmgmt0');
    expect(await host.run(host.host, 'nft', 'list', 'ruleset')).not.toContain('tmgmt');
    await networks.ensure(order('b'));
    await networks.remove('b', { keep: false });
    expect(await host.run(host.host, 'ip', '-br', 'link')).not.toContain('tmgmt0');
  });

  it('D05: a bridge that others made stays, with what they put on it', async () => {
    await host.ip(host.host, 'link add name tmgmt0 type bridge\naddr add 203.0.113.1/24 dev tmgmt0\nlink set dev tmgmt0 up');
    const before = await host.snapshot();
    await networks.ensure(order('a', { nodes: [node1] }));
    expect(await host.run(host.host, 'ip', '-br', 'addr')).toContain('172.31.240.1/24');
    await networks.remove('a', { keep: false });
    expect(await host.snapshot()).toBe(before);
  });

  it('D05: a port that others plugged into our bridge keeps it', async () => {
    await networks.ensure(order('a', { nodes: [node1] }));
    await host.addNode('foreign0', 'tmgmt0', {});
    expect(await networks.remove('a', { keep: false })).toEqual({ inUseBy: ['interface foreign0'] });
    expect(await host.run(host.host, 'ip', '-br', 'link')).toContain('tmgmt0');
    await host.removeNode('foreign0');
    await networks.repair();
    expect(await host.run(host.host, 'ip', '-br', 'link')).not.toContain('tmgmt0');
  });
});

describe('repair', () => {
  it('sees and repairs table, rule, accept, address and bridge that were removed by hand', async () => {
    await host.closeForwarding();
    await networks.ensure(order('a', { nodes: [node1] }));
    const node = await host.addNode('tm1', 'tmgmt0', wired(2));
    const after = await host.snapshot();
    const faults: [string, string[], string][] = [
      ['table-removed', ['nft', 'delete', 'table', 'inet', 'tmgmt'], 'table'],
      ['rule-removed', ['nft', 'flush', 'chain', 'inet', 'tmgmt', 'postrouting'], 'rule'],
      ['rule-removed', ['iptables', '-F', 'FORWARD'], 'accept IPv4'],
      ['rule-removed', ['ip6tables', '-F', 'FORWARD'], 'accept IPv6'],
      ['address-removed', ['ip', 'addr', 'del', '172.31.240.1/24', 'dev', 'tmgmt0'], 'address'],
      ['bridge-down', ['ip', 'link', 'set', 'dev', 'tmgmt0', 'down'], 'down'],
      ['bridge-removed', ['ip', 'link', 'del', 'dev', 'tmgmt0'], 'bridge'],
    ];
    for (const [what, command, label] of faults) {
      await host.run(host.host, ...command);
      const [seen, repaired] = [await networks.check(), await networks.repair()];
      expect({ label, seen: seen.map((drift) => drift.what) }).toMatchObject({ seen: expect.arrayContaining([what]) });
      expect(repaired).toEqual(seen);
      expect(await networks.check()).toEqual([]);
      expect(await reaches(node, WORLD_IPV4, label)).toBe(true);
      expect(await reaches(node, WORLD_IPV6, label)).toBe(true);
    }
    expect((await host.snapshot()).split('---')[1]).toBe(after.split('---')[1]);
  });
});

describe('watching', () => {
  it('sees a removed table, accept rule and bridge at once, and is quiet about what we do ourselves', async () => {
    await host.closeForwarding();
    await networks.ensure(order('a', { nodes: [node1] }));
    const stop = new AbortController();
    const seen: string[] = [];
    const errors: unknown[] = [];
    await watchMgmtNetworks({
      shell: networks.shell,
      check: (signal) => networks.check(signal),
      onDrift: async (drifts) => { seen.push(...drifts.map((drift) => drift.what)); await networks.repair(); },
      rounds: { run: async (round) => await Promise.resolve(round()).catch((error: unknown) => void errors.push(error)) },
      onError: (error) => errors.push(error),
      signal: stop.signal,
    });
    await networks.ensure(order('b', { nodes: [{ node: 'x', ipv4: '172.31.240.9', ports: [] }] }));
    for (const [what, ...command] of [
      ['table-removed', 'nft', 'delete', 'table', 'inet', 'tmgmt'],
      ['rule-removed', 'ip6tables', '-F', 'FORWARD'],
      ['bridge-removed', 'ip', 'link', 'del', 'dev', 'tmgmt0'],
    ]) {
      seen.length = 0;
      // The first fault may fall before a monitor listens; it is seen all the same.
      await host.run(host.host, ...command);
      await eventually(() => seen.includes(what ?? ''), { what: `${what} seen` });
      await eventually(async () => (await networks.check()).length === 0, { what: `${what} repaired` });
    }
    stop.abort();
    expect(errors).toEqual([]);
  });
});

describe('engine with nftables', () => {
  it('passes its drops by its own mark', async () => {
    await host.ip(host.world, `route add 172.31.240.0/24 via ${HOST_IPV4}`);
    const engine = (accept: string) => `table ip docker-bridges { chain filter-FORWARD { type filter hook forward priority 0; policy accept; ${accept} oifname "tmgmt0" ct state new drop; }; }`;
    await host.run(host.host, 'nft', engine(''));
    const unmarked = await networks.ensure(order('a', { nodes: [node1] }));
    await host.addNode('tm1', 'tmgmt0', wired(2));
    expect(unmarked.warnings).toEqual([expect.stringContaining('bridge-accept-fwmark')]);
    expect(await host.pings(host.world, '172.31.240.2')).toBe(false);
    await host.run(host.host, 'nft', 'delete table ip docker-bridges');
    await host.run(host.host, 'nft', engine('meta mark & 0x3 == 0x2 accept;'));
    const marked = await networks.ensure(order('a', { nodes: [node1] }));
    expect(marked.warnings).toEqual([]);
    expect(await reaches(host.world, '172.31.240.2')).toBe(true);
  });
});

describe('relay', () => {
  it('answers a published port on ::1, and closes it with the lab', async () => {
    const wanted = order('a', { nodes: [{ ...node1, ports: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] }] });
    const child = spawn('ip', ['netns', 'exec', host.host, process.execPath, join(import.meta.dirname, 'networks-process.ts'), join(host.stateDir, 'mgmt.json'), JSON.stringify(wanted)], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    const node = await host.addNode('tm1', 'tmgmt0', wired(2));
    const stop = await host.serve(node, 80, 'n1');
    expect(await answers(host.host, '::1', 8080, 'n1 fd00:31:240::1')).toBe(true);
    expect(await answers(host.host, HOST_IPV6, 8080, 'n1 fd00:31:240::1')).toBe(true);
    child.stdin.write('remove\n');
    await once(child.stdout, 'data');
    expect(await host.asks(host.host, '::1', 8080)).toBe('ECONNREFUSED');
    child.stdin.end();
    await once(child, 'exit');
    await stop();
  });
});

describe('isolation', () => {
  it('N18: isolated labs reach the gateway and the outside, not each other; others do', async () => {
    await host.closeForwarding();
    const other = { node: 'n1', ipv4: '172.31.240.3', ipv6: 'fd00:31:240::3', device: 'tm2', ports: [] };
    const peer = { node: 'n2', ipv4: '172.31.240.4', ipv6: 'fd00:31:240::4', device: 'tm3', ports: [] };
    await networks.ensure(order('a', { nodes: [node1, peer] }));
    await networks.ensure(order('b', { nodes: [other] }));
    const a = await host.addNode('tm1', 'tmgmt0', wired(2));
    await host.addNode('tm2', 'tmgmt0', wired(3));
    await host.addNode('tm3', 'tmgmt0', wired(4));
    expect(await reaches(a, '172.31.240.3')).toBe(true);
    await networks.ensure(order('a', { nodes: [node1, peer], mgmt: { isolated: true } }));
    expect(await host.pings(a, '172.31.240.3')).toBe(false);
    expect(await host.pings(a, 'fd00:31:240::3')).toBe(false);
    expect(await reaches(a, '172.31.240.4')).toBe(true);
    expect(await reaches(a, '172.31.240.1')).toBe(true);
    expect(await reaches(a, WORLD_IPV4)).toBe(true);
    // Not by way of the gateway either.
    await execa('ip', ['-n', a, 'route', 'add', '172.31.240.3/32', 'via', '172.31.240.1']);
    expect(await host.pings(a, '172.31.240.3')).toBe(false);
  });
});
