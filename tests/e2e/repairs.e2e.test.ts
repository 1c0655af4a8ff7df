// What people and the kernel do to a running lab by hand, and that it is put right until packets pass again, with its cause in the history.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { labFromText, openTestBed } from '../support/test-bed.ts';
import type { TestBed } from '../support/test-bed.ts';
import { killAllControl } from './kill-control.ts';
import { refoldsToLive } from './lab-life.ts';
import { hasNews, linkOf, newsAfter, NodeHands, sh } from './node-hands.ts';

const NAME = 'te2e-rep';
const NET = '172.31.102';
const LINK = 'a:eth1--b:eth1';
const OUTSIDE = '172.31.103.2';
const text = `
name: ${NAME}
mgmt: {network: te2e-net-rep, ipv4-subnet: ${NET}.0/24}
topology:
  defaults: {kind: linux, image: "alpine:3"}
  nodes:
    a: {exec: ["ip addr add 10.0.0.1/24 dev eth1"]}
    b: {exec: ["ip addr add 10.0.0.2/24 dev eth1", "ip addr add fd00:10::2/64 dev eth1"]}
    c: {exec: ["ip addr add 10.0.1.2/24 dev eth1"]}
  links:
    - endpoints: ["a:eth1", "b:eth1"]
    - endpoints: ["b:eth2", "c:eth1"]
`;

describe('Must be shown 4: a running lab, disturbed by hand', () => {
  const [a, b] = [new NodeHands(NAME, 'a'), new NodeHands(NAME, 'b')];
  let bed: TestBed;
  /** As it was before the fault: number of the last log entry, the neighbour's interface, addresses of the victim. */
  let before: { n: number; neighbour: { ifindex: number; carrierChanges: number }; addresses: string[]; repairs: number };

  beforeAll(async () => {
    bed = await openTestBed();
    await bed.deploy(labFromText(text, `/tmp/${NAME}/t.clab.yml`));
    await bed.settled(NAME);
    // An address that no exec line of the file would bring back.
    await b.exec('ip', 'address', 'add', '10.99.0.2/24', 'dev', 'eth1');
    await b.exec('ip', 'route', 'add', '10.77.0.0/16', 'via', '10.0.0.1');
    await a.exec('ip', 'address', 'add', '10.99.0.1/24', 'dev', 'eth1');
  });
  afterAll(async () => {
    await bed.up();
    await bed.close();
  });

  beforeEach(async () => {
    const view = await bed.settled(NAME, ['running']);
    before = { n: view.n, neighbour: await a.interfaceState('eth1'), addresses: await b.addresses('eth1'), repairs: linkOf(view, LINK).repairs };
  });

  /** Waits for the pings, then holds what is true after each repair; returns milliseconds until the first answer. */
  async function repaired(): Promise<number> {
    const tookMs = await a.pings('10.0.0.2');
    await a.pings('10.99.0.2');
    await b.pings(`${NET}.1`);
    expect((await a.interfaceState('eth1')).ifindex).toBe(before.neighbour.ifindex);
    const isBack = async () => JSON.stringify(await b.addresses('eth1')) === JSON.stringify(before.addresses);
    await eventually(isBack, { timeoutMs: 30_000, what: `addresses ${before.addresses.join(', ')} of node b` });
    expect(await b.inNetns('ip', 'route', 'show', '10.77.0.0/16')).toContain('via 10.0.0.1');
    const view = await bed.settled(NAME, ['running']);
    expect([view.problems, linkOf(view, LINK).oper]).toEqual([[], 'up']);
    await refoldsToLive(bed, NAME);
    return tookMs;
  }

  const flapsOf = async () => ((await a.interfaceState('eth1')).carrierChanges - before.neighbour.carrierChanges) / 2;

  it('docker kill: the process runs again in the same namespace, one clean flap', async ({ annotate }) => {
    await sh('docker', 'kill', b.container);
    await hasNews(bed, NAME, { after: before.n, fits: /node b runs again \(repair\)/ });
    await annotate(`pings after ${await repaired()} ms`);
    expect(await newsAfter(bed, NAME, before.n)).toContain('process of node b ended with exit code 137; the host restarts it');
    expect(await flapsOf()).toBe(1);
  });

  it('docker rm -f: made anew with its addresses and routes', async ({ annotate }) => {
    await sh('docker', 'rm', '-f', b.container);
    await annotate(`pings after ${await repaired()} ms`);
    await hasNews(bed, NAME, { after: before.n, fits: /node b runs again \(repair\)/ });
    expect(await flapsOf()).toBe(1);
  });

  it('docker restart: left to the engine, no repair counted', async ({ annotate }) => {
    await sh('docker', 'restart', '-t', '0', b.container);
    await annotate(`pings after ${await repaired()} ms`);
    await hasNews(bed, NAME, { after: before.n, fits: /node b runs again \(external\)/ });
    expect(await flapsOf()).toBe(1);
  });

  it('docker stop: a node that is wanted runs again', async ({ annotate }) => {
    await sh('docker', 'stop', '-t', '0', b.container);
    await hasNews(bed, NAME, { after: before.n, fits: /node b runs again \(repair\)/ });
    await annotate(`pings after ${await repaired()} ms`);
    expect(await flapsOf()).toBe(1);
  });

  it('docker restart while all our processes are away: no link is lost, the neighbour sees at most one clean flap', async () => {
    await killAllControl(bed.home);
    const pid = await b.pid();
    await sh('docker', 'restart', '-t', '0', b.container);
    expect(await b.pid()).not.toBe(pid);
    await a.pings('10.0.0.2');
    expect((await a.interfaceState('eth1')).ifindex).toBe(before.neighbour.ifindex);
    await bed.up();
    await hasNews(bed, NAME, { after: before.n, fits: /node b runs again \(external\)/ });
    await repaired();
    expect(await flapsOf()).toBeLessThanOrEqual(1);
    expect(linkOf(await bed.view(NAME), LINK).repairs).toBe(before.repairs);
  });

  it('docker kill while all our processes are away: repaired by their return', async () => {
    await killAllControl(bed.home);
    await sh('docker', 'kill', b.container);
    await bed.up();
    await hasNews(bed, NAME, { after: before.n, fits: /node b runs again \(repair\)/ });
    await repaired();
    expect(await flapsOf()).toBeLessThanOrEqual(1);
  });

  const hostEnd = async (node: 'a' | 'b') => {
    const link = linkOf(await bed.view(NAME), LINK);
    const device = [link.a, link.b].find((end) => end.node === node)?.device;
    if (device === undefined) throw new Error(`no host end of ${node}`);
    return device;
  };
  const faults: Record<string, { do: () => Promise<unknown>; what: RegExp }> = {
    'the host end of the veth is deleted': { do: async () => await sh('ip', 'link', 'del', await hostEnd('b')), what: /end-deleted/ },
    'the tc filter of one end is removed': { do: async () => await sh('tc', 'filter', 'del', 'dev', await hostEnd('a'), 'ingress'), what: /redirect-lost/ },
    'the whole clsact of one end is removed': { do: async () => await sh('tc', 'qdisc', 'del', 'dev', await hostEnd('b'), 'clsact'), what: /clsact-lost|redirect-lost/ },
    'the victim\'s host end is set down': { do: async () => await sh('ip', 'link', 'set', await hostEnd('b'), 'down'), what: /end-down/ },
    'the neighbour\'s host end is set down': { do: async () => await sh('ip', 'link', 'set', await hostEnd('a'), 'down'), what: /end-down/ },
  };
  it.each(Object.entries(faults))('%s', async (_name, fault) => {
    await fault.do();
    const news = await hasNews(bed, NAME, { after: before.n, fits: new RegExp(`link ${LINK} repaired: .*(${fault.what.source})`) });
    expect(news).toMatch(/at end [ab]$/);
    await repaired();
    expect(linkOf(await bed.view(NAME), LINK).repairs).toBe(before.repairs + 1);
    // A repair raises carrier once, and whoever set the end down lowered it once.
    expect(await flapsOf()).toBeLessThanOrEqual(2);
  });

  it('the management interface\'s host end is deleted', async () => {
    const ports = (await sh('ip', '-o', 'link', 'show', 'type', 'veth')).split('\n');
    const ifindex = await b.inNetns('cat', '/sys/class/net/eth0/iflink');
    const device = ports.flatMap((line) => new RegExp(`^${ifindex}: ([^@:]+)`).exec(line)?.[1] ?? [])[0] ?? '';
    await sh('ip', 'link', 'del', device);
    await hasNews(bed, NAME, { after: before.n, fits: /management network repaired: .*node b/ });
    await repaired();
    expect(await b.addresses('eth0')).toContain(`${NET}.3/24`);
  });

  it('our NAT table is removed: nodes reach the outside again', async () => {
    await outsideWorld();
    try {
      await b.pings(OUTSIDE);
      const table = /table inet (\S+) \{(?:(?!\ntable)[\s\S])*?te2e-net-rep/.exec(await sh('nft', 'list', 'ruleset'))?.[1] ?? '';
      expect(table).toContain('labwright');
      await sh('nft', 'delete', 'table', 'inet', table);
      await hasNews(bed, NAME, { after: before.n, fits: /management network repaired: .*nftables table/ });
      await b.pings(OUTSIDE);
      await repaired();
    } finally {
      await sh('ip', 'netns', 'del', 'te2e-out');
    }
  });
});

/** A machine beyond the host that has no way back to the lab's management network: only NAT brings answers home. */
async function outsideWorld(): Promise<void> {
  await sh('ip', 'netns', 'add', 'te2e-out');
  await sh('ip', 'link', 'add', 'te2e-o', 'type', 'veth', 'peer', 'name', 'o0', 'netns', 'te2e-out');
  await sh('ip', 'address', 'add', '172.31.103.1/30', 'dev', 'te2e-o');
  await sh('ip', 'link', 'set', 'te2e-o', 'up');
  await sh('ip', 'netns', 'exec', 'te2e-out', 'ip', 'address', 'add', `${OUTSIDE}/30`, 'dev', 'o0');
  await sh('ip', 'netns', 'exec', 'te2e-out', 'ip', 'link', 'set', 'o0', 'up');
}
