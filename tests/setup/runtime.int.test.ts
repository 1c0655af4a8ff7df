// The OCI runtime with the real engine: a container joins the namespace made for it, or does not start at all.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import Dockerode from 'dockerode';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const sandboxes = '/run/labwright/sandboxes';
const name = `sut-runtime-${process.pid}`;
const peer = `${name}-peer`;
const docker = new Dockerode();

let container: Dockerode.Container;

const assign = (netns: string): void => writeFileSync(`${sandboxes}/${container.id}`, `${netns}\n`);

const makeNamespaces = async (): Promise<void> => {
  await execa('ip', ['netns', 'add', name]);
  await execa('ip', ['netns', 'add', peer]);
  await execa('ip', ['link', 'add', 'eth1', 'netns', name, 'type', 'veth', 'peer', 'name', 'eth1', 'netns', peer]);
  for (const [netns, address] of [[name, '10.9.9.1/24'], [peer, '10.9.9.2/24']] as const) {
    await execa('ip', ['-n', netns, 'link', 'set', 'lo', 'up']);
    await execa('ip', ['-n', netns, 'address', 'add', address, 'dev', 'eth1']);
    await execa('ip', ['-n', netns, 'link', 'set', 'eth1', 'up']);
  }
};

const interfaces = async (): Promise<string> => {
  const { stdout } = await execa('docker', ['exec', name, 'ip', '-brief', 'address', 'show', 'dev', 'eth1']);
  return stdout.replaceAll(/\s+/gu, ' ');
};

const pingPeer = () => execa('docker', ['exec', name, 'ping', '-q', '-c', '1', '-W', '2', '10.9.9.2']);

beforeEach(async () => {
  mkdirSync(sandboxes, { recursive: true });
  await makeNamespaces();
  container = await docker.createContainer({
    name,
    Image: 'labwright/linux:local',
    // The first line of the container's log is what its first process saw.
    Cmd: ['bash', '-c', 'ip -brief link show dev eth1; exec tini -- sleep infinity'],
    NetworkDisabled: true,
    HostConfig: { Runtime: 'labwright' },
  });
});

afterEach(async () => {
  await container.remove({ force: true, v: true });
  rmSync(`${sandboxes}/${container.id}`, { force: true });
  for (const netns of [name, peer]) await execa('ip', ['netns', 'delete', netns], { reject: false });
});

describe('labwright runtime', () => {
  it('joins the namespace that was made before: the first process sees its interfaces', async () => {
    assign(`/run/netns/${name}`);
    await container.start();
    expect(await interfaces()).toContain('10.9.9.1/24');
    await pingPeer();
    const logs = await container.logs({ stdout: true });
    expect(logs.toString()).toContain('LOWER_UP');
    expect((await execa('docker', ['exec', name, 'cat', '/sys/class/net/eth1/operstate'])).stdout).toBe('up');
  });

  it('keeps interface, address and link over an engine restart, and a stop and start', async () => {
    assign(`/run/netns/${name}`);
    await container.start();
    const before = await interfaces();
    await container.restart({ t: 1 });
    expect(await interfaces()).toBe(before);
    await container.stop({ t: 1 });
    await container.start();
    expect(await interfaces()).toBe(before);
    await pingPeer();
  });

  it('fails the start when no namespace is assigned, and says so', async () => {
    await expect(container.start()).rejects.toThrow(/labwright runtime: no network namespace is assigned to container/u);
    expect((await container.inspect()).State.Running).toBe(false);
  });

  it('fails the start when the namespace is gone, and starts once it is there again', async () => {
    const file = `/run/netns/${name}`;
    assign(file);
    await execa('ip', ['netns', 'delete', name]);
    await expect(container.start()).rejects.toThrow(`network namespace ${file} of container ${container.id} does not exist`);
    // A plain file where a namespace was mounted is no namespace.
    writeFileSync(file, '');
    await expect(container.start()).rejects.toThrow('does not exist');
    rmSync(file);
    await execa('ip', ['netns', 'add', name]);
    await container.start();
  });

  it('refuses the namespace of the host', async () => {
    assign(`/proc/${process.pid}/ns/net`);
    await expect(container.start()).rejects.toThrow('is the network namespace of the host');
  });

  it.each([
    ['relative/path', 'is not absolute'],
    ['/run/netns/a"b', 'characters that are not allowed'],
    ['/run/netns/../x', 'characters that are not allowed'],
    ['', 'is missing or empty'],
  ])('refuses the path %j', async (path, message) => {
    assign(path);
    await expect(container.start()).rejects.toThrow(message);
  });
});

describe('labwright runtime with a bundle of its own', () => {
  const script = new URL('../../setup/labwright-runtime.sh', import.meta.url).pathname;

  it.each([
    ['two entries', '{"linux":{"namespaces":[{"type":"network"},{"type":"network","path":"/x"}]}}'],
    ['no entry', '{"linux":{"namespaces":[{"type":"pid"}]}}'],
    ['an entry in another spelling', '{"linux":{"namespaces":[{"path":"/x","type":"network"}]}}'],
  ])('fails closed on %s, with a line that the engine reads', async (_, config) => {
    assign(`/run/netns/${name}`);
    const { stdout: bundle } = await execa('mktemp', ['-d']);
    writeFileSync(`${bundle}/config.json`, config);
    const result = await execa(script, ['--root', '/tmp', '--log', `${bundle}/log.json`, '--log-format', 'json', 'create', '--bundle', bundle, container.id], { reject: false });
    const { stdout: log } = await execa('cat', [`${bundle}/log.json`]);
    rmSync(bundle, { recursive: true });
    expect(result.exitCode).toBe(1);
    const line: unknown = JSON.parse(log);
    expect(line).toMatchObject({ level: 'error', msg: expect.stringContaining('not exactly one network namespace entry') });
  });

  it('passes every other command on to runc', async () => {
    const ours = await execa(script, ['--version']);
    const runc = await execa('runc', ['--version']);
    expect(ours.stdout).toBe(runc.stdout);
  });
});
