// The underlay changes under a running lab: addresses and MTUs of hosts are followed in place, and what no longer fits is said.
import { afterEach, describe, expect, it } from 'vitest';
import type { LinkView } from '../../machines/vocabulary/lab-view.ts';
import { openWorld } from '../cli/labwright.ts';
import { eventually } from '../support/eventually.ts';
import { labFromText } from '../support/test-bed.ts';
import { openTestHosts } from '../support/test-hosts.ts';
import type { TestHosts } from '../support/test-hosts.ts';

const NAME = 'te2e-u';
const LAB = `
name: ${NAME}
mgmt: {network: ${NAME}-net, ipv4-subnet: 172.31.122.0/24}
topology:
  defaults: {kind: linux, image: "alpine:3"}
  nodes:
    a: {host: h1, exec: ["ip addr add 10.0.0.1/24 dev eth1"]}
    b: {host: h2, exec: ["ip addr add 10.0.0.2/24 dev eth1"]}
  links:
    - endpoints: [a:eth1, b:eth1]
`;

let bed: TestHosts | undefined;
afterEach(async () => {
  await bed?.close();
  bed = undefined;
});

const hosts = (): TestHosts => {
  if (bed === undefined) throw new Error('no hosts');
  return bed;
};
const open = async (env: (number: number) => Record<string, string> = () => ({})): Promise<void> => {
  bed = await openTestHosts({ hosts: 2, images: ['alpine:3'], env: (number) => ({ LABWRIGHT_ECHO_EVERY_MS: '500', ...env(number) }) });
  await bed.deploy(labFromText(LAB, `/tmp/${NAME}/t.clab.yml`));
  expect((await bed.settled(NAME)).problems).toEqual([]);
};
const inNode = async (host: number, node: string, ...argv: string[]) => await hosts().host(host).exec('docker', 'exec', `clab-${NAME}-${node}`, ...argv);
const pings = async (to: string, size = 56) => await inNode(1, 'a', 'ping', '-c', '1', '-W', '2', '-s', String(size), to).then(() => true, () => false);
const linkIs = async (what: string, is: (link: LinkView) => boolean): Promise<LinkView> =>
  await eventually(async () => {
    const [link] = (await hosts().view(NAME)).links;
    return link && is(link) ? link : null;
  }, { timeoutMs: 90_000, what: `the link to be ${what}`, everyMs: 50 });
const runs = async () => await eventually(async () => {
  const view = await hosts().view(NAME);
  return view.state === 'running' && view.problems.length === 0;
}, { timeoutMs: 90_000, what: 'the lab to run without a problem', everyMs: 100 });
const setMtu = async (mtu: number) => void (await Promise.all(hosts().hosts.map(async (host) => await host.exec('ip', 'link', 'set', 'dev', 'under', 'mtu', String(mtu)))));
const read = async (host: number, node: string, file: string) => (await inNode(host, node, 'cat', `/sys/class/net/${file}`)).trim();
/** Of the nodes' interfaces and the link's tunnels; no node sees the tunnel of the management network, behind its bridge. */
const ifindexes = async () => await Promise.all([read(1, 'a', 'eth1/ifindex'), read(2, 'b', 'eth1/ifindex'), ...hosts().hosts.map(async (host) => (await host.exec('ip', '-o', 'link', 'show', 'type', 'vxlan')).split('\n').filter((line) => line !== '' && !line.includes(': lwm')).map((line) => line.split(': ').slice(0, 2).join(' ')))]);

/** What a person reads of it. */
const isSaid = async (): Promise<void> => {
  const { nats } = hosts();
  const env = { LABWRIGHT_NATS_URL: nats.url, LABWRIGHT_NATS_CREDS: await nats.credentials({ role: 'operator' }) };
  const world = openWorld();
  try {
    const file = world.file('t.clab.yml', LAB);
    const warning = 'Packets over 1350 bytes are fragmented on the underlay between hosts h1 and h2, on link a:eth1--b:eth1 (MTU 1450)';
    expect((await world.run(['link', 'ls', '--name', NAME], { env })).stdout).toMatch(/h1-h2, VNI \d+, packets over 1350 bytes fragmented/);
    expect((await world.run(['plan', '--take-over', '-t', file], { env })).stderr).toContain(warning);
    expect(await world.run(['deploy', '--take-over', '-t', file], { env })).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(warning) as string });
  } finally {
    await world.end();
  }
};

describe('over IPv4', () => {
  it('X12: a host whose address changes has link and management network led there in place; no interface of a node and no tunnel of the link is made anew', async () => {
    await open();
    const before = await ifindexes();
    const moved = '10.199.0.12';
    await hosts().host(2).exec('sh', '-c', `sysctl -qw net.ipv4.conf.under.promote_secondaries=1 && ip addr add ${moved}/24 dev under && ip addr del ${hosts().host(2).address}/24 dev under`);
    await linkIs('led to the new address', (link) => link.tunnel?.b.vtep === moved && link.oper === 'up');
    await runs();
    expect(await pings('10.0.0.2', 1450 - 28)).toBe(true);
    expect(await pings('b')).toBe(true);
    expect(await ifindexes()).toEqual(before);
    const tunnels = await Promise.all(hosts().hosts.map(async (host) => await host.exec('ip', '-d', 'link', 'show', 'type', 'vxlan')));
    expect(tunnels.map((text) => text.includes(hosts().host(1).address) && text.includes(moved))).toEqual([true, true]);
    expect(tunnels.join()).not.toContain(`${hosts().host(2).address} `);
  });

  it('X11: a smaller MTU has the link carried in fragments as it is, and the management network made smaller in place; both come back', async () => {
    await open();
    const before = await ifindexes();
    await setMtu(1400);
    await linkIs('fragmented', (link) => link.tunnel?.fragmented === true);
    await eventually(async () => (await read(1, 'a', 'eth0/mtu')) === '1350' && (await read(2, 'b', 'eth0/mtu')) === '1350', { timeoutMs: 30_000, what: 'management interfaces to be smaller', everyMs: 100 });
    await runs();
    const link = await linkIs('up', ({ oper }) => oper === 'up');
    expect(link).toMatchObject({ mtu: 1450, repairs: 0, tunnel: { fragmented: true, whole: 1350 } });
    expect(await pings('10.0.0.2', 1450 - 28)).toBe(true);
    expect(await pings('b', 1350 - 28)).toBe(true);
    await isSaid();
    await setMtu(1500);
    await linkIs('whole', ({ tunnel }) => tunnel?.fragmented === false);
    await eventually(async () => (await read(1, 'a', 'eth0/mtu')) === '1450', { timeoutMs: 30_000, what: 'the management interface to be larger', everyMs: 100 });
    await runs();
    expect(await ifindexes()).toEqual(before);
  });
});

describe('over IPv6', () => {
  it('X11: a smaller MTU fails the link with the largest that arrives; it is up again by itself when it fits', async () => {
    await open((number) => ({ LABWRIGHT_UNDERLAY_ADDRESS: `fd00:4c57::${number}` }));
    expect(await linkIs('up', ({ oper }) => oper === 'up')).toMatchObject({ mtu: 1430, tunnel: { fragmented: false, whole: 1430 } });
    await setMtu(1400);
    const failed = await linkIs('failed', ({ state }) => state === 'failed');
    expect(failed).toMatchObject({ oper: 'down', failure: { code: 'mtu-too-large' } });
    expect(failed.reason).toContain('1330 is the most');
    await eventually(async () => (await read(1, 'a', 'eth1/carrier').catch(() => '0')) === '0', { timeoutMs: 20_000, what: 'carrier of a to go', everyMs: 100 });
    await setMtu(1500);
    await linkIs('up again', ({ oper }) => oper === 'up');
    await runs();
    expect(await pings('10.0.0.2', 1430 - 28)).toBe(true);
  });
});
