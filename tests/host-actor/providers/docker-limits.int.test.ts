// Limits, capabilities and settings of a node as the engine and the kernel carry them out.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeDockerProvider } from '../../../host-actor/providers/docker/docker-provider.ts';
import type { DockerProvider } from '../../../host-actor/providers/docker/docker-provider.ts';
import { readMissingCapabilities } from '../../../host-actor/providers/docker/engine-info.ts';
import { eventually } from '../../support/eventually.ts';
import { endingShell, PrivateEngine } from './private-engine.ts';
import { TestLab, buildSpec } from './test-nodes.ts';

let lab: TestLab;
let provider: DockerProvider;

beforeEach(() => {
  lab = new TestLab('limits');
  provider = makeDockerProvider({ hostId: lab.hostId });
});
afterEach(() => lab.clear(provider));

describe('limits of a node', () => {
  it('D16: of two nodes only the one that eats its 64 MB is killed', async () => {
    const { node: good } = await lab.run(provider, 'good', { memoryBytes: 64 * 1024 * 1024 });
    const { node: greedy } = await lab.run(provider, 'greedy', { memoryBytes: 64 * 1024 * 1024, cmd: ['sh', '-c', 'tail /dev/zero'] });
    const dead = await eventually(async () => (await provider.listOwned({ hostId: lab.hostId })).find((node) => node.runtimeId === greedy.runtimeId && node.status === 'exited'), { timeoutMs: 60_000 });
    expect(dead).toMatchObject({ exitCode: 137 });
    expect(await provider.listOwned({ hostId: lab.hostId, nodeId: good.nodeId })).toMatchObject([{ status: 'running', pid: good.pid }]);
  });

  it('P04: a node has the memory and processors of its spec, and one that wants more of both is held to them', async () => {
    const { node } = await lab.run(provider, 'hungry', { cpus: 0.2, memoryBytes: 64 * 1024 * 1024, cmd: ['sh', '-c', 'while :; do :; done'] });
    const { stdout } = await execa('docker', ['inspect', node.runtimeId, '-f', '{{.HostConfig.Memory}} {{.HostConfig.CpuQuota}}/{{.HostConfig.CpuPeriod}}']);
    expect(stdout).toBe('67108864 20000/100000');
    const read = async (...paths: string[]) => (await provider.exec(node.runtimeId, ['sh', '-c', `cat ${paths.join(' ')} 2>/dev/null`])).stdout.trim();
    expect(await read('/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes')).toBe('67108864');
    const throttled = async () => Number(/nr_throttled (\d+)/.exec(await read('/sys/fs/cgroup/cpu.stat', '/sys/fs/cgroup/cpu/cpu.stat'))?.[1]);
    await eventually(async () => (await throttled()) > 5, { what: 'processor time to be withheld', timeoutMs: 30_000 });
    const greedy = await provider.exec(node.runtimeId, ['sh', '-c', 'tail /dev/zero']);
    expect(greedy.exitCode).toBe(137);
    expect(Number(await read('/sys/fs/cgroup/memory.peak', '/sys/fs/cgroup/memory/memory.max_usage_in_bytes'))).toBeLessThanOrEqual(67_108_864);
  });

  it('shows what the lab file set in the engine, as scripts read it', async () => {
    const { node } = await lab.run(provider, 'r1', {
      cpus: 1.5,
      cpuSet: '0',
      memoryBytes: 1_000_000_000,
      shmSizeBytes: 128 * 1024 * 1024,
      cgroupParent: 'tprov-parent',
      dns: { servers: ['192.0.2.53'], search: ['lab.example'], options: ['ndots:2'] },
      ports: [{ hostPort: 18_099, containerPort: 80, protocol: 'tcp' }],
      labels: { colour: 'blue' },
      tmpfs: ['/scratch:size=1m'],
      user: '0',
    });
    const format = '{{.HostConfig.CpuQuota}} {{.HostConfig.CpusetCpus}} {{.HostConfig.Memory}} {{.HostConfig.ShmSize}} {{.HostConfig.CgroupParent}} {{.HostConfig.Dns}} {{json .HostConfig.PortBindings}} {{index .Config.Labels "colour"}} {{index .Config.Labels "clab-node-name"}}';
    const { stdout } = await execa('docker', ['inspect', node.runtimeId, '-f', format]);
    expect(stdout).toBe('150000 0 1000000000 134217728 tprov-parent [192.0.2.53] {"80/tcp":[{"HostIp":"","HostPort":"18099"}]} blue r1');
    expect((await provider.exec(node.runtimeId, 'cat /proc/mounts')).stdout).toMatch(/ \/scratch tmpfs .*size=1024k/);
    // The port is ours to publish: the engine itself listens nowhere.
    expect((await execa('ss', ['-Hlnt', 'sport', '=', ':18099'])).stdout).toBe('');
    await execa('docker', ['rm', '-f', node.runtimeId]);
    await execa('sh', ['-c', 'find /sys/fs/cgroup -depth -type d -name tprov-parent -exec rmdir {} +'], { reject: false });
  });

  it('gives a router what it needs: namespaces, VRF devices, raw sockets', async () => {
    const { node } = await lab.run(provider, 'r1');
    expect(await provider.exec(node.runtimeId, ['sh', '-c', 'ip link add br0 type bridge && ip addr add 192.0.2.1/24 dev br0 && ip link set br0 up'])).toMatchObject({ exitCode: 0 });
    expect(await provider.exec(node.runtimeId, 'ip netns add inner')).toMatchObject({ exitCode: 0 });
    const tap = await provider.exec(node.runtimeId, 'ip tuntap add tap0 mode tap');
    expect(tap.exitCode === 0).toBe(existsSync('/dev/net/tun'));
  });

  it('refuses privileged and unknown capabilities where the host itself lacks them, before anything is made', async (context) => {
    const missing = await readMissingCapabilities();
    if (missing.length === 0) context.skip('this host has all capabilities');
    const placement = await lab.place('r1');
    await expect(provider.ensureCreated(buildSpec({ privileged: true }), placement)).rejects.toMatchObject({ code: 'privileged-not-possible', details: { missing } });
    await expect(provider.ensureCreated(buildSpec({ capAdd: [`CAP_${missing[0] ?? ''}`] }), placement)).rejects.toMatchObject({ code: 'capability-not-possible' });
    expect(await provider.inspect(placement)).toEqual({ found: 'absent' });
    // What the check in front would have said is also understood when the engine says it.
    const blind = makeDockerProvider({ hostId: lab.hostId, missingCapabilities: [] });
    const { node } = await blind.ensureCreated(buildSpec({ privileged: true }), placement);
    await expect(blind.ensureStarted(node.runtimeId, placement.sandbox)).rejects.toMatchObject({ code: 'privileged-not-possible' });
  });

  it('a privileged node has all that the host has, also for what is run in it later; its neighbour has not', async () => {
    const engine = await PrivateEngine.start({ without: await readMissingCapabilities() });
    const there = makeDockerProvider({ hostId: lab.hostId, socketPath: engine.socketPath, missingCapabilities: [] });
    try {
      await engine.importShell('lwpriv:1');
      const spec = { image: 'lwpriv:1', cmd: endingShell };
      const [{ node: privileged }, { node: plain }] = [await lab.run(there, 'all', { ...spec, privileged: true }), await lab.run(there, 'some', spec)];
      const may = async (id: string) => {
        const { stdout } = await there.exec(id, ['/bin/cat', '/proc/1/status', '/proc/self/status']);
        return { masks: [...new Set([...stdout.matchAll(/^CapEff:\s*(\w+)$/gm)].map(([, mask]) => mask))], seccomp: [...stdout.matchAll(/^Seccomp:\s*(\d)$/gm)].map(([, mode]) => mode) };
      };
      // Engine 20.10 knows capabilities 0 to 37; those that came later it gives to nobody.
      const known = (mask = '') => BigInt(`0x${mask}`) & ((1n << 38n) - 1n);
      const all = known(/^CapBnd:\s*(\w+)$/m.exec(await readFile('/proc/self/status', 'utf8'))?.[1]);
      const got = await may(privileged.runtimeId);
      expect({ masks: got.masks.map(known), seccomp: got.seccomp }).toEqual({ masks: [all], seccomp: ['0', '0'] });
      expect((await may(plain.runtimeId)).masks.map(known)).not.toContain(all);
      expect(await engine.docker('inspect', '-f', '{{.HostConfig.Privileged}}', privileged.runtimeId, plain.runtimeId)).toBe('true\nfalse');
      await lab.clear(there);
    } finally {
      await engine.remove();
    }
  });

  it('attaches to an engine network with the addresses of the file', async () => {
    const network = `${lab.labId}-net`;
    await execa('docker', ['network', 'create', '--subnet', '198.18.77.0/24', network]);
    try {
      const placement = await lab.place('r1', { sandbox: { engineMode: network, ipv4: '198.18.77.9', aliases: ['router'] } });
      const { node } = await provider.ensureCreated(buildSpec(), placement);
      const started = await provider.ensureStarted(node.runtimeId, placement.sandbox);
      expect(started.node).toMatchObject({ wiring: 'engine', engineNetworks: { [network]: { ipv4: '198.18.77.9' } } });
      await provider.ensureRemoved(placement);
    } finally {
      await execa('docker', ['network', 'rm', network], { reject: false });
    }
  });
});
