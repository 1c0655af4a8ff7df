// A lab over several hosts: links across them carry what they say, tell when they do not, and are mended; lost hosts leave nothing behind.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evolve } from '../../machines/evolve/evolve.ts';
import { initialLab } from '../../machines/evolve/lab-state.ts';
import { labView } from '../../machines/evolve/lab-view.ts';
import type { LabView } from '../../machines/vocabulary/lab-view.ts';
import { eventually } from '../support/eventually.ts';
import { lab as labId } from '../support/lab-builders.ts';
import { openTestHosts } from '../support/test-hosts.ts';
import type { TestHosts } from '../support/test-hosts.ts';
import { labFromText } from '../support/test-bed.ts';
import { newsAfter } from './node-hands.ts';

const NAME = 'te2e-x';
const LAB = `
name: ${NAME}
mgmt: {network: ${NAME}-net, ipv4-subnet: 172.31.121.0/24}
topology:
  defaults: {kind: linux, image: "alpine:3"}
  nodes:
    a: {host: h1, exec: ["ip addr add 10.0.0.1/24 dev eth1"]}
    b: {host: h2, exec: ["ip addr add 10.0.0.2/24 dev eth1", "ip addr add 10.0.1.2/24 dev eth2"]}
    c: {host: h2, exec: ["ip addr add 10.0.1.3/24 dev eth1"]}
  links:
    - endpoints: [a:eth1, b:eth1]
    - endpoints: [b:eth2, c:eth1]
`;
const LINK = 'a:eth1--b:eth1';

let bed: TestHosts;
beforeAll(async () => void (bed = await openTestHosts({ hosts: 2, images: ['alpine:3'], env: () => ({ LABWRIGHT_ECHO_EVERY_MS: '500' }) })));
afterAll(async () => await bed?.close());

const inNode = async (host: number, node: string, ...argv: string[]) => await bed.host(host).exec('docker', 'exec', `clab-${NAME}-${node}`, ...argv);
const pings = async (host: number, node: string, to: string, ...how: string[]) => await inNode(host, node, 'ping', '-c', '1', '-W', '2', ...how, to).then(() => true, () => false);
const link = async () => (await bed.view(NAME)).links.find((one) => one.link === LINK);
const linkIs = async (oper: 'up' | 'down' | 'not up') =>
  await eventually(async () => {
    const now = await link();
    return now && (oper === 'not up' ? now.oper !== 'up' : now.oper === oper) ? now : null;
  }, { timeoutMs: 40_000, what: `link ${LINK} to be ${oper}`, everyMs: 50 });
/** The lab as each entry after that number left it. */
const viewsAfter = async (n: number): Promise<LabView[]> => {
  const { entries } = await bed.ops.request('history', { after: 0, limit: 1000 }, { lab: labId(NAME) });
  let state = initialLab(labId(NAME));
  return entries.flatMap(({ entry }) => {
    state = evolve(state, entry).state;
    return entry.n > n ? [labView(state)] : [];
  });
};

describe('a lab over two hosts', () => {
  it('X02 X16: comes up without a repair, pings across with the full MTU, and says where its tunnel runs', async () => {
    await bed.deploy(labFromText(LAB, `/tmp/${NAME}/t.clab.yml`));
    const view = await bed.settled(NAME);
    expect(view.problems).toEqual([]);
    expect(view.nodes.map(({ node, host, state }) => [node, host, state])).toEqual([['a', 'h1', 'running'], ['b', 'h2', 'running'], ['c', 'h2', 'running']]);
    expect(view.links.map(({ link: id, oper, mtu, repairs }) => [id, oper, mtu, repairs])).toEqual([[LINK, 'up', 1450, 0], ['b:eth2--c:eth1', 'up', 9500, 0]]);
    const [tunnel, elsewhere] = view.links.map((one) => one.tunnel);
    expect(tunnel).toEqual({ vni: expect.any(Number), udpPort: 4789, a: { host: 'h1', vtep: bed.host(1).address }, b: { host: 'h2', vtep: bed.host(2).address }, fragmented: false, whole: 1450 });
    expect(elsewhere).toBeUndefined();
    for (const [here, there] of [[1, 2], [2, 1]] as const) expect(await bed.host(here).exec('ip', '-d', 'link', 'show', 'type', 'vxlan')).toMatch(new RegExp(`vxlan id ${tunnel?.vni} remote ${bed.host(there).address} local ${bed.host(here).address} .*dstport 4789`));
    expect(await pings(1, 'a', '10.0.0.2')).toBe(true);
    expect(await pings(1, 'a', '10.0.0.2', '-s', String(1450 - 28))).toBe(true);
    expect(await pings(2, 'b', '10.0.1.3')).toBe(true);
  });

  it('has one management network: nodes reach each other by name and the world through their own host', async () => {
    const view = await bed.view(NAME);
    const ipv4 = (node: string) => view.nodes.find((one) => one.node === node)?.ipv4?.split('/')[0] ?? '';
    expect(await pings(1, 'a', ipv4('b'))).toBe(true);
    expect(await pings(2, 'c', ipv4('a'))).toBe(true);
    expect(await pings(1, 'a', 'c')).toBe(true);
    const gateways = await Promise.all([inNode(1, 'a', 'ip', 'route'), inNode(2, 'b', 'ip', 'route')]);
    expect(new Set(gateways.map((routes) => /default via (\S+)/.exec(routes)?.[1])).size).toBe(2);
  });

  it('X02: a tunnel deleted by hand takes the link out of up with the reason; it is made again and pings pass', async () => {
    const tunnels = (await bed.host(1).exec('ip', '-br', 'link', 'show', 'type', 'vxlan')).split('\n').map((line) => line.split(/[ @]/)[0] ?? '');
    const leg = tunnels.find((name) => name !== '' && !name.startsWith('lwm'));
    expect(leg).toBeTruthy();
    const { n } = await bed.view(NAME);
    await bed.host(1).exec('ip', 'link', 'del', leg ?? '');
    await eventually(async () => await pings(1, 'a', '10.0.0.2'), { timeoutMs: 20_000, what: 'pings to pass again', everyMs: 100 });
    await linkIs('up');
    // It is mended within milliseconds; what it was meanwhile stands in the log.
    const seen = (await viewsAfter(n)).flatMap(({ links }) => links.filter((one) => one.link === LINK));
    expect(seen.filter(({ oper }) => oper !== 'up').map(({ oper, state }) => `${oper} ${state}`)).toContain('unknown repairing');
    expect(seen.find(({ state }) => state === 'repairing')?.reason).toBe('host h1 has not made its end yet');
    expect(await newsAfter(bed, NAME, n)).toEqual(expect.arrayContaining([expect.stringMatching(new RegExp(`^link ${LINK}: host h1 lost its end: end-(down|deleted) at end b`)), expect.stringMatching(new RegExp(`^link ${LINK}: host h1 repaired its end`))]));
  });

  it('X08: an underlay that is cut takes the link out of up and the carrier from both nodes; it heals by itself', async () => {
    await bed.host(2).cut({ direction: 'both', from: [bed.host(1)] });
    expect((await linkIs('not up')).reason).toContain('no echo');
    await eventually(async () => (await inNode(1, 'a', 'cat', '/sys/class/net/eth1/carrier').catch(() => '0')).trim() === '0', { timeoutMs: 20_000, what: 'carrier of a to go', everyMs: 100 });
    await bed.host(2).heal();
    await linkIs('up');
    expect(await pings(1, 'a', '10.0.0.2')).toBe(true);
  });

  it('X08: a cut underlay is said of the management network too, from both hosts, and degrades the lab until it heals', async () => {
    const about = async () => (await bed.view(NAME)).problems.filter((problem) => problem.startsWith('management network: '));
    const { n } = await bed.view(NAME);
    await bed.host(2).cut({ direction: 'hear', from: [bed.host(1)] });
    const said = await eventually(async () => ((await about()).length === 2 ? about() : null), { timeoutMs: 20_000, what: 'both hosts to miss each other', everyMs: 50 });
    expect(said).toEqual(['host h1 does not reach host h2', 'host h2 does not reach host h1'].map((words) => expect.stringContaining(`${words}: no frame of 1450 bytes came back from `)));
    await eventually(async () => (await bed.view(NAME)).state === 'degraded', { timeoutMs: 40_000, what: 'the lab to be degraded', everyMs: 100 });
    await bed.host(2).heal();
    await eventually(async () => (await bed.view(NAME)).state === 'running', { timeoutMs: 40_000, what: 'the lab to run', everyMs: 100 });
    expect(await about()).toEqual([]);
    expect((await newsAfter(bed, NAME, n)).filter((sentence) => sentence.startsWith('management network: host h1')).map((sentence) => sentence.split(': no frame')[0])).toEqual(['management network: host h1 does not reach host h2', 'management network: host h1 reaches host h2 again']);
  });

  it('X09 R02: a host that is lost makes its nodes unknown and its links down; it returns as it was, without a restart', async () => {
    const pid = async () => (await bed.host(2).exec('docker', 'inspect', '-f', '{{.State.Pid}}', `clab-${NAME}-b`)).trim();
    const before = await pid();
    await bed.host(2).cut({ direction: 'both', from: 'all' });
    const lost = await eventually(async () => {
      const view = await bed.view(NAME);
      return view.nodes.some((one) => one.state === 'unknown') ? view : null;
    }, { timeoutMs: 60_000, what: 'host h2 to be lost', everyMs: 200 });
    expect(lost.nodes.map((one) => one.state)).toEqual(['running', 'unknown', 'unknown']);
    expect(lost.links[0]?.oper).toBe('down');
    expect(lost.links[0]?.reason).toContain('host h2 is lost');
    await bed.host(2).heal();
    await eventually(async () => (await bed.view(NAME)).state === 'running', { timeoutMs: 60_000, what: 'the lab to run again', everyMs: 200 });
    expect(await pid()).toBe(before);
    await linkIs('up');
    expect(await pings(1, 'a', '10.0.0.2')).toBe(true);
  });

  it('X02: a tunnel that cannot be made is said with the kernel\'s reason, never up, and made when it can be', async () => {
    await bed.destroy(NAME);
    // Somebody else's device on h2 holds the port of all tunnels.
    await bed.host(2).exec('sh', '-c', 'ip link add foreign0 type vxlan external dstport 4789 && ip link set foreign0 up');
    await bed.deploy(labFromText(LAB, `/tmp/${NAME}/t.clab.yml`));
    const refused = await eventually(async () => {
      const now = await link();
      return now?.failure ? now : null;
    }, { timeoutMs: 60_000, what: 'the link to fail', everyMs: 20 });
    expect(refused.oper).not.toBe('up');
    expect(refused.reason).toMatch(/host h2: .*4789|host h2: .*in use/);
    expect((await bed.host(2).exec('ip', '-br', 'link', 'show', 'foreign0')).trim()).not.toBe('');
    expect(await inNode(1, 'a', 'cat', '/sys/class/net/eth1/carrier').catch(() => '0')).toMatch(/^0/);
    await bed.host(2).exec('ip', 'link', 'del', 'foreign0');
    await bed.ops.request('retry', { commandId: bed.nextId(), nodes: [], links: [] }, { lab: labId(NAME) });
    await linkIs('up');
    await eventually(async () => (await bed.view(NAME)).state === 'running', { timeoutMs: 60_000, what: 'the lab to run', everyMs: 100 });
    expect(await pings(1, 'a', '10.0.0.2')).toBe(true);
  });

  it('leaves nothing on either host when it is destroyed', async () => {
    await bed.destroy(NAME);
    for (const host of bed.hosts) {
      expect((await host.exec('docker', 'ps', '-aq')).trim()).toBe('');
      expect((await host.exec('ip', '-br', 'link')).split('\n').filter((line) => /^(lw|br-|clab)/.test(line))).toEqual([]);
      expect((await host.exec('ip', 'netns')).trim()).toBe('');
    }
  });
});
