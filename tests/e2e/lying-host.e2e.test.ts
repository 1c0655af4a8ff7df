// Must be shown 2: a host that lies. It answers every order as if all were well and makes nothing; the other host is a real one.
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { host, lab } from '../support/lab-builders.ts';
import { eventually } from '../support/eventually.ts';
import { addressOf, CONTROL } from '../support/hosts/underlay.ts';
import { startSimulatedHost } from '../support/simulated-host.ts';
import type { SimulatedHost } from '../support/simulated-host.ts';
import { labFromText } from '../support/test-bed.ts';
import { openTestHosts } from '../support/test-hosts.ts';
import type { TestHosts } from '../support/test-hosts.ts';

const NAME = 'te2e-lie';
const LIAR = host('liar');
const labOf = labFromText(`
name: ${NAME}
mgmt: {network: ${NAME}-net, ipv4-subnet: 172.31.126.0/24}
topology:
  defaults: {kind: linux, image: "alpine:3"}
  nodes:
    a: {host: h1}
    b: {host: h1}
    c: {host: liar}
  links:
    - endpoints: ["a:eth1", "b:eth1"]
    - endpoints: ["b:eth2", "c:eth1"]
`, `/tmp/${NAME}/t.clab.yml`);

let bed: TestHosts;
let liar: SimulatedHost;
beforeAll(async () => {
  bed = await openTestHosts({ hosts: 1, images: ['alpine:3'] });
  liar = startSimulatedHost(await bed.nats.connect({ role: 'host', hostId: LIAR }), LIAR, undefined, {
    // An address that is there, and at which nobody knows of tunnels.
    facts: () => ({ underlay: { address: addressOf(CONTROL), device: 'under', mtu: 1500 }, capacity: { cpus: 4, memoryMiB: 4_096, diskMiB: 10_000, devices: [] }, planes: ['tc'] }),
  });
  await eventually(async () => (await bed.summaries()).length === 2, { what: 'the liar to be taken for a host' });
});
afterEach(async () => await bed.destroyAll());
afterAll(async () => {
  await liar?.stop();
  await bed?.close();
});

it('X02: that says its half is made and its echo came back has no link up; the reason is shown, and what it has no part in runs', async () => {
  await bed.deploy(labOf);
  const lied = async () => {
    const { entries } = await bed.ops.request('history', { after: 0, limit: 1000 }, { lab: lab(NAME) });
    return entries.flatMap(({ entry }) => entry.events).flatMap((event) => (event.type === 'Reported' && event.host === LIAR && event.observation.type === 'link.joined' ? [event.observation.tunnel?.echo] : []));
  };
  await eventually(async () => (await lied()).includes('ok'), { what: 'the lie', timeoutMs: 30_000 });
  const view = await bed.settled(NAME, ['degraded']);
  const [local, across] = view.links;
  expect([local?.oper, across?.oper]).toEqual(['up', 'down']);
  expect(across?.reason).toMatch(/no echo comes back from host liar .* to host h1/);
  expect(view.problems.filter((problem) => /link .*link /.test(problem))).toEqual([]);
  expect(view.problems.join()).toContain('link b:eth2--c:eth1: no echo');
  // Never, also not for a moment.
  const { entries } = await bed.ops.request('history', { after: 0, limit: 1000 }, { lab: lab(NAME) });
  expect(entries.flatMap(({ news }) => news).filter((sentence) => /c:eth1.* is up/.test(sentence))).toEqual([]);
  expect(await bed.host(1).exec('ip', 'netns', 'exec', `clab-${NAME}-b`, 'cat', '/sys/class/net/eth2/carrier')).toBe('0\n');
});
