// What changes about nodes that go on as they are: the MTU of the management network, and when a cut-off host ends them.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { host as hostId } from '../support/lab-builders.ts';
import { labFromText } from '../support/test-bed.ts';
import { openTestHosts } from '../support/test-hosts.ts';
import type { TestHosts } from '../support/test-hosts.ts';

const NAME = 'te2e-ip';
const lab = (placement: string) => labFromText(`
name: ${NAME}
mgmt: {network: ${NAME}-net, ipv4-subnet: 172.31.123.0/24}
placement: {${placement}}
topology:
  defaults: {kind: linux, image: "alpine:3"}
  nodes:
    a: {host: h1}
    b:
    c: {host: h1}
`, `/tmp/${NAME}/t.clab.yml`);

let bed: TestHosts;
beforeAll(async () => void (bed = await openTestHosts({ hosts: 2, images: ['alpine:3'], env: () => ({ LABWRIGHT_ECHO_EVERY_MS: '500' }), supervisorEnv: { LABWRIGHT_HOST_LOST_SECONDS: '6' } })));
afterEach(async () => {
  for (const host of bed.hosts) await host.heal();
  for (const host of bed.hosts) await wish(host.id, 'open');
  await bed.destroyAll();
});
afterAll(async () => await bed?.close());

const wish = async (host: string, to: 'open' | 'cordoned' | 'draining') => await bed.ops.request('host-wish', { commandId: bed.nextId(), host: hostId(host), wish: to });
const node = async (name: string) => (await bed.view(NAME)).nodes.find((one) => one.node === name);
const containers = async () => (await bed.host(1).exec('docker', 'ps', '-q', '--no-trunc', '-f', `name=^clab-${NAME}-[ac]$`)).trim().split('\n').toSorted();
const running = async () => await eventually(async () => (await bed.view(NAME)).state === 'running', { timeoutMs: 60_000, what: 'the lab to run', everyMs: 100 });
const inside = async (on: number, name: string, ...argv: string[]) => await bed.host(on).exec('docker', 'exec', `clab-${NAME}-${name}`, ...argv);
const mtuOf = async (on: number, name: string) => Number(await inside(on, name, 'cat', '/sys/class/net/eth0/mtu'));

describe('a lab that comes to span hosts', () => {
  it('keeps the containers that stay, and what their management interfaces say passes between the hosts whole', async () => {
    await wish('h2', 'cordoned');
    await bed.deploy(lab('policy: pack'));
    await running();
    const before = await containers();
    expect(before).toHaveLength(2);
    expect(await mtuOf(1, 'a')).toBe(1500);
    await wish('h2', 'open');
    await wish('h1', 'draining');
    await eventually(async () => (await node('b'))?.host === 'h2', { timeoutMs: 60_000, what: 'node b to leave', everyMs: 100 });
    await running();
    expect(await containers()).toEqual(before);
    expect([await mtuOf(1, 'a'), await mtuOf(1, 'c'), await mtuOf(2, 'b')]).toEqual([1450, 1450, 1450]);
    const address = (await node('a'))?.ipv4?.split('/')[0] ?? '';
    await eventually(async () => await inside(2, 'b', 'ping', '-M', 'do', '-s', '1422', '-c', '1', '-W', '2', address).then(() => true, () => false), { timeoutMs: 20_000, what: 'a whole packet of 1450 bytes between the hosts', everyMs: 200 });
    await wish('h1', 'open');
    await bed.deploy(lab('policy: pack'));
    await running();
    expect(await containers()).toEqual(before);
  });
});

describe('a lab file that comes to say what becomes of nodes of a lost host', () => {
  it('P08: is carried out without a restart, and a node of a cut-off host never runs twice', async () => {
    await bed.deploy(lab('policy: spread'));
    await running();
    expect((await node('b'))?.host).toBe('h2');
    const id = (await node('b'))?.runtimeId;
    const spec = lab('policy: spread, on-lost-host: 5s');
    const { changes } = await bed.ops.request('plan', { spec, takeOver: false, reconfigure: false }, { lab: spec.id });
    await bed.deploy(spec);
    expect(changes.map(({ object, reason }) => [object, reason])).toEqual([['lab', 'placement changed: on-lost-host']]);
    await running();
    expect((await node('b'))?.runtimeId).toBe(id);
    await bed.host(2).cut({ direction: 'both', from: 'all' });
    const copies = async () => await Promise.all(bed.hosts.map(async (host) => ((await host.exec('docker', 'ps', '-q', '-f', `name=^clab-${NAME}-b$`)).trim() === '' ? 0 : 1)));
    const seen: number[][] = [];
    await eventually(async () => {
      seen.push(await copies());
      const b = await node('b');
      return b?.state === 'running' && b.host === 'h1';
    }, { timeoutMs: 90_000, what: 'node b to run elsewhere', everyMs: 200 });
    expect(seen.filter(([h1 = 0, h2 = 0]) => h1 + h2 > 1)).toEqual([]);
    expect(await copies()).toEqual([1, 0]);
  });
});
