// Must be shown 7: links of lab files that are VXLAN tunnels to devices of somebody else, stitched and as the interface itself.
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { TestBed } from '../support/test-bed.ts';
import { labFromText, openTestBed } from '../support/test-bed.ts';
import { openTestHosts } from '../support/test-hosts.ts';
import type { TestHosts } from '../support/test-hosts.ts';

/** A foreign tunnel end: a namespace behind an interface of this host. */
const FAR = 'e2etunnel-far';
const UNDER = 'e2etunnel0';
/** Another way to it, to which no route leads. */
const OTHER = 'e2etunnel1';
const file = (name: string) => `name: ${name}
mgmt: { network: e2etunnel-net, ipv4-subnet: 10.217.13.0/27, ipv6-subnet: fd00:217:13::/64 }
topology:
  defaults: { kind: linux, image: labwright/linux:local }
  nodes:
    stitched_with_a_long_name: { exec: [ip address add 10.55.0.1/24 dev eth1] }
    inside: { exec: [ip address add 10.56.0.1/24 dev eth1] }
  links:
    - { type: vxlan-stitch, endpoint: { node: stitched_with_a_long_name, interface: eth1 }, remote: 10.217.12.2, vni: 200, dst-port: 14792 }
    - { type: vxlan, endpoint: { node: inside, interface: eth1, mac: "02:00:00:00:00:09" }, remote: 10.217.12.2, vni: 201 }
`;

describe('links to foreign tunnel ends', () => {
  let bed: TestBed;
  const ip = async (line: string): Promise<string> => (await execa('ip', line.split(' '))).stdout;
  const pings = async (lab: string, node: string, address: string): Promise<boolean> => (await execa('docker', ['exec', `clab-${lab}-${node}`, 'ping', '-c1', '-W1', address], { reject: false })).exitCode === 0;

  beforeAll(async () => {
    await ip(`netns add ${FAR}`);
    await ip(`link add ${UNDER} type veth peer name far0 netns ${FAR}`);
    await ip(`address add 10.217.12.1/24 dev ${UNDER}`);
    await ip(`link set dev ${UNDER} up`);
    await ip(`-n ${FAR} address add 10.217.12.2/24 dev far0`);
    await ip(`-n ${FAR} link set dev far0 up`);
    await ip(`link add ${OTHER} type veth peer name far1 netns ${FAR}`);
    await ip(`link set dev ${OTHER} up`);
    await ip(`-n ${FAR} link set dev far1 up`);
    for (const [vni, port, address] of [[200, 14_792, '10.55.0.2/24'], [201, 14_789, '10.56.0.2/24']]) {
      await ip(`-n ${FAR} link add vx${vni} type vxlan id ${vni} remote 10.217.12.1 dstport ${port}`);
      await ip(`-n ${FAR} address add ${address} dev vx${vni}`);
      await ip(`-n ${FAR} link set dev vx${vni} up`);
    }
    bed = await openTestBed();
  });
  afterAll(async () => {
    await bed.close();
    for (const device of [UNDER, OTHER]) await execa('ip', ['link', 'del', device], { reject: false });
    await execa('ip', ['netns', 'del', FAR], { reject: false });
  });
  const deploy = async (name: string) => {
    await bed.deploy(labFromText(file(name), join(bed.home, `${name}.clab.yml`)));
    return await bed.settled(name);
  };

  it('carry frames, are called as people know them, are mended, refuse a second owner, and go without a trace', async () => {
    const view = await deploy('e2etunnel1');
    expect(view.links.map(({ type, oper, reason }) => [type, oper, reason])).toEqual([['vxlan', 'up', ''], ['vxlan-stitch', 'up', '']]);
    expect(await pings('e2etunnel1', 'stitched_with_a_long_name', '10.55.0.2')).toBe(true);
    expect(await pings('e2etunnel1', 'inside', '10.56.0.2')).toBe(true);
    expect(await ip('-d link show dev vx-stitched_with_a_long_name_eth1')).toMatch(/mtu 1450 .*state UNKNOWN[^]*vxlan id 200 remote 10\.217\.12\.2 dev e2etunnel0 srcport 0 0 dstport 14792/);
    expect(await ip('-d link show dev ve-stitched_with_a_long_name_eth1')).toMatch(/mtu 9500[^]*link-netns clab-e2etunnel1-stitched_with_a_long_name/);
    expect((await execa('docker', ['exec', 'clab-e2etunnel1-inside', 'ip', '-d', 'link', 'show', 'eth1'])).stdout).toMatch(/mtu 1450[^]*02:00:00:00:00:09[^]*vxlan id 201 remote 10\.217\.12\.2 .*dstport 14789/);

    await ip('link del dev vx-stitched_with_a_long_name_eth1');
    await eventually(async () => await pings('e2etunnel1', 'stitched_with_a_long_name', '10.55.0.2'), { what: 'deleted tunnel is mended' });

    // The same numbers once more: the second is refused with the reason, the first carries on.
    const second = await deploy('e2etunnel2');
    expect(second.links.map(({ type, state, failure }) => [type, state, failure?.message ?? ''])).toEqual([['vxlan', 'failed', expect.stringMatching(/VNI/)], ['vxlan-stitch', 'failed', expect.stringMatching(/VNI/)]]);
    expect(await pings('e2etunnel1', 'stitched_with_a_long_name', '10.55.0.2')).toBe(true);
    await bed.destroy('e2etunnel2');
    expect(await pings('e2etunnel1', 'inside', '10.56.0.2')).toBe(true);
    await bed.destroy('e2etunnel1');
    const left: { ifname: string; linkinfo?: { info_kind?: string } }[] = JSON.parse(await ip('-j -d link'));
    expect(left.filter(({ ifname, linkinfo }) => linkinfo?.info_kind === 'vxlan' || ifname.startsWith('vx-')).map(({ ifname }) => ifname)).toEqual([]);
  });

  it('leave by the parent interface that the file names, are moved when it names another, and say so when there is none', async () => {
    const text = (parent: string) => `name: e2etunnel3
mgmt: { network: e2etunnel-net, ipv4-subnet: 10.217.13.0/27, ipv6-subnet: fd00:217:13::/64 }
topology:
  defaults: { kind: linux, image: labwright/linux:local }
  nodes: { n: }
  links:
    - { type: vxlan-stitch, endpoint: { node: n, interface: eth1 }, remote: 10.217.12.2, vni: 203, parent-interface: ${parent} }
`;
    const deployed = async (parent: string) => {
      await bed.deploy(labFromText(text(parent), join(bed.home, 'e2etunnel3.clab.yml')));
      return (await bed.settled('e2etunnel3')).links[0];
    };
    expect(await deployed(UNDER)).toMatchObject({ oper: 'up' });
    expect(await ip('-d link show dev vx-n_eth1')).toContain(`dev ${UNDER} `);
    expect(await deployed(OTHER)).toMatchObject({ oper: 'up' });
    expect(await ip('-d link show dev vx-n_eth1')).toContain(`dev ${OTHER} `);
    await bed.deploy(labFromText(text('nosuch0'), join(bed.home, 'e2etunnel3.clab.yml')));
    const reason = async () => (await bed.view('e2etunnel3')).links[0]?.reason ?? '';
    expect(await eventually(async () => (await reason()).includes('by interface nosuch0, which the lab file names (parent-interface)'), { what: 'the reason' })).toBe(true);
    await bed.destroy('e2etunnel3');
  });
});

describe('two labs on two hosts', () => {
  let bed: TestHosts;
  beforeAll(async () => void (bed = await openTestHosts({ hosts: 2, images: ['alpine:3'] })));
  afterAll(async () => await bed?.close());

  /** One of them on each host; each is the foreign end of the other, one tunnel stitched at both, one at one only. */
  const half = (own: 1 | 2) => `
name: e2etunnel-h${own}
mgmt: {network: e2etunnel-h${own}, ipv4-subnet: 172.31.127.${own === 1 ? 0 : 128}/25}
topology:
  defaults: {kind: linux, image: "alpine:3", host: h${own}}
  nodes:
    stitched: {exec: ["ip address add 10.57.0.${own}/24 dev eth1"]}
    mixed: {exec: ["ip address add 10.58.0.${own}/24 dev eth1"]}
  links:
    - {type: vxlan-stitch, endpoint: {node: stitched, interface: eth1}, remote: ${bed.host(3 - own).address}, vni: 300}
    - {type: ${own === 1 ? 'vxlan' : 'vxlan-stitch'}, endpoint: {node: mixed, interface: eth1}, remote: ${bed.host(3 - own).address}, vni: 301}
`;
  const deploy = async (own: 1 | 2) => {
    await bed.deploy(labFromText(half(own), `/tmp/e2etunnel/h${own}.clab.yml`));
    return await bed.settled(`e2etunnel-h${own}`, ['running']);
  };
  const pings = async (from: 1 | 2, node: string, net: number): Promise<boolean> =>
    await bed.host(from).exec('docker', 'exec', `clab-e2etunnel-h${from}-${node}`, 'ping', '-c1', '-W1', `10.${net}.0.${3 - from}`).then(() => true, () => false);
  const allPing = async (): Promise<boolean> => (await Promise.all(([1, 2] as const).flatMap((from) => [pings(from, 'stitched', 57), pings(from, 'mixed', 58)]))).every(Boolean);

  it('are joined by links of both that lead to each other, carry frames both ways, and again after one was made anew', async () => {
    for (const own of [1, 2] as const) expect((await deploy(own)).links.map(({ oper }) => oper)).toEqual(['up', 'up']);
    await eventually(allPing, { what: 'pings between the labs' });
    await bed.destroy('e2etunnel-h2');
    expect(await pings(1, 'stitched', 57)).toBe(false);
    expect((await bed.view('e2etunnel-h1')).state).toBe('running');
    await deploy(2);
    await eventually(allPing, { timeoutMs: 30_000, what: 'pings to the lab that was made anew' });
    await bed.destroyAll();
    for (const host of bed.hosts) expect((await host.exec('ip', '-br', 'link', 'show', 'type', 'vxlan')).trim()).toBe('');
  });
});
