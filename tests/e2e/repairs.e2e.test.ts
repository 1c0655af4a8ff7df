// What people and the kernel do to a running lab by hand, and that it is put right until packets pass again, with its cause in the history.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { labFromText, openTestBed } from '../support/test-bed.ts';
import type { TestBed } from '../support/test-bed.ts';
import { killAllControl } from './kill-control.ts';
import { refoldsToLive } from './lab-life.ts';
import { hasNews, linkOf, NodeHands, sh } from './node-hands.ts';

const NAME = 'te2e-rep';
const NET = '172.31.102';
const OUTSIDE = '172.31.103.2';
/** One victim a test, all neighbours of one hub: what is done to one spends no other's repair budget. */
const VICTIMS = ['v1', 'v2', 'v3', 'v4', 'v5', 'v6', 'v7'] as const;
const number = (victim: string) => Number(victim.slice(1));
const text = `
name: ${NAME}
mgmt: {network: te2e-net-rep, ipv4-subnet: ${NET}.0/24}
topology:
  defaults: {kind: linux, image: "alpine:3"}
  nodes:
    hub:
      exec:
${VICTIMS.map((victim) => `        - ip addr add 10.0.${number(victim)}.1/24 dev eth${number(victim)}`).join('\n')}
${VICTIMS.map((victim) => `    ${victim}: {exec: ["ip addr add 10.0.${number(victim)}.2/24 dev eth1", "ip addr add fd00:${number(victim)}::2/64 dev eth1", "ip addr add 10.98.${number(victim)}.2/24 dev eth0"]}`).join('\n')}
  links:
${VICTIMS.map((victim) => `    - endpoints: ["hub:eth${number(victim)}", "${victim}:eth1"]`).join('\n')}
`;

type Before = { readonly n: number; readonly neighbour: { ifindex: number; carrierChanges: number }; readonly addresses: readonly string[]; readonly repairs: number };

describe('Must be shown 4: a running lab, disturbed by hand', () => {
  const hub = new NodeHands(NAME, 'hub');
  let bed: TestBed;
  let taken: { hands: NodeHands; n: number; link: string; before: Before };

  beforeAll(async () => {
    bed = await openTestBed();
    await bed.deploy(labFromText(text, `/tmp/${NAME}/t.clab.yml`));
    await bed.settled(NAME, ['running']);
    // What no exec line would bring back.
    for (const victim of VICTIMS) {
      const n = number(victim);
      const node = new NodeHands(NAME, victim);
      await node.exec('ip', 'address', 'add', `10.99.${n}.2/24`, 'dev', 'eth1');
      await node.exec('ip', 'route', 'add', '10.77.0.0/16', 'via', `10.0.${n}.1`);
      await hub.exec('ip', 'address', 'add', `10.99.${n}.1/24`, 'dev', `eth${n}`);
    }
  });
  afterAll(async () => {
    await bed.up();
    await bed.close();
  });

  /** Takes the victim and notes how all is. */
  async function take(name: (typeof VICTIMS)[number]): Promise<NodeHands> {
    const [hands, n, link] = [new NodeHands(NAME, name), number(name), `hub:eth${number(name)}--${name}:eth1`];
    const view = await bed.settled(NAME, ['running']);
    const before = { n: view.n, neighbour: await hub.interfaceState(`eth${n}`), addresses: await hands.addresses('eth1'), repairs: linkOf(view, link).repairs };
    taken = { hands, n, link, before };
    return hands;
  }

  /** Waits for the pings, then holds what is true after each repair; returns milliseconds until the first answer. */
  async function repaired(): Promise<number> {
    const { hands, n, link, before } = taken;
    const tookMs = await hub.pings(`10.0.${n}.2`);
    await hub.pings(`10.99.${n}.2`);
    await hands.pings(`${NET}.1`);
    expect((await hub.interfaceState(`eth${n}`)).ifindex).toBe(before.neighbour.ifindex);
    const isBack = async () => JSON.stringify(await hands.addresses('eth1')) === JSON.stringify(before.addresses);
    await eventually(isBack, { timeoutMs: 30_000, what: `addresses ${before.addresses.join(', ')} of ${hands.container}` });
    expect(await hands.inNetns('ip', 'route', 'show', '10.77.0.0/16')).toContain(`via 10.0.${n}.1`);
    const view = await bed.settled(NAME, ['running']);
    expect([view.problems, linkOf(view, link).oper]).toEqual([[], 'up']);
    await refoldsToLive(bed, NAME);
    return tookMs;
  }

  const flaps = async () => ((await hub.interfaceState(`eth${taken.n}`)).carrierChanges - taken.before.neighbour.carrierChanges) / 2;
  const news = async (fits: RegExp) => await hasNews(bed, NAME, { after: taken.before.n, fits });
  const linkRepairs = async () => linkOf(await bed.view(NAME), taken.link).repairs - taken.before.repairs;

  it('docker kill: the process runs again in the same namespace, one clean flap', async ({ annotate }) => {
    const { container } = await take('v1');
    await sh('docker', 'kill', container);
    await news(/^node v1 runs again \(repair\)/);
    await annotate(`pings after ${await repaired()} ms`);
    await news(/^process of node v1 ended with exit code 137; the host restarts it/);
    expect(await flaps()).toBe(1);
  });

  it('R07: docker rm -f: made anew as it was made first, with its addresses and routes', async ({ annotate }) => {
    const { container } = await take('v2');
    // The engine names the bridge, so that the first container is made before its name is known.
    const made = async (): Promise<unknown> => JSON.parse((await sh('docker', 'inspect', '-f', '[{{json .Name}}, {{json .Path}}, {{json .Args}}, {{json .Config}}, {{json .HostConfig}}]', container)).replaceAll(/br-[0-9a-f]{12}/g, ''));
    const before = await made();
    await sh('docker', 'rm', '-f', container);
    await annotate(`pings after ${await repaired()} ms`);
    await news(/^node v2 runs again \(repair\)/);
    expect(await made()).toEqual(before);
    expect(await flaps()).toBe(1);
  });

  it('docker restart: left to the engine, no repair counted', async ({ annotate }) => {
    const { container } = await take('v3');
    await sh('docker', 'restart', '-t', '0', container);
    await annotate(`pings after ${await repaired()} ms`);
    await news(/^node v3 runs again \(external\)/);
    expect(await flaps()).toBe(1);
  });

  it('docker stop: a node that is wanted runs again', async ({ annotate }) => {
    const { container } = await take('v4');
    await sh('docker', 'stop', '-t', '0', container);
    await news(/^node v4 runs again \(repair\)/);
    await annotate(`pings after ${await repaired()} ms`);
    expect(await flaps()).toBe(1);
  });

  it('docker restart while all our processes are away: no link is lost, the neighbour sees at most one clean flap', async () => {
    const hands = await take('v5');
    await killAllControl(bed.home);
    const pid = await hands.pid();
    await sh('docker', 'restart', '-t', '0', hands.container);
    expect(await hands.pid()).not.toBe(pid);
    await hub.pings('10.0.5.2');
    expect(await hub.interfaceState('eth5')).toEqual(taken.before.neighbour);
    await bed.up();
    await news(/^node v5 runs again \(external\)/);
    await repaired();
    expect(await flaps()).toBeLessThanOrEqual(1);
    expect(await linkRepairs()).toBe(0);
  });

  it('docker kill while all our processes are away: repaired by their return', async () => {
    const hands = await take('v6');
    await killAllControl(bed.home);
    await sh('docker', 'kill', hands.container);
    await bed.up();
    await news(/^node v6 runs again \(repair\)/);
    await repaired();
    expect(await flaps()).toBeLessThanOrEqual(1);
  });

  const hostEnd = async (node: 'hub' | 'v7') => {
    const { a, b } = linkOf(await bed.view(NAME), taken.link);
    const device = [a, b].find((end) => end.node === node)?.device;
    if (device === undefined) throw new Error(`no host end of ${node}`);
    return device;
  };
  const faults: Record<string, { do: () => Promise<unknown>; what: string }> = {
    'the victim\'s veth is deleted by its host end': { do: async () => await sh('ip', 'link', 'del', await hostEnd('v7')), what: 'end-deleted' },
    'the tc filter of one end is removed': { do: async () => await sh('tc', 'filter', 'del', 'dev', await hostEnd('hub'), 'ingress'), what: 'redirect-lost' },
    'the whole clsact of one end is removed': { do: async () => await sh('tc', 'qdisc', 'del', 'dev', await hostEnd('v7'), 'clsact'), what: 'clsact-lost|redirect-lost' },
    'the victim\'s host end is set down': { do: async () => await sh('ip', 'link', 'set', await hostEnd('v7'), 'down'), what: 'end-down' },
    'the neighbour\'s host end is set down': { do: async () => await sh('ip', 'link', 'set', await hostEnd('hub'), 'down'), what: 'end-down' },
  };
  it.each(Object.entries(faults))('%s', async (_name, fault) => {
    await take('v7');
    await fault.do();
    await news(new RegExp(`^link ${taken.link} repaired: (${fault.what}) at end [ab]$`));
    await repaired();
    expect(await linkRepairs()).toBe(1);
    // Whoever set the end down lowered carrier once; the repair raises it by one clean flap.
    expect(await flaps()).toBeLessThanOrEqual(2);
  });

  it('the host end of a management interface is deleted', async () => {
    const hands = await take('v1');
    const ports = (await sh('ip', '-o', 'link', 'show', 'type', 'veth')).split('\n');
    const ifindex = await hands.inNetns('cat', '/sys/class/net/eth0/iflink');
    const [address, route] = [await hands.addresses('eth0'), await hands.inNetns('ip', 'route', 'show', 'default')];
    expect(route).toContain(`via ${NET}.1`);
    await sh('ip', 'link', 'del', ports.flatMap((line) => new RegExp(`^${ifindex}: ([^@:]+)`).exec(line)?.[1] ?? [])[0] ?? '');
    await news(/^management network repaired: .*node v1/);
    await repaired();
    expect(await hands.addresses('eth0')).toEqual(address);
    expect(await hands.inNetns('ip', 'route', 'show', 'default')).toBe(route);
  });

  it('our NAT table is removed: nodes reach the outside again', async () => {
    const hands = await take('v1');
    await outsideWorld();
    try {
      await hands.pings(OUTSIDE);
      const table = /table inet (\S+) \{(?:(?!\ntable)[\s\S])*?te2e-net-rep/.exec(await sh('nft', 'list', 'ruleset'))?.[1] ?? '';
      expect(table).toContain('labwright');
      await sh('nft', 'delete', 'table', 'inet', table);
      await news(/^management network repaired: .*nftables table/);
      await hands.pings(OUTSIDE);
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
