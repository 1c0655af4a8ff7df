// Files that binds name, on hosts that do not have them: they travel with the deploy, checked, and nodes there start with them.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWorld } from '../cli/labwright.ts';
import type { Ran, World } from '../cli/labwright.ts';
import { openTestHosts } from '../support/test-hosts.ts';
import type { TestHosts } from '../support/test-hosts.ts';

const NAME = 'te2e-lf';
const LAB = (binds: string) => `
name: ${NAME}
mgmt: {network: ${NAME}-net, ipv4-subnet: 172.31.123.0/24}
topology:
  defaults: {kind: linux, image: "alpine:3"}
  nodes:
    a: {host: h1, binds: [${binds}]}
    b: {host: h2, binds: [${binds}]}
`;
const BINDS = '"conf/motd:/etc/motd:ro", "conf:/conf", "/etc/hostname:/of-the-host"';
const BIG = 'x'.repeat(300 * 1024);

let bed: TestHosts;
let world: World;
beforeAll(async () => {
  bed = await openTestHosts({ hosts: 2, images: ['alpine:3'] });
  world = openWorld();
  // This machine is host h1 to the command line; h2 does not see the folder.
  await mkdir(join(world.folder, 'home'));
  await writeFile(join(world.folder, 'home', 'host-identity.json'), '{"hostId": "h1"}');
  await bed.host(2).exec('mount', '-t', 'tmpfs', 'tmpfs', world.folder);
  await mkdir(join(world.folder, 'conf', 'deep'), { recursive: true });
  await mkdir(join(world.folder, 'conf', 'empty'));
  await writeFile(join(world.folder, 'conf', 'motd'), 'first\n');
  await writeFile(join(world.folder, 'conf', 'deep', 'big'), BIG);
  await writeFile(join(world.folder, 'conf', 'run.sh'), '#!/bin/sh\necho ran\n', { mode: 0o755 });
});
afterAll(async () => {
  await bed?.destroyAll();
  await bed?.close();
  await world?.end();
});

const lab = async (command: string[], binds = BINDS): Promise<Ran> =>
  await world.run([...command, '-t', world.file(`${NAME}.clab.yml`, LAB(binds)), '--timeout', '2m'], { env: { LABWRIGHT_NATS_URL: bed.nats.url, LABWRIGHT_NATS_CREDS: bed.nats.credentialsFolder } });
const inNode = async (node: 'a' | 'b', ...argv: string[]): Promise<string> => await bed.host(node === 'a' ? 1 : 2).exec('docker', 'exec', `clab-${NAME}-${node}`, ...argv);
const sourceOf = async (node: 'a' | 'b', destination: string): Promise<string> =>
  (await bed.host(node === 'a' ? 1 : 2).exec('docker', 'inspect', '-f', `{{range .Mounts}}{{if eq .Destination "${destination}"}}{{.Source}}{{end}}{{end}}`, `clab-${NAME}-${node}`)).trim();
const motd = (): string => join(world.folder, 'conf', 'motd');

describe('files of a lab over two hosts', () => {
  it('X14: reach the host that does not have them, as they are; on their own host they are bound in place', async () => {
    const { exitCode, stderr } = await lab(['deploy']);
    expect([exitCode, stderr]).toEqual([0, expect.not.stringContaining('WARN')]);
    for (const node of ['a', 'b'] as const) {
      expect(await inNode(node, 'cat', '/etc/motd')).toBe('first\n');
      expect(await inNode(node, 'cat', '/conf/deep/big')).toBe(BIG);
      expect(await inNode(node, '/conf/run.sh')).toBe('ran\n');
      expect((await inNode(node, 'ls', '/conf')).split('\n')).toContain('empty');
    }
    expect(await sourceOf('a', '/etc/motd')).toBe(motd());
    expect(await sourceOf('b', '/etc/motd')).toMatch(new RegExp(`^${bed.host(2).home}/host/lab-files/`));
    expect(await sourceOf('b', '/of-the-host')).toBe('/etc/hostname');
    expect((await lab(['plan'])).stdout).not.toMatch(/recreate/);
  });

  it('X14: a changed file is news to the plan, and reaches the host with the next deploy; what a node wrote is kept until then', async () => {
    await inNode('b', 'sh', '-c', 'echo mine > /conf/written');
    await bed.host(2).exec('docker', 'restart', '-t', '0', `clab-${NAME}-b`);
    expect(await inNode('b', 'cat', '/conf/written')).toBe('mine\n');
    await writeFile(motd(), 'second\n');
    expect(await inNode('a', 'cat', '/etc/motd')).toBe('second\n');
    expect(await inNode('b', 'cat', '/etc/motd')).toBe('first\n');
    const plan: { changes: unknown[] } = JSON.parse((await lab(['plan', '--json'])).stdout);
    expect(plan.changes).toEqual([{ object: 'node', id: 'b', action: 'recreate', reason: `files changed: ${motd()}` }]);
    expect((await lab(['deploy'])).exitCode).toBe(0);
    expect(await inNode('b', 'cat', '/etc/motd')).toBe('second\n');
    expect((await bed.host(2).exec('sh', '-c', `ls ${bed.host(2).home}/host/lab-files/${NAME}`)).trim().split('\n')).toHaveLength(2);
  });

  it('X14: what does not travel is named, and the node that needs it fails with the path and the host', async () => {
    await writeFile(join(world.folder, 'huge'), Buffer.alloc(5 * 1024 * 1024));
    const { exitCode, stderr } = await lab(['deploy'], '"huge:/huge"');
    expect(exitCode).toBe(3);
    expect(stderr).toMatch(/does not travel to other hosts.*huge: 5 MiB/);
    expect(stderr).toMatch(/node b failed: .*binds \S*huge, which is not there on host h2/);
    expect((await bed.view(NAME)).nodes.map(({ node, state }) => [node, state])).toEqual([['a', 'running'], ['b', 'failed']]);
  });

  it('leave nothing on the host when the lab is destroyed', async () => {
    expect((await lab(['deploy'])).exitCode).toBe(0);
    await bed.destroy(NAME);
    expect((await bed.host(2).exec('ls', `${bed.host(2).home}/host/lab-files`)).trim()).toBe('');
  });
});
