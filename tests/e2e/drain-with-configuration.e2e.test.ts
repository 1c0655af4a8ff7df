// A host is drained: routers that people configured by hand come up on the other host with that configuration, and what could not be saved is named.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWorld } from '../cli/labwright.ts';
import type { Ran, World } from '../cli/labwright.ts';
import { lab as labId } from '../support/lab-builders.ts';
import { eventually } from '../support/eventually.ts';
import { openTestHosts } from '../support/test-hosts.ts';
import type { TestHosts } from '../support/test-hosts.ts';

const NAME = 'te2e-dc';
const LAB = `
name: ${NAME}
mgmt: {network: ${NAME}-net, ipv4-subnet: 172.31.124.0/24}
topology:
  defaults: {kind: linux, image: "labwright/frr:local"}
  nodes:
    r1: {}
    r2: {binds: ["r2.conf:/etc/frr/frr.conf"]}
    n1: {image: "alpine:3"}
  links:
    - endpoints: [r1:eth1, r2:eth1]
`;
const OWN = 'hostname r2\n!\nip route 198.51.100.0/24 blackhole\n!\n';

let bed: TestHosts;
let world: World;
beforeAll(async () => {
  bed = await openTestHosts({ hosts: 2, images: ['alpine:3', 'labwright/frr:local'], env: { LABWRIGHT_ECHO_EVERY_MS: '500' } });
  world = openWorld();
  // This machine is host h1 to the command line; h2 does not see the folder.
  await mkdir(join(world.folder, 'home'));
  await writeFile(join(world.folder, 'home', 'host-identity.json'), '{"hostId": "h1"}');
  await bed.host(2).exec('mount', '-t', 'tmpfs', 'tmpfs', world.folder);
  await writeFile(join(world.folder, 'r2.conf'), OWN);
});
afterAll(async () => {
  await bed?.destroyAll();
  await bed?.close();
  await world?.end();
});

const cli = async (...args: string[]): Promise<Ran> => await world.run([...args, '--timeout', '2m'], { env: { LABWRIGHT_NATS_URL: bed.nats.url, LABWRIGHT_NATS_CREDS: bed.nats.credentialsFolder } });
const well = (ran: Ran): Ran => {
  expect({ exitCode: ran.exitCode, stderr: ran.stderr }).toMatchObject({ exitCode: 0 });
  return ran;
};
const file = (): string => world.file(`${NAME}.clab.yml`, LAB);
const inNode = async (host: number, node: string, ...argv: string[]): Promise<string> => await bed.host(host).exec('docker', 'exec', `clab-${NAME}-${node}`, ...argv);
/** Routes that FRR has, once it has some, or has had the time to take its file in. */
const routes = async (host: number, node: string, wanted: string[]): Promise<void> => {
  const read = async (): Promise<string[]> => [...(await inNode(host, node, 'vtysh', '-c', 'show running-config').catch(() => '')).matchAll(/^ip route (\S+)\/\d+ blackhole$/gm)].map((match) => match[1] ?? '').toSorted();
  await eventually(async () => (await read()).join() === wanted.toSorted().join(), { timeoutMs: 30_000, what: `FRR in ${node} to have routes ${wanted.join(', ')}`, everyMs: 200 });
};
const places = async (): Promise<Record<string, string>> => Object.fromEntries((await bed.view(NAME)).nodes.map(({ node, host }) => [node, host]));
const copies = async (host: number): Promise<string> => (await bed.host(host).exec('sh', '-c', `ls ${bed.host(host).home}/host/lab-files/${NAME} 2>/dev/null || true`)).trim();

describe('a drained host', () => {
  it('gives its routers away as they were configured by hand, with links, and says what it could not save', async () => {
    well(await cli('host', 'cordon', 'h2'));
    well(await cli('deploy', '-t', file()));
    expect(await places()).toEqual({ n1: 'h1', r1: 'h1', r2: 'h1' });
    await routes(1, 'r2', ['198.51.100.0']);
    await eventually(async () => (await inNode(1, 'r1', 'vtysh', '-c', 'show running-config').catch(() => '')).includes('frr version'), { timeoutMs: 30_000, what: 'FRR in r1 to answer' });
    await inNode(1, 'r1', 'vtysh', '-c', 'conf t', '-c', 'interface eth1', '-c', 'ip address 10.9.0.1/30', '-c', 'exit', '-c', 'ip route 192.0.2.1/32 blackhole');
    await inNode(1, 'r2', 'vtysh', '-c', 'conf t', '-c', 'interface eth1', '-c', 'ip address 10.9.0.2/30', '-c', 'exit', '-c', 'ip route 192.0.2.2/32 blackhole');
    well(await cli('host', 'uncordon', 'h2'));
    const drained = well(await cli('host', 'drain', 'h1'));
    expect(drained.stderr).toMatch(/WARN Nodes lost their configuration.*nodes=te2e-dc\/n1 why="?nothing in it \(kind linux\) has a configuration that can be saved/);
    expect(drained.stderr).toMatch(/The host is drained/);
    await bed.settled(NAME, ['running']);
    expect(await places()).toEqual({ n1: 'h2', r1: 'h2', r2: 'h2' });
    await routes(2, 'r1', ['192.0.2.1']);
    await routes(2, 'r2', ['192.0.2.2', '198.51.100.0']);
    await eventually(async () => await inNode(2, 'r1', 'ping', '-c', '1', '-W', '2', '10.9.0.2').then(() => true, () => false), { timeoutMs: 30_000, what: 'r1 to reach r2', everyMs: 200 });
    expect(await readFile(join(world.folder, 'r2.conf'), 'utf8')).toBe(OWN);
    const history = well(await cli('history', '--name', NAME)).stdout;
    expect(history).toMatch(/supervisor +save the configuration of r1/);
    expect(history).toMatch(/node r1: its configuration is saved/);
    expect(history).toMatch(/node n1: its configuration is not saved: nothing in it/);
  });

  it('leaves them a configuration that is theirs: it is there again when the host makes a container anew, and when the node leaves that host', async () => {
    await bed.host(2).exec('docker', 'rm', '-f', `clab-${NAME}-r1`);
    await routes(2, 'r1', ['192.0.2.1']);
    await inNode(2, 'r1', 'vtysh', '-c', 'conf t', '-c', 'ip route 192.0.2.3/32 blackhole');
    const pinned = world.file(`${NAME}.clab.yml`, LAB.replace('r1: {}', 'r1: {host: h1}'));
    well(await cli('host', 'uncordon', 'h1'));
    expect(well(await cli('plan', '-t', pinned)).stdout).toMatch(/r1.*moves from host h2 to h1 .*its configuration is saved first, as far as its kind can/);
    well(await cli('deploy', '-t', pinned));
    expect((await places())['r1']).toBe('h1');
    await routes(1, 'r1', ['192.0.2.1', '192.0.2.3']);
    expect([await copies(1), await copies(2)]).not.toContain('');
    await routes(2, 'r2', ['192.0.2.2', '198.51.100.0']);
  });

  it('R01: still does so when supervisor and host-actor die while a node is being saved', async () => {
    bed.host(2).actor.pause();
    await bed.ops.request('host-wish', { commandId: bed.nextId(), host: bed.host(2).id, wish: 'draining' });
    await eventually(async () => (await bed.view(NAME)).nodes.some(({ waitingFor }) => waitingFor.startsWith('host h2 to save')), { timeoutMs: 10_000, what: 'a node to be saved', everyMs: 50 });
    await bed.supervisors.at(-1)?.kill();
    await bed.host(2).actor.kill();
    await Promise.all([bed.startSupervisor(), bed.host(2).actor.start()]);
    await eventually(async () => Object.values(await places().catch(() => ({ none: '' }))).every((host) => host === 'h1'), { timeoutMs: 60_000, what: 'all nodes to leave h2', everyMs: 200 });
    await bed.settled(NAME, ['running']);
    await routes(1, 'r2', ['192.0.2.2', '198.51.100.0']);
    await routes(1, 'r1', ['192.0.2.1', '192.0.2.3']);
    expect(await readFile(join(world.folder, 'r2.conf'), 'utf8')).toBe(OWN);
    well(await cli('host', 'uncordon', 'h2'));
  });

  it('forgets it when all is to be made anew, and leaves nothing on the hosts when the lab is destroyed', async () => {
    const spec = (await bed.ops.request('spec', {}, { lab: labId(NAME) })).spec;
    await bed.deploy(spec, { reconfigure: true });
    await bed.settled(NAME, ['running']);
    await routes(1, 'r2', ['198.51.100.0']);
    await routes(1, 'r1', []);
    await bed.destroy(NAME);
    expect([await copies(1), await copies(2)]).toEqual(['', '']);
  });
});
