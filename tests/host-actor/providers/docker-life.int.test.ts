// Life of a container of ours on a real engine: each verb done once and twice, and what is read back.
import { readdir, readFile } from 'node:fs/promises';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeDockerProvider } from '../../../host-actor/providers/docker/docker-provider.ts';
import type { DockerProvider } from '../../../host-actor/providers/docker/docker-provider.ts';
import { defaultSandboxDir } from '../../../host-actor/providers/docker/sandbox-lookups.ts';
import { eventually } from '../../support/eventually.ts';
import { TestLab, buildSpec, image } from './test-nodes.ts';

let lab: TestLab;
let provider: DockerProvider;

beforeEach(() => {
  lab = new TestLab('life');
  provider = makeDockerProvider({ hostId: lab.hostId });
});
afterEach(() => lab.clear(provider));

describe('docker provider', () => {
  it('reports the engine and whether it joins namespaces', async () => {
    const info = await provider.engineInfo();
    expect(info.version).toMatch(/^\d+\./);
    expect(Number(info.apiVersion)).toBeGreaterThan(1.3);
    expect(info.joinsNamespaces).toBe(info.runtimes.includes('labwright'));
    expect(info.storageDriver).not.toBe('');
  });

  it('creates once, starts once, and reads both back', async () => {
    const placement = await lab.place('r1');
    const first = await provider.ensureCreated(buildSpec(), placement);
    expect(first).toMatchObject({ outcome: 'created', node: { status: 'created', pid: 0, generation: 1, name: placement.containerName, wiring: 'before-start' } });
    const second = await provider.ensureCreated(buildSpec(), placement);
    expect(second).toMatchObject({ outcome: 'reused', node: { runtimeId: first.node.runtimeId } });

    const started = await provider.ensureStarted(first.node.runtimeId, placement.sandbox);
    expect(started).toMatchObject({ outcome: 'started', node: { status: 'running' } });
    expect(started.node.pid).toBeGreaterThan(1);
    const again = await provider.ensureStarted(first.node.runtimeId, placement.sandbox);
    expect(again).toMatchObject({ outcome: 'was-running', node: { pid: started.node.pid, startedAt: started.node.startedAt } });
  });

  it('starts from what was known, unless that has become wrong', async () => {
    const placement = await lab.place('r1');
    const { node: known } = await provider.ensureCreated(buildSpec(), placement);
    const started = await provider.ensureStarted(known.runtimeId, placement.sandbox, { known });
    expect(await provider.ensureStarted(known.runtimeId, placement.sandbox, { known })).toMatchObject({ node: { status: 'running', pid: started.node.pid } });
    await provider.ensureRemoved(placement);
    await expect(provider.ensureStarted(known.runtimeId, placement.sandbox, { known })).rejects.toMatchObject({ code: 'container-absent' });
  });

  it('runs the process in the namespace that was made for it', async () => {
    const { node, placement } = await lab.run(provider, 'r1');
    const { stdout: pids } = await execa('ip', ['netns', 'pids', placement.sandbox && 'netnsPath' in placement.sandbox ? placement.sandbox.netnsPath.replace('/run/netns/', '') : '']);
    expect(pids.split('\n')).toContain(String(node.pid));
  });

  it('stops, and stops again', async () => {
    const { node, placement } = await lab.run(provider, 'r1', { cmd: ['sh', '-c', 'trap "exit 7" TERM; while :; do sleep 0.1; done'] });
    const stopped = await provider.ensureStopped(node.runtimeId, { graceMs: 5_000 });
    expect(stopped).toMatchObject({ found: 'ours', node: { status: 'exited', exitCode: 7, pid: 0 } });
    expect(await provider.ensureStopped(node.runtimeId, { graceMs: 5_000 })).toEqual(stopped);
    expect(await provider.ensureStarted(node.runtimeId, placement.sandbox)).toMatchObject({ outcome: 'started' });
  });

  it('kills, and kills again', async () => {
    const { node } = await lab.run(provider, 'r1');
    await provider.kill(node.runtimeId, 'SIGKILL');
    const seen = await eventually(async () => {
      const now = await provider.kill(node.runtimeId, 'SIGKILL');
      return now.found === 'ours' && now.node.status === 'exited' ? now.node : undefined;
    });
    expect(seen.exitCode).toBe(137);
  });

  it('removes with everything that belongs to it, and removes again', async () => {
    const { node, placement } = await lab.run(provider, 'r1');
    expect(await readdir(defaultSandboxDir)).toContain(node.runtimeId);
    expect(await provider.ensureRemoved(placement)).toEqual({ removed: [node.runtimeId] });
    expect(await provider.ensureRemoved(placement)).toEqual({ removed: [] });
    expect(await provider.inspect(placement)).toEqual({ found: 'absent' });
    expect(await readdir(defaultSandboxDir)).not.toContain(node.runtimeId);
  });

  it('removes what a container that a person removed has left', async () => {
    const { node, placement } = await lab.run(provider, 'r1');
    await execa('docker', ['rm', '-f', node.runtimeId]);
    expect(await readdir(defaultSandboxDir)).toContain(node.runtimeId);
    const { node: neighbour } = await lab.run(provider, 'r10');
    expect(await makeDockerProvider({ hostId: lab.hostId }).ensureRemoved(placement)).toEqual({ removed: [] });
    expect(await readdir(defaultSandboxDir)).not.toContain(node.runtimeId);
    expect(await readdir(defaultSandboxDir)).toContain(neighbour.runtimeId);
  });

  it('replaces a container of an older generation or of another spec', async () => {
    const { node, placement } = await lab.run(provider, 'r1');
    const newer = await provider.ensureCreated(buildSpec(), { ...placement, generation: 2 });
    expect(newer.outcome).toBe('recreated');
    expect(newer.node.runtimeId).not.toBe(node.runtimeId);
    const changed = await provider.ensureCreated(buildSpec({ env: { COLOUR: 'blue' } }), { ...placement, generation: 2 });
    expect(changed.outcome).toBe('recreated');
    await expect(provider.ensureCreated(buildSpec(), placement)).rejects.toMatchObject({ code: 'newer-generation' });
    expect(await provider.inspect(placement)).toMatchObject({ found: 'ours', node: { runtimeId: changed.node.runtimeId } });
  });

  it('says that a process ended at once, and keeps its last words', async () => {
    const { node } = await lab.run(provider, 'r1', { cmd: ['sh', '-c', 'echo to-out; echo to-err >&2; exit 3'] });
    const seen = await eventually(async () => {
      const now = await provider.listOwned({ hostId: lab.hostId });
      return now[0]?.status === 'exited' ? now[0] : undefined;
    });
    expect(seen).toMatchObject({ runtimeId: node.runtimeId, exitCode: 3, pid: 0 });
    const log = await provider.logTail(node.runtimeId, { lines: 10 });
    expect(log).toEqual({ lines: [{ stream: 'stdout', text: 'to-out' }, { stream: 'stdout', text: 'to-err' }], truncated: false });
    expect(await provider.logTail(node.runtimeId, { lines: 1 })).toEqual({ lines: [{ stream: 'stdout', text: 'to-err' }], truncated: true });
  });

  it('reads a log as it is, also one that happens to be JSON, and bounds it', async () => {
    const { node } = await lab.run(provider, 'r1', { cmd: ['sh', '-c', 'echo 42'] });
    await eventually(async () => (await provider.listOwned({ hostId: lab.hostId }))[0]?.status === 'exited');
    expect(await provider.logTail(node.runtimeId, { lines: 5 })).toEqual({ lines: [{ stream: 'stdout', text: '42' }], truncated: false });
    const { node: wordy } = await lab.run(provider, 'r2', { cmd: ['sh', '-c', 'for i in 1 2 3 4 5; do printf "%01000d\\n" $i; done'] });
    await eventually(async () => (await provider.listOwned({ hostId: lab.hostId, nodeId: wordy.nodeId }))[0]?.status === 'exited');
    const bounded = await provider.logTail(wordy.runtimeId, { lines: 5, maxBytes: 2_500 });
    expect(bounded).toMatchObject({ truncated: true, lines: [{ text: expect.stringMatching(/^0+4$/) }, { text: expect.stringMatching(/^0+5$/) }] });
  });

  it('names a command that the image does not have', async () => {
    const placement = await lab.place('r1');
    const { node } = await provider.ensureCreated(buildSpec({ cmd: ['nosuchcommand'] }), placement);
    await expect(provider.ensureStarted(node.runtimeId, placement.sandbox)).rejects.toMatchObject({
      code: 'command-not-found',
      message: expect.stringContaining('"nosuchcommand": executable file not found'),
    });
  });

  it('fails the start without its namespace, and starts once it is there', async () => {
    const placement = await lab.place('r1');
    const { node } = await provider.ensureCreated(buildSpec(), placement);
    await expect(provider.ensureStarted(node.runtimeId, { netnsPath: '/run/netns/tprov-never-made' })).rejects.toMatchObject({ code: 'sandbox-missing', retryable: true });
    await expect(provider.ensureStarted(node.runtimeId, placement.sandbox)).resolves.toMatchObject({ outcome: 'started' });
  });

  it('keeps a shell alive that is the command', async () => {
    const { node } = await lab.run(provider, 'r1', { cmd: ['sh'] });
    expect(await provider.exec(node.runtimeId, 'true')).toMatchObject({ exitCode: 0 });
    expect(await provider.listOwned({ hostId: lab.hostId })).toMatchObject([{ status: 'running', tty: true }]);
  });

  it('N10: always gives the engine the restart policy "no"', async () => {
    const { node } = await lab.run(provider, 'r1', { restartPolicy: 'always', autoRemove: true });
    const { stdout } = await execa('docker', ['inspect', node.runtimeId, '-f', '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.AutoRemove}}']);
    expect(stdout).toBe('no false');
  });

  it('N11: the first process sees all interfaces of the node, every time', async () => {
    const runs = process.env['LABWRIGHT_TEST_RUNS'] === 'many' ? 100 : 20;
    const placement = await lab.place('r1', { interfaceCount: 3 });
    const netns = 'netnsPath' in placement.sandbox ? placement.sandbox.netnsPath.replace('/run/netns/', '') : '';
    for (const number of [1, 2, 3]) {
      await execa('ip', ['-n', netns, 'link', 'add', `eth${number}`, 'type', 'veth', 'peer', 'name', `far${number}`]);
      await execa('ip', ['-n', netns, 'link', 'set', `eth${number}`, 'up']);
    }
    const { node } = await provider.ensureCreated(buildSpec({ cmd: ['sh', '-c', 'ls /sys/class/net | tr "\\n" " "; cat /sys/class/net/lo/flags'] }), placement);
    for (let run = 0; run < runs; run += 1) {
      await provider.ensureStarted(node.runtimeId, placement.sandbox);
      await eventually(async () => (await provider.listOwned({ hostId: lab.hostId }))[0]?.status === 'exited');
    }
    const log = await provider.logTail(node.runtimeId, { lines: runs });
    expect(log.lines.map((line) => line.text)).toEqual(Array.from({ length: runs }, () => 'eth1 eth2 eth3 far1 far2 far3 lo 0x9'));
  });

  it('keeps interfaces and addresses over a restart by hand', async () => {
    const { node } = await lab.run(provider, 'r1');
    await provider.exec(node.runtimeId, 'ip link add eth1 type veth peer name far1');
    await provider.exec(node.runtimeId, 'ip addr add 192.0.2.1/24 dev eth1');
    await execa('docker', ['restart', '-t', '0', node.runtimeId]);
    expect((await provider.exec(node.runtimeId, 'ip -o addr show dev eth1')).stdout).toContain('192.0.2.1/24');
  });

  it('lets the node set its own network sysctls and nothing of the host', async () => {
    const { node } = await lab.run(provider, 'r1', { sysctls: { 'net.ipv4.conf.all.rp_filter': '0' } });
    expect(await provider.exec(node.runtimeId, 'sysctl -n net.ipv4.conf.all.rp_filter')).toMatchObject({ stdout: '0\n' });
    expect(await provider.exec(node.runtimeId, 'sysctl -w net.ipv4.ip_forward=1')).toMatchObject({ exitCode: 0 });
    expect(await provider.exec(node.runtimeId, 'sysctl -w kernel.core_pattern=core')).not.toMatchObject({ exitCode: 0 });
  });

  it('gives the node its files, hostname and environment', async () => {
    const placement = await lab.place('r1', { hostsFile: '/etc/hostname', resolvConf: '/etc/hostname', interfaceCount: 2 });
    const { node } = await provider.ensureCreated(buildSpec({ env: { COLOUR: 'blue' }, hostname: 'router1' }), placement);
    await provider.ensureStarted(node.runtimeId, placement.sandbox);
    expect((await provider.exec(node.runtimeId, 'cat /etc/hosts')).stdout).toBe(await readFile('/etc/hostname', 'utf8'));
    expect((await provider.exec(node.runtimeId, ['sh', '-c', 'hostname; echo $COLOUR $CLAB_INTFS $CLAB_LABEL_CLAB_NODE_NAME'])).stdout).toBe('router1\nblue 2 r1\n');
  });

  it('takes the image as it is there and reports a missing one', async () => {
    expect(await provider.ensureImage(image, 'if-not-present')).toMatchObject({ outcome: 'present', imageId: expect.stringMatching(/^sha256:/) });
    await expect(provider.ensureImage('tprov-absent:1', 'never')).rejects.toMatchObject({ code: 'image-absent' });
    const placement = await lab.place('r1');
    await expect(provider.ensureCreated(buildSpec({ image: 'tprov-absent:1' }), placement)).rejects.toMatchObject({ code: 'image-absent' });
  });

  it('wires after the start where the engine mode is none, and joins another container', async () => {
    const alone = await lab.place('r1', { sandbox: { engineMode: 'none' } });
    const { node } = await provider.ensureCreated(buildSpec(), alone);
    expect(node.wiring).toBe('engine');
    const host = await provider.ensureStarted(node.runtimeId, alone.sandbox);
    const guest = await lab.place('r2', { sandbox: { engineMode: `container:${node.runtimeId}` } });
    const made = await provider.ensureCreated(buildSpec({ hostname: 'other' }), guest);
    const started = await provider.ensureStarted(made.node.runtimeId, guest.sandbox);
    const { stdout } = await execa('stat', ['-L', '-c', '%i', `/proc/${host.node.pid}/ns/net`, `/proc/${started.node.pid}/ns/net`]);
    expect(new Set(stdout.split('\n')).size).toBe(1);
  });
});
