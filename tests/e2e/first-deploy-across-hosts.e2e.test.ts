// A lab over two hosts from nothing: what cannot be is refused before anything is made, the rest comes up without one repair, and stays so over restarts.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { lab as labId } from '../support/lab-builders.ts';
import { eventually } from '../support/eventually.ts';
import { openTestHosts } from '../support/test-hosts.ts';
import type { TestHosts } from '../support/test-hosts.ts';
import { labFromText } from '../support/test-bed.ts';

const NAME = 'te2e-fd';
const NODES = ['a1', 'a2', 'a3', 'a4', 'a5', 'b1', 'b2', 'b3', 'b4', 'b5'];
/** Longer than any test: nothing that only a look now and then would find is found. */
const NEVER = '36000';

const hostOf = (node: string) => (node.startsWith('a') ? 1 : 2);
const nameOf = (node: string) => `clab-${NAME}-${node}`;
const labFrom = (topology: string) => labFromText(`name: ${NAME}\nmgmt: {network: ${NAME}-net, ipv4-subnet: 172.31.124.0/24}\ntopology:\n  defaults: {kind: linux, image: "alpine:3"}\n${topology}`, `/tmp/${NAME}/t.clab.yml`);

/** Twenty links: each node with the next, and with the one five further, which is on the other host. */
const links = NODES.flatMap((node, index) => [[node, NODES[(index + 1) % 10] ?? '', index], [node, NODES[(index + 5) % 10] ?? '', index + 10]] as const);
const full = labFrom([
  '  nodes:',
  ...NODES.map((node) => `    ${node}: {host: h${hostOf(node)}, exec: [${links.flatMap(([left, right, number]) => (left === node ? [`"ip addr add 10.9.${number}.1/24 dev l${number}"`] : right === node ? [`"ip addr add 10.9.${number}.2/24 dev l${number}"`] : [])).join(', ')}]}`),
  '  links:',
  ...links.map(([left, right, number]) => `    - endpoints: ["${left}:l${number}", "${right}:l${number}"]`),
].join('\n'));

let bed: TestHosts;
beforeAll(async () => void (bed = await openTestHosts({ hosts: 2, images: ['alpine:3'], env: { LABWRIGHT_ECHO_EVERY_MS: String(Number(NEVER) * 1000), LABWRIGHT_SWEEP_SECONDS: NEVER } })));
afterEach(async () => await bed.destroyAll());
afterAll(async () => await bed?.close());

const pings = async (node: string, to: string) => await bed.host(hostOf(node)).exec('docker', 'exec', nameOf(node), 'ping', '-c', '1', '-W', '1', to).then(() => true, () => false);
/** All at once and without the engine, for it is polled against a limit. */
const allPing = async () => (await Promise.all([1, 2].map(async (on) => {
  const own = links.filter(([left]) => hostOf(left) === on);
  const printed = await bed.host(on).exec('sh', '-c', `${own.map(([left, , number]) => `(ip netns exec ${nameOf(left)} ping -q -c1 -W1 10.9.${number}.2 >/dev/null 2>&1 && echo passed) &`).join('\n')}\nwait`);
  return printed.split('\n').filter((line) => line === 'passed').length === own.length;
}))).every(Boolean);
const crossing = () => links.filter(([left, right]) => hostOf(left) !== hostOf(right));
const ports = async (number: number) => (await bed.host(number).exec('ip', '-br', 'link')).split('\n').map((line) => line.split(/[ @]/)[0] ?? '').filter((name) => /^lw|^to-/.test(name));
const reported = async (after = 0) => {
  const { entries } = await bed.ops.request('history', { after, limit: 1000 }, { lab: labId(NAME) });
  return entries.flatMap(({ entry }) => entry.events).flatMap((event) => (event.type === 'Reported' ? [event.observation] : []));
};

describe('the first deploy of a lab over two hosts', () => {
  it('P06 X16: of twenty links has no repair, no failure and nothing tried twice; when it says running, every link carries frames', async () => {
    expect([links.length, crossing().length]).toEqual([20, 12]);
    await bed.deploy(full);
    const view = await bed.settled(NAME);
    expect([view.state, view.problems]).toEqual(['running', []]);
    expect(await allPing()).toBe(true);
    for (const node of NODES) expect((await bed.host(hostOf(node)).exec('docker', 'inspect', '-f', '{{.State.Running}} {{.RestartCount}}', nameOf(node))).trim()).toBe('true 0');
    expect(view.links.every(({ oper, repairs }) => oper === 'up' && repairs === 0)).toBe(true);
    const noise = (await reported()).filter((seen) => /repaired|died|failed|gave-up|unplugged|lost/.test(seen.type) || ('cause' in seen && seen.cause !== 'order' && seen.type !== 'link.joined'));
    expect(noise).toEqual([]);
    expect((await reported()).filter((seen) => seen.type === 'node.started')).toHaveLength(NODES.length);
  });

  it.each([
    ['a host that is not there', 'a: {host: h9}', 'h9'],
    ['more memory than any host has', 'a: {memory: 900GB}', 'memory'],
    ['an image that is nowhere and may not be pulled', 'a: {image: "te2e-fd/absent:1", image-pull-policy: never}', 'te2e-fd/absent:1'],
  ])('P06: that wants %s is refused with the reason, and nothing is made', async (_what, node, named) => {
    await expect(bed.deploy(labFrom(`  nodes:\n    ok: {host: h2}\n    ${node}`))).rejects.toThrow(named);
    for (const host of bed.hosts) expect((await host.exec('docker', 'ps', '-aq')).trim() + (await host.exec('ip', 'netns')).trim()).toBe('');
    expect((await bed.ops.request('list', { destroyed: false })).labs).toEqual([]);
  });

  it('P06: with a container name that somebody else has, or a command that is not in its image, fails those nodes with the reason and runs the rest', async () => {
    await bed.host(2).exec('docker', 'create', '--name', nameOf('taken'), 'alpine:3');
    try {
      await bed.deploy(labFrom('  nodes:\n    ok: {host: h1}\n    taken: {host: h2}\n    nocommand: {host: h2, cmd: /no/such}'));
      const view = await bed.settled(NAME, ['degraded']);
      expect(view.nodes.map(({ node, state }) => [node, state])).toEqual([['nocommand', 'failed'], ['ok', 'running'], ['taken', 'failed']]);
      expect(view.problems.join()).toMatch(/no\/such[^]*is taken by a container that is not ours/);
    } finally {
      await bed.destroy(NAME);
      await bed.host(2).exec('docker', 'rm', nameOf('taken'));
    }
  });
});

describe('a host-actor that starts again', () => {
  it('X17: makes right within 10 s what went wrong meanwhile: all pings are back although nothing looks again but at its start', async () => {
    await bed.deploy(full);
    await bed.settled(NAME);
    const { n } = await bed.view(NAME);
    await bed.host(2).actor.kill();
    const tunnel = (await bed.host(2).exec('ip', '-br', 'link', 'show', 'type', 'vxlan')).split('\n').map((line) => line.split(/[ @]/)[0] ?? '').find((name) => name !== '' && !name.startsWith('lwm')) ?? '';
    await bed.host(2).exec('ip', 'link', 'del', tunnel);
    await bed.host(2).exec('docker', 'kill', nameOf('b3'));
    expect(await allPing()).toBe(false);
    await bed.host(2).actor.start();
    await eventually(allPing, { timeoutMs: 10_000, what: 'all pings to be back', everyMs: 100 });
    await bed.settled(NAME, ['running']);
    const after = await reported(n);
    const order = [after.findIndex((seen) => seen.type === 'node.started' && seen.node === 'b3'), after.findLastIndex((seen) => seen.type === 'link.joined' || seen.type === 'link.repaired')];
    expect(order[0]).toBeGreaterThanOrEqual(0);
    expect(order[1]).toBeGreaterThan(order[0] ?? 0);
    const broken = new Set(after.flatMap((seen) => ('link' in seen && seen.type === 'link.repaired' ? [seen.link] : [])));
    expect(broken.size).toBeLessThan(links.length);
  });
});

describe('a link to a place of another host', () => {
  it('X15: to a bridge or to the host itself leaves no port anywhere when it is taken out of the file, however often', async () => {
    await bed.host(1).exec('ip', 'link', 'add', 'br-x15', 'type', 'bridge');
    await bed.host(1).exec('ip', 'addr', 'add', '10.15.0.1/24', 'dev', 'br-x15');
    await bed.host(1).exec('ip', 'link', 'set', 'br-x15', 'up');
    const withLinks = (joined: boolean) => labFrom(`  nodes:\n    br-x15: {kind: bridge, host: h1}\n    b1: {host: h2, exec: ["ip addr add 10.15.0.2/24 dev eth1"]}\n    a1: {host: h1}${joined ? '\n  links:\n    - endpoints: ["br-x15:to-b1", "b1:eth1"]\n    - endpoints: ["b1:eth2", "host:to-host"]' : ''}`);
    for (const round of [1, 2]) {
      await bed.deploy(withLinks(true));
      const view = await bed.settled(NAME);
      expect([round, view.state, view.problems]).toEqual([round, 'running', []]);
      // What commands set inside goes with the interface.
      await bed.host(2).exec('docker', 'exec', nameOf('b1'), 'ip', 'addr', 'replace', '10.15.0.2/24', 'dev', 'eth1');
      expect(await pings('b1', '10.15.0.1')).toBe(true);
      expect(await ports(1)).toContain('to-b1');
      expect(await ports(2)).toContain('to-host');
      const before = { h1: await ports(1), h2: await ports(2) };
      await bed.deploy(withLinks(false));
      await eventually(async () => (await bed.view(NAME)).links.length === 0, { timeoutMs: 30_000, what: 'the links to go' });
      expect(before.h1.length).toBeGreaterThan((await ports(1)).length);
      expect([await ports(1), await ports(2)].flat().filter((name) => name.startsWith('to-'))).toEqual([]);
      expect((await bed.host(1).exec('ip', '-br', 'link', 'show', 'master', 'br-x15')).trim()).toBe('');
    }
    await bed.destroy(NAME);
    expect([await ports(1), await ports(2)]).toEqual([[], []]);
    await bed.host(1).exec('ip', 'link', 'del', 'br-x15');
  });
});
