// Several hosts on one NATS: they join with what they have, are lost, come back, and each runs containers on an engine of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { TestHost, TestHosts } from '../support/test-hosts.ts';
import { openTestHosts } from '../support/test-hosts.ts';
import { labFromText } from '../support/test-bed.ts';

const FRR = 'labwright/frr:local';
const LAB = `
name: lwb4
topology:
  defaults: {kind: linux, image: "alpine:3"}
  nodes:
    a: {exec: ["ip addr add 10.0.0.1/24 dev eth1"]}
    b: {exec: ["ip addr add 10.0.0.2/24 dev eth1"]}
  links:
    - endpoints: [a:eth1, b:eth1]
`;
let bed: TestHosts;
beforeAll(async () => void (bed = await openTestHosts({ hosts: 4, images: ['alpine:3', FRR], ovs: true, env: (number) => ({ LABWRIGHT_CAPACITY_CPUS: String(number) }) })));
afterAll(async () => await bed?.close());

const stateOf = async (host: TestHost) => (await bed.summaries()).find((one) => one.host === host.id)?.state;
const becomes = async (host: TestHost, state: 'joined' | 'lost') =>
  await eventually(async () => (await stateOf(host)) === state, { timeoutMs: 40_000, what: `host ${host.id} to be ${state}`, everyMs: 100 });
const reaches = async (from: TestHost, to: string) => await from.exec('ping', '-c1', '-W1', to).then(() => true, () => false);

describe('four hosts', () => {
  it('join, each with its own address on the underlay and what it has', async () => {
    const summaries = await bed.summaries();
    expect(summaries.map(({ host, state, underlay }) => ({ host, state, underlay }))).toEqual([1, 2, 3, 4].map((number) => ({
      host: `h${number}`, state: 'joined', underlay: { address: bed.host(number).address, device: 'under', mtu: 1500 },
    })));
    expect(summaries.map(({ capacity }) => capacity?.cpus)).toEqual([1, 2, 3, 4]);
    for (const { capacity, planes, version } of summaries) {
      expect([capacity?.memoryMiB, capacity?.diskMiB].every((amount) => (amount ?? 0) > 0)).toBe(true);
      expect([planes, version]).toEqual([['tc', 'ovs'], expect.any(String)]);
    }
  });

  it('reach each other, and each shows only devices of its own', async () => {
    expect(await Promise.all(bed.hosts.map(async (host) => await reaches(bed.host(1), host.address)))).toEqual([true, true, true, true]);
    expect((await bed.host(2).exec('ls', '/sys/class/net')).split('\n').filter(Boolean)).toEqual(expect.arrayContaining(['lo', 'under']));
    expect(await bed.host(2).exec('ls', '/sys/class/net')).not.toContain('eth0');
  });

  it('run containers for real, each on its own engine, by our runtime in a namespace of the host', async () => {
    await Promise.all(bed.hosts.map(async (host) => {
      await host.exec('docker', 'run', '-d', '--name', `b4-${host.id}`, '--network', 'none', '--cap-add', 'NET_ADMIN', '--cap-add', 'SYS_ADMIN', FRR, 'sleep', 'infinity');
      expect((await host.exec('docker', 'ps', '--format', '{{.Names}}')).trim()).toBe(`b4-${host.id}`);
      expect((await host.exec('docker', 'exec', `b4-${host.id}`, 'vtysh', '--help')).length).toBeGreaterThan(0);
      expect((await host.exec('docker', 'run', '--rm', '--network', 'none', 'alpine:3', 'cat', '/proc/self/cgroup'))).toContain(`/${host.id}/`);
    }));
    const [host] = bed.hosts;
    await host?.exec('ip', 'netns', 'add', 'b4-node');
    const created = await host?.docker().createContainer({ Image: 'alpine:3', Cmd: ['cat', '/proc/net/dev'], HostConfig: { Runtime: 'labwright', NetworkMode: 'none' } });
    await host?.exec('mkdir', '-p', '/run/labwright/sandboxes');
    await host?.exec('sh', '-c', `printf '/run/netns/b4-node\\nb4\\n' > /run/labwright/sandboxes/${created?.id}`);
    await created?.start();
    expect((await created?.wait())?.StatusCode).toBe(0);
    expect(existsSync('/run/netns/b4-node')).toBe(false);
    await host?.exec('ip', 'netns', 'del', 'b4-node');
  });

  it('have an Open vSwitch each', async () => {
    const [one, two] = [bed.host(1), bed.host(2)];
    await one.exec('ovs-vsctl', '--timeout=10', 'add-br', 'b4-br', '--', 'set', 'bridge', 'b4-br', 'datapath_type=netdev');
    expect([(await one.exec('ovs-vsctl', 'list-br')).trim(), (await two.exec('ovs-vsctl', 'list-br')).trim()]).toEqual(['b4-br', '']);
    await one.ovs?.switch.kill();
    await one.ovs?.start();
    await one.exec('ovs-vsctl', '--timeout=10', 'del-br', 'b4-br');
  });

  it('are lost when their host-actor is paused or killed, when they lose their power, and come back as they were', async () => {
    const [paused, killed, cut, dead] = [bed.host(1), bed.host(2), bed.host(3), bed.host(4)];
    const bootOf = async (host: TestHost) => await host.exec('cat', '/proc/sys/kernel/random/boot_id');
    const boot = await bootOf(dead);
    paused.actor.pause();
    await killed.actor.kill();
    await cut.cut({ from: 'control' });
    await dead.lose();
    await Promise.all(bed.hosts.map(async (host) => await becomes(host, 'lost')));
    expect([await reaches(paused, cut.address), await reaches(paused, dead.address)]).toEqual([true, false]);
    paused.actor.resume();
    await killed.actor.start();
    await cut.heal();
    await dead.comeBack();
    await bed.joined();
    expect(await bootOf(dead)).not.toBe(boot);
    expect((await dead.exec('docker', 'ps', '-a', '--format', '{{.Names}} {{.State}}')).trim()).toBe('b4-h4 exited');
    await dead.exec('docker', 'start', 'b4-h4');
    expect((await killed.exec('docker', 'ps', '--format', '{{.Names}}')).trim()).toBe('b4-h2');
  });

  it('cannot send, cannot hear, cannot reach one other, as the test says', async () => {
    const [one, two, three] = [bed.host(1), bed.host(2), bed.host(3)];
    const heard = async () => Number(/rx .*?(\d+) packets/.exec(await two.exec('sh', '-c', 'echo "rx $(cat /sys/class/net/under/statistics/rx_packets) packets"'))?.[1]);
    const mesh = async () => [await reaches(one, two.address), await reaches(one, three.address), await reaches(two, three.address)];
    expect(await mesh()).toEqual([true, true, true]);
    await two.cut({ from: [one] });
    expect(await mesh()).toEqual([false, true, true]);
    await two.heal();
    await two.cut({ direction: 'send' });
    const before = await heard();
    expect(await mesh()).toEqual([false, true, false]);
    expect(await heard()).toBeGreaterThan(before);
    await two.heal();
    await two.cut({ direction: 'hear' });
    expect(await mesh()).toEqual([false, true, false]);
    await two.heal();
    await two.cut({ visible: true });
    expect((await two.exec('cat', '/sys/class/net/under/carrier')).trim()).toBe('0');
    await two.heal();
    await eventually(async () => (await mesh()).every(Boolean), { what: 'all to reach each other again' });
  });

  it('run a lab of the product, whose nodes and link live on one of them alone', async () => {
    await bed.deploy(labFromText(LAB, '/tmp/lwb4.clab.yml'));
    const view = await bed.settled('lwb4', ['running']);
    const [home] = bed.hosts.filter((host) => view.nodes.every((node) => node.host === host.id));
    expect((await home?.exec('docker', 'exec', 'clab-lwb4-a', 'ping', '-c1', '-W2', '10.0.0.2'))).toContain(' 0% packet loss');
    expect((await home?.exec('ip', 'netns', 'list'))?.split('\n').filter(Boolean).length).toBeGreaterThanOrEqual(2);
    await bed.destroy('lwb4');
    expect((await home?.exec('docker', 'ps', '-a', '--format', '{{.Names}}'))).not.toContain('lwb4');
  });

  it('P05: that lose their engine are said to, get no new containers, and keep those that they have', async () => {
    const [first] = bed.hosts;
    const named = (name: string, hosts: readonly (string | undefined)[]) => labFromText(`
name: ${name}
placement: {policy: spread}
topology:
  defaults: {kind: linux, image: "alpine:3", labels: {labwright-apart: x}}
  nodes: {${hosts.map((host, index) => `n${index}: {${host === undefined ? '' : `host: ${host}`}}`).join(', ')}}
`, `/tmp/${name}.clab.yml`);
    const problem = async () => (await bed.summaries()).find((one) => one.host === first?.id)?.problem;
    await bed.deploy(named('lwb6', ['h1']));
    await bed.settled('lwb6', ['running']);
    await first?.engine.kill();
    await eventually(async () => (await problem())?.includes('its container engine does not answer'), { timeoutMs: 20_000, what: 'the dead engine to be told' });
    expect(await stateOf(bed.host(1))).toBe('joined');
    await expect(bed.deploy(named('lwb7', ['h1']))).rejects.toThrow(/the file pins it to h1: its container engine does not answer/);
    await bed.deploy(named('lwb7', [undefined, undefined, undefined, undefined]));
    expect((await bed.settled('lwb7', ['running'])).nodes.map(({ host }) => host)).not.toContain('h1');
    expect((await bed.view('lwb6')).nodes.map(({ host }) => host)).toEqual(['h1']);
    await first?.engine.start();
    await eventually(async () => (await problem()) === undefined, { timeoutMs: 20_000, what: 'the engine to be heard again' });
    await eventually(async () => (await first?.exec('docker', 'ps', '--format', '{{.Names}}'))?.includes('clab-lwb6-n0'), { timeoutMs: 30_000, what: 'the node that stayed to run again', everyMs: 200 });
    await bed.destroy('lwb6');
    await bed.destroy('lwb7');
  });

  it('find NATS again after its death, and a second supervisor beside the first', async () => {
    const before = await bed.summaries();
    await bed.nats.kill();
    await bed.nats.start();
    await bed.startSupervisor();
    await eventually(async () => (await bed.summaries()).every((now) => now.lastSeenAt > Math.max(...before.map((one) => one.lastSeenAt)) + 2_500), { timeoutMs: 30_000, what: 'new signs of life of all' });
    expect(bed.supervisors.filter((one) => one.child.exitCode === null)).toHaveLength(2);
  });
});

describe('a test that is killed', () => {
  it('leaves no process and no control group of its hosts behind when the next one begins', async () => {
    const module = join(import.meta.dirname, '..', 'support', 'test-hosts.ts');
    const victim = spawn(process.execPath, ['-e', `import(${JSON.stringify(module)}).then((m) => m.openTestHosts({ hosts: 1, ovs: true })).then(() => console.log('open'))`], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(victim.stdout, 'data');
    const mark = `lw-hosts-${victim.pid}-`;
    expect((await commandLines()).filter((line) => line.includes(mark)).length).toBeGreaterThan(2);
    victim.kill('SIGKILL');
    await eventually(async () => !(await commandLines()).some((line) => line.includes(mark)), { what: 'its processes to end' });
    const next = await openTestHosts({ hosts: 1 });
    await next.close();
    expect((await readdir(tmpdir())).filter((name) => name.startsWith(mark) || name.startsWith(`lw-hosts-${process.pid}-`))).toHaveLength(1);
  });
});

async function commandLines(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return await Promise.all(pids.map(async (pid) => (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ')));
}
