// Tools around a running lab: single links, impairments, counters, generated fabrics, variables.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openWorld } from './labwright.ts';
import type { World } from './labwright.ts';

const mgmt = 'mgmt: { network: tcli-net, bridge: br-tcli, ipv4-subnet: 172.29.77.0/24, ipv6-subnet: 3fff:172:29:77::/64 }';
let world: World;
let file: string;

beforeAll(async () => {
  world = openWorld();
  file = world.file('tcli-tools.clab.yml', `name: tcli-tools
${mgmt}
topology:
  defaults: { kind: linux, image: labwright/linux:local }
  nodes:
    n1: { exec: ["ip address add 10.0.0.1/24 dev eth1"] }
    n2: { exec: ["ip address add 10.0.0.2/24 dev eth1"] }
  links:
    - endpoints: [n1:eth1, n2:eth1]
`);
  const { exitCode, stderr } = await world.run(['deploy', '-t', file, '--timeout', '2m']);
  if (exitCode !== 0) throw new Error(stderr);
});
afterAll(async () => {
  await world.end();
});

const exec = async (node: string, cmd: string) => (await world.run(['exec', '-t', file, '--label', `clab-node-name=${node}`, '--cmd', cmd])).stderr;

describe('tools veth create', () => {
  it('joins two nodes, and a node with the host, and leaves the nodes running', async () => {
    const joined = await world.run(['tools', 'veth', 'create', '-a', 'n1:eth5', '-b', 'n2:eth5', '-t', file]);
    expect([joined.exitCode, joined.stderr]).toEqual([0, expect.stringContaining('Link is up')]);
    expect(await exec('n1', 'ip -br link show eth5')).toContain('UP');
    const toHost = await world.run(['tools', 'veth', 'create', '-a', 'clab-tcli-tools-n1:eth6', '-b', 'host:tcli-tap']);
    expect(toHost.exitCode).toBe(0);
    expect((await execa('ip', ['-br', 'link', 'show', 'tcli-tap'])).stdout).toContain('UP');
  });
  it('refuses ends that are taken or wrong', async () => {
    expect((await world.run(['tools', 'veth', 'create', '-a', 'n1:eth1', '-b', 'n2:eth9', '-t', file])).stderr).toContain('n1:eth1 is taken by link n1:eth1--n2:eth1');
    expect((await world.run(['tools', 'veth', 'create', '-a', 'n7:eth1', '-b', 'n2:eth9', '-t', file])).exitCode).toBe(2);
  });
  it('goes with the next deploy of the file', async () => {
    expect((await world.run(['deploy', '-t', file])).stdout).toMatch(/deleted endpoints: (?=.*n1:eth5, n2:eth5)(?=.*host:tcli-tap, n1:eth6)/);
    expect((await execa('ip', ['link', 'show', 'tcli-tap'], { reject: false })).exitCode).not.toBe(0);
  });
});

describe('tools netem', () => {
  it('delays, shows and resets by container and interface; where the kernel cannot, it says so and the reset heals the link', async () => {
    const kernelHasIt = (await world.run(['doctor', 'netem'])).exitCode === 0;
    const set = await world.run(['tools', 'netem', 'set', '-n', 'clab-tcli-tools-n1', '-i', 'eth1', '--delay', '60ms']);
    expect((await world.run(['tools', 'netem', 'show', '-n', 'clab-tcli-tools-n1'])).stdout).toContain('│ eth1      │ 60ms  │ N/A    │');
    expect(set.exitCode).toBe(kernelHasIt ? 0 : 3);
    expect(set.stderr).toMatch(kernelHasIt ? /^$/ : /qdisc kind is unknown/);
    expect(roundTrip(await exec('n1', 'ping -c 2 -i 0.2 -W 2 10.0.0.2')) >= 60).toBe(kernelHasIt);
    expect((await world.run(['tools', 'netem', 'reset', '-n', 'n1', '-i', 'eth1', '-t', file])).exitCode).toBe(0);
    expect(roundTrip(await exec('n1', 'ping -c 2 -i 0.2 -W 2 10.0.0.2'))).toBeLessThan(60);
  });
});

/** Least round trip in milliseconds. */
const roundTrip = (ping: string): number => Number(/= ([\d.]+)\//.exec(ping)?.[1]);

describe('events with counters', () => {
  it('prints interface stats at the interval', async () => {
    const stream = execa(join(import.meta.dirname, '..', '..', 'labwright'), ['events', '--format', 'json', '--interface-stats', '--interface-stats-interval=200ms'], { env: { LABWRIGHT_HOME: join(world.folder, 'home') }, stdin: 'ignore', reject: false });
    let text = '';
    stream.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    await eventually(() => text.includes('"action":"stats"') && text.includes('"rx_bps"'), { timeoutMs: 15_000, what: 'counters in the stream' });
    stream.kill('SIGTERM');
    expect((await stream).exitCode).toBe(0);
  });
});

describe('generate', () => {
  it('writes NAME.clab.yml into the working folder, and deploys it when told', async () => {
    const made = await world.run(['generate', '--name', 'tcli-gen', '--kind', 'linux', '--image', 'labwright/linux:local', '--nodes', '2,1,1', '--network', 'tcli-net', '--ipv4-subnet', '172.29.77.0/24', '--ipv6-subnet', '3fff:172:29:77::/64', '--deploy', '--export-rendered', 'rendered.yml']);
    expect(made.exitCode).toBe(0);
    expect(made.stdout).toContain('clab-tcli-gen-node1-1');
    expect(readFileSync(join(world.folder, 'rendered.yml'), 'utf8')).toBe(readFileSync(join(world.folder, 'tcli-gen.clab.yml'), 'utf8'));
    expect((await world.run(['destroy', '--name', 'tcli-gen', '--cleanup'])).exitCode).toBe(0);
    expect(existsSync(join(world.folder, 'clab-tcli-gen'))).toBe(false);
  });
});

describe('variables', () => {
  it('fills templates from several files, and ${VAR:=default} from the environment', async () => {
    world.file('a.yml', 'suffix: one\nnodes: [a]\n');
    world.file('b.json', '{"nodes": ["a", "b"]}');
    const path = world.file('vars.clab.yml', 'name: tcli-{{ .suffix }}\ntopology:\n  nodes:\n{{- range .nodes }}\n    {{ . }}: {kind: linux, image: "${TCLI_IMAGE:=labwright/linux:local}"}\n{{- end }}\n');
    const { stdout } = await world.run(['validate', '-t', path, '--vars', 'a.yml', '--vars', 'b.json', '--json'], { env: { TCLI_IMAGE: 'alpine:3' } });
    expect(JSON.parse(stdout)).toMatchObject({ id: 'tcli-one', nodes: [{ id: 'a', image: 'alpine:3' }, { id: 'b' }] });
  });
});

describe('redeploy', () => {
  it('gives new containers in an empty lab folder', async () => {
    const idOf = async () => (await execa('docker', ['inspect', '-f', '{{.Id}}', 'clab-tcli-tools-n1'])).stdout;
    const before = await idOf();
    expect((await world.run(['redeploy', '-c', '-t', file])).exitCode).toBe(0);
    expect(await idOf()).not.toBe(before);
  });
});
