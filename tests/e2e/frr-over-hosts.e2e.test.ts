// Twenty FRR routers over four hosts, on either link plane: OSPF converges over local and remote links, and packets pass as large as is said.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { LabView, LinkView } from '../../machines/vocabulary/lab-view.ts';
import { eventually } from '../support/eventually.ts';
import type { TestHost, TestHosts } from '../support/test-hosts.ts';
import { openTestHosts } from '../support/test-hosts.ts';
import { addressOf, CROSS_MTU, frrLab, loopback, neighboursOf, ROUTERS, WIRES } from './frr-lab.ts';

const HEADERS = 28;
const LOCAL_MTU = 9500;
const Neighbours = z.object({ neighbors: z.record(z.string(), z.array(z.object({ nbrState: z.string() }))) });

let bed: TestHosts;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'te2e-frr-'));
  bed = await openTestHosts({ hosts: 4, ovs: true, images: ['labwright/frr:local'], env: { LABWRIGHT_ECHO_EVERY_MS: '1000' } });
});
afterAll(async () => {
  await bed?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

describe.each(['tc', 'ovs'] as const)('twenty routers over four hosts on plane %s', (plane) => {
  const name = `te2e-frr-${plane}`;
  let view: LabView;
  const hostOf = (router: number): TestHost => {
    const host = bed.hosts.find(({ id }) => id === view.nodes.find(({ node }) => node === `r${router}`)?.host);
    if (!host) throw new Error(`r${router} is on no host`);
    return host;
  };
  const inRouter = async (router: number, ...argv: string[]): Promise<string> => await hostOf(router).exec('docker', 'exec', `clab-${name}-r${router}`, ...argv);
  /** What ping says, which ends with an error when nothing comes back. */
  const ping = async (router: number, to: string, bytes: number, fragments: 'do' | 'dont'): Promise<string> =>
    await inRouter(router, 'sh', '-c', `ping -c 1 -W 3 -M ${fragments} -s ${bytes - HEADERS} ${to} 2>&1 || true`);
  const onEachHost = async (work: (router: number) => Promise<void>): Promise<void> => {
    const groups = Map.groupBy(ROUTERS, (router) => hostOf(router).id);
    await Promise.all([...groups.values()].map(async (group) => {
      for (const router of group) await work(router);
    }));
  };
  const isFull = async (router: number): Promise<boolean> => {
    const { neighbors } = Neighbours.parse(JSON.parse(await inRouter(router, 'vtysh', '-c', 'show ip ospf neighbor json')));
    return Object.values(neighbors).flat().filter(({ nbrState }) => nbrState.startsWith('Full/')).length === neighboursOf(router);
  };
  const wireOf = (pick: (link: LinkView) => boolean) => {
    const link = view.links.find(pick);
    const labels = new Set([link?.a.label, link?.b.label]);
    const wire = WIRES.find(({ a, b, aPort, bPort }) => labels.has(`r${a}:${aPort}`) && labels.has(`r${b}:${bPort}`));
    if (!link || !wire) throw new Error('no such link');
    return { link, wire };
  };

  it('comes up with five routers on each host and links within and across, without a repair', async () => {
    await bed.deploy(await frrLab(name, folder, plane));
    view = await bed.settled(name);
    expect(view.problems).toEqual([]);
    expect([...Map.groupBy(view.nodes, ({ host }) => host).values()].map((nodes) => nodes.length)).toEqual([5, 5, 5, 5]);
    expect(view.links.map(({ oper, repairs, planes }) => ({ oper, repairs, planes }))).toEqual(WIRES.map(() => ({ oper: 'up', repairs: 0, planes: { a: plane, b: plane } })));
    const remote = view.links.filter(({ tunnel }) => tunnel !== undefined);
    expect([remote.length > 0, remote.length < view.links.length]).toEqual([true, true]);
    expect(new Set(remote.map(({ mtu }) => mtu))).toEqual(new Set([1450, CROSS_MTU]));
    const ports = await Promise.all(bed.hosts.map(async (host) => (await host.exec('ovs-vsctl', '--if-exists', 'get', 'bridge', 'lw-ovs', 'ports')).split(',').length));
    expect(ports.every((count) => (plane === 'ovs' ? count > 10 : count === 1))).toBe(true);
  });

  it('has all OSPF neighbours Full and pings all loopbacks from each router', async () => {
    await onEachHost(async (router) => void (await eventually(async () => await isFull(router), { timeoutMs: 90_000, what: `neighbours of r${router} to be Full`, everyMs: 250 })));
    await onEachHost(async (router) => {
      const others = ROUTERS.filter((other) => other !== router).map(loopback);
      const unreached = async (): Promise<string> => await inRouter(router, 'sh', '-c', `for to in ${others.join(' ')}; do (ping -c 1 -W 2 -I ${loopback(router)} $to >/dev/null || echo $to) & done; wait`);
      expect(await eventually(async () => ((await unreached()).trim() === '' ? 'all' : false), { timeoutMs: 30_000, what: `r${router} to reach all loopbacks`, everyMs: 250 })).toBe('all');
    });
  });

  it.each([
    ['across hosts', 1450, (link: LinkView) => link.tunnel?.fragmented === false],
    ['across hosts with a set MTU above the underlay\'s', CROSS_MTU, (link: LinkView) => link.tunnel?.fragmented === true],
    ['within a host', LOCAL_MTU, (link: LinkView) => link.tunnel === undefined && link.mtu === LOCAL_MTU],
  ] as const)('passes the whole MTU %s (%i), tells a larger packet that must not be split, and splits others', async (_where, mtu, pick) => {
    const { link, wire } = wireOf(pick);
    expect(link.mtu).toBe(mtu);
    for (const [from, to] of [[wire.a, wire.b], [wire.b, wire.a]] as const) {
      expect(await ping(from, addressOf(wire, to), mtu, 'do')).toContain(' 0% packet loss');
      expect(await ping(from, addressOf(wire, to), mtu + 1, 'do')).toMatch(new RegExp(`message too long,? mtu[=:] ?${mtu}`, 'i'));
      expect(await ping(from, addressOf(wire, to), mtu + 1000, 'dont')).toContain(' 0% packet loss');
    }
  });

  it('still has all links up and never repaired, and leaves nothing when it is destroyed', async () => {
    expect((await bed.view(name)).links.filter(({ oper, repairs }) => oper !== 'up' || repairs > 0)).toEqual([]);
    await bed.destroy(name);
    for (const host of bed.hosts) {
      expect((await host.exec('docker', 'ps', '-aq')).trim()).toBe('');
      expect((await host.exec('ip', '-br', 'link')).split('\n').filter((line) => /^(lw|br-|clab)/.test(line))).toEqual([]);
      expect((await host.exec('ovs-vsctl', 'list-br')).trim()).toBe('');
    }
  });
});
