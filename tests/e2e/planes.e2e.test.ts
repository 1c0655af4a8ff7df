// Link planes by lab and by host: links whose two ends are on different planes, a lab that changes its plane, VLANs on a bridge that is shared.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { labFromText } from '../support/test-bed.ts';
import type { TestHosts } from '../support/test-hosts.ts';
import { openTestHosts } from '../support/test-hosts.ts';

const run = promisify(execFile);
const NAME = 'te2e-pl';
const BRIDGE = 'br-shared';
/** Of h1: Open vSwitch with a bridge of our own; of h2: the kernel; of h3: Open vSwitch with a bridge that others use, too. */
const HOST_ENV: Record<number, Record<string, string>> = { 1: { LABWRIGHT_PLANE: 'ovs' }, 2: {}, 3: { LABWRIGHT_PLANE: 'ovs', LABWRIGHT_OVS_SHARED_BRIDGE: BRIDGE } };
const NODES = { a: 1, b: 2, c: 3, d: 3 } as const;
type Node = keyof typeof NODES;
const LINKS: readonly (readonly [Node, Node])[] = [['a', 'b'], ['b', 'c'], ['a', 'c'], ['c', 'd']];

const lab = (name: string, plane?: 'tc' | 'ovs') => {
  const ends = new Map<Node, number>();
  const port = (node: Node): number => {
    ends.set(node, (ends.get(node) ?? 0) + 1);
    return ends.get(node) ?? 0;
  };
  const exec: Record<Node, string[]> = { a: [], b: [], c: [], d: [] };
  const links = LINKS.map(([left, right], index) => {
    const [l, r] = [port(left), port(right)];
    exec[left].push(`ip addr add 10.9.${index}.1/24 dev eth${l}`);
    exec[right].push(`ip addr add 10.9.${index}.2/24 dev eth${r}`);
    return `    - endpoints: [${left}:eth${l}, ${right}:eth${r}]`;
  });
  const nodes = (Object.keys(NODES) as Node[]).map((node) => `    ${node}: {host: h${NODES[node]}, exec: ${JSON.stringify(exec[node])}}`);
  const text = `name: ${name}\nmgmt: {network: ${NAME}-net, ipv4-subnet: 172.31.123.0/24}\n${plane === undefined ? '' : `placement: {plane: ${plane}}\n`}topology:\n  defaults: {kind: linux, image: "alpine:3"}\n  nodes:\n${nodes.join('\n')}\n  links:\n${links.join('\n')}\n`;
  return labFromText(text, `/tmp/${name}/t.clab.yml`);
};

let bed: TestHosts;
beforeAll(async () => {
  bed = await openTestHosts({ hosts: 3, ovs: true, images: ['alpine:3'], env: (number) => ({ LABWRIGHT_ECHO_EVERY_MS: '500', ...HOST_ENV[number] }) });
  await bed.host(3).exec('ovs-vsctl', 'add-br', BRIDGE, '--', 'set', 'bridge', BRIDGE, 'datapath_type=netdev');
  await bed.host(3).exec('sh', '-c', `ip link add theirs type veth peer name theirs2 && ip link set theirs up && ip link set theirs2 up && ovs-vsctl add-port ${BRIDGE} theirs tag=4094`);
  await eventually(async () => (await bed.summaries()).find(({ host }) => host === 'h3')?.ovs?.usedVlans?.flat().includes(4094), { what: 'h3 to tell of the VLAN in use' });
});
afterAll(async () => await bed?.close());

const enter = (name: string, node: Node, ...argv: string[]): [string, string[]] => bed.host(NODES[node]).enter(['docker', 'exec', `clab-${name}-${node}`, ...argv]);
const inNode = async (name: string, node: Node, ...argv: string[]): Promise<string> => (await run(...enter(name, node, ...argv))).stdout;
const pings = async (name: string, node: Node, to: string, ...how: string[]): Promise<boolean> => await inNode(name, node, 'ping', '-c', '1', '-W', '2', ...how, to).then(() => true, () => false);
const planesOf = async (name: string) => Object.fromEntries((await bed.view(name)).links.map(({ a, b, planes }) => [`${a.node}-${b.node}`, `${planes?.a}-${planes?.b}`]));
const allUp = async (name: string): Promise<void> => void (await eventually(async () => {
  const view = await bed.view(name);
  return view.state === 'running' && view.links.every(({ oper }) => oper === 'up');
}, { timeoutMs: 60_000, what: `all links of ${name} to be up`, everyMs: 100 }));
const allPing = async (name: string): Promise<void> => {
  for (const [index, [left, right]] of LINKS.entries()) {
    expect([left, right, await pings(name, left, `10.9.${index}.2`, '-s', '1422', '-M', 'do'), await pings(name, right, `10.9.${index}.1`)]).toEqual([left, right, true, true]);
  }
};
/** Sends a megabyte over TCP; checksums that are left to hardware would let nothing through. */
const tcpBytes = async (name: string, index: number, from: Node, to: Node, address: string): Promise<number> => {
  const port = String(5201 + index);
  const listening = run(...enter(name, to, 'sh', '-c', `timeout 20 nc -l -p ${port} | wc -c`));
  await eventually(async () => (await inNode(name, to, 'sh', '-c', 'ss -ltn || netstat -ltn')).includes(`:${port}`), { what: 'listener' });
  await inNode(name, from, 'sh', '-c', `head -c 1000000 /dev/zero | timeout 15 nc -q 1 -w 10 ${address} ${port}`);
  return Number((await listening).stdout.trim());
};
const tags = async (): Promise<Record<string, number>> => {
  const ports = (await bed.host(3).exec('ovs-vsctl', 'list-ports', BRIDGE)).trim().split('\n').filter(Boolean);
  return Object.fromEntries(await Promise.all(ports.map(async (port) => [port, Number(await bed.host(3).exec('ovs-vsctl', 'get', 'port', port, 'tag'))] as const)));
};

describe('a lab whose hosts are on different planes', () => {
  it('takes each host\'s own plane, and every link carries pings of full size and TCP both ways', async () => {
    await bed.deploy(lab(NAME));
    expect((await bed.settled(NAME)).problems).toEqual([]);
    expect(await planesOf(NAME)).toEqual({ 'a-b': 'ovs-tc', 'b-c': 'tc-ovs', 'a-c': 'ovs-ovs', 'c-d': 'ovs-ovs' });
    await allPing(NAME);
    for (const [index, [left, right]] of LINKS.entries()) {
      expect(await tcpBytes(NAME, index, left, right, `10.9.${index}.2`)).toBe(1_000_000);
      expect(await tcpBytes(NAME, index, right, left, `10.9.${index}.1`)).toBe(1_000_000);
    }
    expect((await bed.view(NAME)).links.map(({ repairs }) => repairs)).toEqual([0, 0, 0, 0]);
  });

  it('N06: leases a VLAN of its own for each link on the shared bridge, never one that somebody else has, in this lab or another', async () => {
    const other = `${NAME}2`;
    await bed.deploy(lab(other));
    expect((await bed.settled(other)).problems).toEqual([]);
    const { theirs, ...ours } = await tags();
    expect(theirs).toBe(4094);
    const byTag = Map.groupBy(Object.values(ours), (tag) => tag);
    // Three links of each lab touch the host, with two ports each.
    expect([byTag.size, [...byTag.values()].map((ports) => ports.length), byTag.has(4094)]).toEqual([6, [2, 2, 2, 2, 2, 2], false]);
    await allPing(other);
    await allPing(NAME);
    await bed.destroy(other);
    expect(Object.keys(await tags())).toHaveLength(7);
  });

  it('moves its links to the plane that its file comes to ask for, and back, without touching a node', async () => {
    const started = async () => (await bed.view(NAME)).nodes.map(({ startedAt }) => startedAt);
    const before = await started();
    for (const plane of ['tc', 'ovs'] as const) {
      await bed.deploy(lab(NAME, plane));
      await eventually(async () => Object.values(await planesOf(NAME)).every((one) => one === `${plane}-${plane}`), { timeoutMs: 20_000, what: `planes to be ${plane}` });
      await allUp(NAME);
      await allPing(NAME);
      expect(await tcpBytes(NAME, 0, 'b', 'a', '10.9.0.1')).toBe(1_000_000);
      expect(Object.keys(await tags())).toHaveLength(plane === 'tc' ? 1 : 7);
    }
    expect(await started()).toEqual(before);
  });

  it.each([[1, 'a'], [3, 'c']] as const)('is taken out of up when Open vSwitch of host %i dies, and is up again with it', async (number, node) => {
    const touched = async () => (await bed.view(NAME)).links.filter(({ a, b }) => a.node === node || b.node === node);
    await bed.host(number).ovs?.switch.kill();
    await eventually(async () => (await touched()).every(({ oper }) => oper !== 'up'), { timeoutMs: 30_000, what: `links of h${number} to leave up`, everyMs: 100 });
    expect((await touched()).map(({ reason }) => reason === '')).toEqual((await touched()).map(() => false));
    await bed.host(number).ovs?.switch.start();
    await allUp(NAME);
    await allPing(NAME);
  });

  it('leaves nothing but what others have', async () => {
    await bed.destroy(NAME);
    expect(await tags()).toEqual({ theirs: 4094 });
    expect((await bed.host(1).exec('ovs-vsctl', 'list-br')).trim()).toBe('');
    for (const host of bed.hosts) expect((await host.exec('ip', '-br', 'link')).split('\n').filter((line) => /^lw/.test(line))).toEqual([]);
  });
});
