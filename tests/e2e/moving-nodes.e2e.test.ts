// Nodes that leave their host: because it is lost and the lab says that they shall, because it is drained, or because the lab is destroyed meanwhile.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { lab as labId } from '../support/lab-builders.ts';
import { eventually } from '../support/eventually.ts';
import { openTestHosts } from '../support/test-hosts.ts';
import type { TestHosts } from '../support/test-hosts.ts';
import { labFromText } from '../support/test-bed.ts';

const NAME = 'te2e-mv';
const lab = (placement: string) => labFromText(`
name: ${NAME}
mgmt: {network: ${NAME}-net, ipv4-subnet: 172.31.122.0/24}
placement: {policy: spread, on-lost-host: ${placement}}
topology:
  defaults: {kind: linux, image: "alpine:3"}
  nodes:
    a: {host: h1, exec: ["ip addr add 10.0.0.1/24 dev eth1"]}
    b: {exec: ["ip addr add 10.0.0.2/24 dev eth1"], labels: {labwright-apart: x}}
    c: {host: h1, labels: {labwright-apart: x}}
  links:
    - endpoints: [a:eth1, b:eth1]
`, `/tmp/${NAME}/t.clab.yml`);

let bed: TestHosts;
beforeAll(async () => void (bed = await openTestHosts({ hosts: 3, images: ['alpine:3'], env: (number) => ({ LABWRIGHT_ECHO_EVERY_MS: '500', LABWRIGHT_CAPACITY_MEMORY_MIB: number === 1 ? '8192' : '2048' }), supervisorEnv: { LABWRIGHT_HOST_LOST_SECONDS: '6' } })));
afterEach(async () => {
  for (const host of bed.hosts) await host.heal();
  await bed.destroyAll();
});
afterAll(async () => await bed?.close());

const hostOf = async (node: string) => (await bed.view(NAME)).nodes.find((one) => one.node === node)?.host ?? '';
const numbered = (id: string) => Number(id.slice(1));
/** Hosts on which a container of the node runs, whatever anybody says of it. */
const copies = async (node: string) =>
  (await Promise.all(bed.hosts.map(async (host) => ((await host.exec('docker', 'ps', '-q', '-f', `name=^clab-${NAME}-${node}$`)).trim() === '' ? [] : [host.id])))).flat();
const pings = async () => await bed.host(1).exec('docker', 'exec', `clab-${NAME}-a`, 'ping', '-c', '1', '-W', '2', '10.0.0.2').then(() => true, () => false);
/** The link as it is shown, with the hosts of its two legs. */
const linkUp = async (other: string) => await eventually(async () => {
  const [link] = (await bed.view(NAME)).links;
  return link?.oper === 'up' && link.reason === '' && link.tunnel?.a.host === 'h1' && link.tunnel.b.host === other ? link : null;
}, { timeoutMs: 30_000, what: `the link to be up between h1 and ${other}`, everyMs: 200 });
/** The management address of node b that its plan names, and what is on its interface. */
const mgmtOfB = async (on: string) => {
  const b = (await bed.view(NAME)).nodes.find((one) => one.node === 'b');
  return { planned: b?.ipv4, there: /inet (\S+)/.exec(await bed.host(numbered(on)).exec('docker', 'exec', `clab-${NAME}-b`, 'ip', '-4', 'addr', 'show', 'eth0'))?.[1] };
};
const running = async () => await eventually(async () => ((await bed.view(NAME)).state === 'running' ? true : null), { timeoutMs: 60_000, what: 'the lab to run', everyMs: 100 });

describe('a node whose host is lost', () => {
  it('P08: is ended there before it runs elsewhere, moves with its link, and its old copy is removed when the host is back', async () => {
    await bed.deploy(lab('5s'));
    await running();
    const old = await hostOf('b');
    expect(['h2', 'h3']).toContain(old);
    await bed.host(numbered(old)).cut({ direction: 'both', from: 'all' });
    const seen: string[][] = [];
    const moved = await eventually(async () => {
      seen.push(await copies('b'));
      const view = await bed.view(NAME);
      const b = view.nodes.find((one) => one.node === 'b');
      return b?.state === 'running' && b.host !== old ? b.host : null;
    }, { timeoutMs: 90_000, what: 'node b to run elsewhere', everyMs: 200 });
    expect(seen.every((hosts) => hosts.length <= 1)).toBe(true);
    expect(await copies('b')).toEqual([moved]);
    await eventually(async () => await pings(), { timeoutMs: 30_000, what: 'pings to the moved node', everyMs: 200 });
    // The third host: so the link crosses as before, and its first order on the lost one was never answered.
    expect([old, moved].toSorted()).toEqual(['h2', 'h3']);
    const movedLink = await linkUp(moved);
    const address = await mgmtOfB(moved);
    expect(address.there).toBe(address.planned);
    expect((await bed.view(NAME)).problems.join()).toContain('these are removed there: a:eth1--b:eth1, b');
    await bed.host(numbered(old)).heal();
    await running();
    await eventually(async () => (await bed.view(NAME)).problems.length === 0, { timeoutMs: 30_000, what: 'the old host to remove what left it', everyMs: 100 });
    expect((await bed.host(numbered(old)).exec('docker', 'ps', '-aq')).trim()).toBe('');
    // The host's part of the management network is ordered away with the last of what it owed, and named no more meanwhile.
    await eventually(async () => (await bed.host(numbered(old)).exec('ip', '-br', 'link', 'show', 'type', 'vxlan')).trim() === '', { timeoutMs: 20_000, what: 'the last tunnel of the old host to go', everyMs: 100 });
    expect(await pings()).toBe(true);
    expect(await copies('b')).toEqual([moved]);
    expect(await linkUp(moved)).toEqual(movedLink);
    expect(await mgmtOfB(moved)).toEqual(address);
  });

  it('S22: does not hold up a destroy, which says what it owes and ends when the host is back', async () => {
    await bed.deploy(lab('wait'));
    await running();
    const old = await hostOf('b');
    await bed.host(numbered(old)).cut({ direction: 'both', from: 'all' });
    await eventually(async () => (await bed.view(NAME)).nodes.some((one) => one.state === 'unknown'), { timeoutMs: 60_000, what: 'the host to be lost', everyMs: 200 });
    await bed.ops.request('destroy', { commandId: bed.nextId(), cleanup: true, keepMgmtNet: false }, { lab: labId(NAME) });
    await eventually(async () => (await bed.host(1).exec('docker', 'ps', '-aq')).trim() === '', { timeoutMs: 30_000, what: 'the rest to go', everyMs: 100 });
    const view = await bed.view(NAME);
    expect(view.state).toBe('destroying');
    expect(view.problems.join()).toContain('when it is back, these are removed there');
    await bed.host(numbered(old)).heal();
    await bed.settled(NAME, ['destroyed']);
    expect(await copies('b')).toEqual([]);
  });
});

describe('a host that loses its power', () => {
  it('R01: comes back with its nodes as they were wanted, and nothing twice', async () => {
    await bed.deploy(lab('wait'));
    await running();
    const old = await hostOf('b');
    const host = bed.host(numbered(old));
    await host.lose();
    await eventually(async () => (await bed.view(NAME)).nodes.some((one) => one.state === 'unknown'), { timeoutMs: 60_000, what: 'the host to be lost', everyMs: 200 });
    await host.comeBack();
    await running();
    await eventually(async () => await pings(), { timeoutMs: 30_000, what: 'pings to the returned node', everyMs: 200 });
    expect(await copies('b')).toEqual([old]);
  });
});

describe('a host that is drained, with a node that fits on no other one', () => {
  const file = `
name: ${NAME}
mgmt: {network: ${NAME}-net, ipv4-subnet: 172.31.122.0/24}
topology:
  defaults: {kind: linux, image: "alpine:3", memory: 200MB}
  nodes:
    a: {memory: 3GB, exec: ["ip addr add 10.0.0.1/24 dev eth1"]}
    b: {exec: ["ip addr add 10.0.0.2/24 dev eth1"]}
    c: {}
  links:
    - endpoints: [a:eth1, b:eth1]
`;

  it('P08: gives the others away, keeps that one running, and names it with the reason until the drain is taken back', async () => {
    const h1 = bed.host(1).id;
    const wish = async (to: 'draining' | 'open') => await bed.ops.request('host-wish', { commandId: bed.nextId(), host: h1, wish: to });
    const idOfA = async () => (await bed.view(NAME)).nodes.find((one) => one.node === 'a')?.runtimeId;
    const stuck = async () => (await bed.ops.request('host', { host: h1 })).stuck;
    await bed.deploy(labFromText(file, `/tmp/${NAME}/t.clab.yml`));
    await running();
    const before = await idOfA();
    expect((await bed.view(NAME)).nodes.map(({ host }) => host)).toEqual([h1, h1, h1]);
    await wish('draining');
    await eventually(async () => (await stuck()).length === 1 && (await bed.view(NAME)).nodes.filter(({ host }) => host === h1).length === 1, { timeoutMs: 60_000, what: 'all but the large node to leave', everyMs: 200 });
    await running();
    expect(await stuck()).toEqual([{ lab: NAME, nodes: ['a'], reason: expect.stringMatching(/^a cannot be placed: it needs \d+ MiB of memory, the largest free is .*It would fit with: /) }]);
    expect((await bed.view(NAME)).problems).toEqual([`cannot leave host ${h1}: ${(await stuck())[0]?.reason}`]);
    expect([await idOfA(), await copies('a'), (await copies('b'))[0] === h1]).toEqual([before, [h1], false]);
    await eventually(async () => await pings(), { timeoutMs: 30_000, what: 'pings from the large node to the one that left', everyMs: 200 });
    await wish('open');
    await eventually(async () => (await stuck()).length + (await bed.view(NAME)).problems.length === 0, { timeoutMs: 20_000, what: 'nothing to be held up', everyMs: 200 });
  });
});
