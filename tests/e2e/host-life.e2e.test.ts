// How machines become hosts and cease to be: invited, added over ssh, drained, renamed, copied, removed; one of them is the controller.
import { mkdir, readdir, readFile, stat, writeFile, cp } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { HOST_PROTOCOL } from '../../machines/vocabulary/host-protocol.ts';
import { HostDetail, HostNode } from '../../machines/vocabulary/host-view.ts';
import type { BareHosts, CliOptions, Ran } from '../support/bare-hosts.ts';
import { openBareHosts } from '../support/bare-hosts.ts';
import { eventually } from '../support/eventually.ts';
import type { TestHost } from '../support/test-hosts.ts';

const Shown = z.object({ host: HostDetail, nodes: z.array(HostNode) });
let bed: BareHosts;
let [controller, second, third]: TestHost[] = [];

const at = (host: TestHost | undefined): TestHost => {
  if (host === undefined) throw new Error('the bed is not open');
  return host;
};
const labwright = async (...args: string[]): Promise<Ran> => await bed.cli(at(controller), args);
const on = async (host: TestHost | undefined, args: string[], options?: CliOptions): Promise<Ran> => await bed.cli(at(host), args, options);
const well = (ran: Ran): Ran => {
  expect({ exitCode: ran.exitCode, stderr: ran.stderr }).toMatchObject({ exitCode: 0 });
  return ran;
};
const listed = async () => z.array(HostDetail).parse(JSON.parse(well(await labwright('host', 'ls', '--json')).stdout));
const shown = async (host: string) => Shown.parse(JSON.parse(well(await labwright('host', 'show', host, '--json')).stdout));
const becomes = async (host: string, state: string, timeoutMs = 40_000) =>
  await eventually(async () => (await listed()).find((one) => one.host === host)?.state === state, { timeoutMs, everyMs: 200, what: `host ${host} to be ${state}` });

beforeAll(async () => {
  bed = await openBareHosts({ hosts: 3, images: ['alpine:3'] });
  [controller, second, third] = [1, 2, 3].map((number) => bed.host(number));
});
afterAll(async () => await bed?.close());

const LAB = `
name: lwhl
topology:
  defaults: {kind: linux, image: "alpine:3"}
  nodes:
    pinned: {host: rack2}
    free: {}
`;

describe('a machine that is invited', () => {
  it('A01: is not, while the controller listens on loopback only: the way out is named', async () => {
    well(await labwright('up'));
    const refused = await labwright('host', 'token', '--host-id', 'rack2');
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toMatch(/loopback only .*hosts cannot reach it.*labwright up --listen/);
    const elsewhere = await labwright('up', '--listen', '10.99.99.99');
    expect(elsewhere.stderr).toMatch(/10\.99\.99\.99 is no address of this machine now/);
    well(await labwright('up', '--listen', `${at(controller).address}:4333`));
    expect((await listed()).map((one) => one.state)).toEqual(['joined']);
  });

  it('joins by a token that stands in no argument and no environment, with a secret of its own that only it keeps', async () => {
    const file = join(at(controller).dir, 'rack2.join');
    well(await labwright('host', 'token', '--host-id', 'rack2', '--out', file));
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const token = await readFile(file, 'utf8');
    well(await on(second, ['host', 'join', '-'], { input: token }));
    expect(await shown('rack2')).toMatchObject({ host: { state: 'joined', underlay: { address: at(second).address } }, nodes: [] });
    const seed = (await readFile(join(at(second).home, 'credentials', 'host-rack2.nk'), 'utf8')).trim();
    expect(await readdir(join(at(controller).home, 'credentials'))).toContain('host-rack2.pub');
    expect(await readdir(join(at(controller).home, 'credentials'))).not.toContain('host-rack2.nk');
    const told = await at(second).exec('sh', '-c', 'cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr "\\0" "\\n"');
    expect(told).toContain('host-rack2.nk');
    expect([told.includes(seed), told.includes(token.trim())]).toEqual([false, false]);
    expect((await on(second, ['ls'])).stderr).toMatch(/this machine is host rack2 of the controller at nats:\/\/10\.199\.0\.1:4333/);
    expect((await on(second, ['status', '--json'])).stdout).toContain('"host-actor"');
  });

  it('is refused a name that is taken, another name than its own, and text that is no token', async () => {
    expect((await labwright('host', 'token', '--host-id', 'rack2')).stderr).toMatch(/rack2 was invited before.*--replace/);
    const other = well(await labwright('host', 'token', '--host-id', 'rack9')).stdout;
    expect((await on(second, ['host', 'join', '-'], { input: other })).stderr).toMatch(/This machine is host rack2 .*host leave/);
    expect((await on(third, ['host', 'join', '-'], { input: 'nonsense' })).stderr).toMatch(/no invitation of a host/);
    well(await labwright('host', 'rm', 'rack9'));
    expect((await on(third, ['host', 'join', '-'], { input: other })).stderr).toMatch(/refused the credentials|Authorization/i);
  });

  it('X13: is refused when the invitation is of another protocol or another first number of the version', async () => {
    const token = well(await labwright('host', 'token', '--host-id', 'rack8')).stdout.trim();
    const bundle: Record<string, unknown> = JSON.parse(Buffer.from(token.slice('lwhost1.'.length), 'base64url').toString());
    expect((await on(third, ['host', 'join', '-'], { input: JSON.stringify({ ...bundle, protocol: 77, version: '0.9.0' }) })).stderr).toMatch(/the controller speaks protocol 77 \(version 0\.9\.0\).*install version 0\.9\.0 here/);
    expect((await on(third, ['host', 'join', '-'], { input: JSON.stringify({ ...bundle, version: '7.0.0' }) })).stderr).toMatch(/controller is version 7\.0\.0/);
    well(await labwright('host', 'rm', 'rack8'));
  });

  it('R06: keeps its name over a loss of power and a new host name', async () => {
    await at(second).lose();
    await becomes('rack2', 'lost');
    await at(second).comeBack({ actor: 'stays-down' });
    await at(second).exec('hostname', 'renamed');
    well(await on(second, ['up']));
    await becomes('rack2', 'joined');
    expect((await listed()).filter((one) => one.state === 'joined')).toHaveLength(2);
  });
});

describe('a server that is added over ssh', () => {
  let options: string[] = [];
  beforeAll(async () => {
    const ssh = join(at(third).dir, 'ssh');
    await mkdir(ssh);
    for (const name of ['host_key', 'user_key']) await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(ssh, name)]);
    await cp(join(ssh, 'user_key.pub'), join(ssh, 'authorized_keys'));
    const config = ['Port 2222', `HostKey ${ssh}/host_key`, `AuthorizedKeysFile ${ssh}/authorized_keys`, 'PidFile none', 'UsePAM no', 'StrictModes no', 'PasswordAuthentication no', 'PermitRootLogin prohibit-password', `ListenAddress ${at(third).address}`];
    await writeFile(join(ssh, 'config'), `${config.join('\n')}\n`);
    await at(third).exec('mkdir', '-p', '/run/sshd');
    await at(third).exec('/usr/sbin/sshd', '-f', join(ssh, 'config'), '-E', join(ssh, 'log'));
    options = ['--identity', join(ssh, 'user_key'), '--known-hosts', join(ssh, 'known_hosts'), '--install-dir', join(at(third).dir, 'opt', 'labwright'), '--home', at(third).home, '--host-id', 'rack3'];
    await mkdir(join(at(third).dir, 'opt'));
  });
  const add = async (...more: string[]): Promise<Ran> => await labwright('host', 'add', `root@${at(third).address}:2222`, ...options, ...more);

  it('is refused while its key is not known, with its fingerprint, also when nobody can be asked or another one is expected', async () => {
    const unknown = await add();
    expect(unknown).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/key of \[10\.199\.0\.3\]:2222 is not known \(ssh-ed25519 SHA256:/) });
    expect((await add('--accept-host-key')).stderr).toMatch(/no terminal to ask on.*--accept-host-key SHA256:/);
    expect((await add('--accept-host-key', 'SHA256:another')).stderr).toMatch(/was not accepted/);
  });

  it('is checked, gets the program, is set up, joins, and is used', async () => {
    const fingerprint = /SHA256:\S+/.exec((await add()).stderr)?.[0].replace(/[),.]+$/, '') ?? '';
    const added = well(await add('--accept-host-key', fingerprint, '--json'));
    expect(JSON.parse(added.stdout)).toMatchObject({ host: { host: 'rack3', state: 'joined', underlay: { address: at(third).address } }, server: { system: 'Linux', uid: 0 } });
    expect(await at(third).exec('sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "')).toContain(`${at(third).dir}/opt/labwright/host-actor/main.ts`);
  });

  it('is brought up to date by the same command, as the same host', async () => {
    const before = (await shown('rack3')).host.firstSeenAt;
    well(await add('--no-setup'));
    expect((await shown('rack3')).host).toMatchObject({ state: 'joined', firstSeenAt: before });
  });

  it('is not trusted any more when it shows another key', async () => {
    const known = join(at(third).dir, 'ssh', 'known_hosts');
    const text = await readFile(known, 'utf8');
    await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(at(third).dir, 'ssh', 'other')]);
    const other = (await readFile(join(at(third).dir, 'ssh', 'other.pub'), 'utf8')).split(' ')[1] ?? '';
    await writeFile(known, text.replace(/AAAA\S+/, other));
    expect((await add('--accept-host-key')).stderr).toMatch(/shows another key than the one that is known/);
    await writeFile(known, text);
  });
});

describe('a host', () => {
  it('is drained of all but what a lab file pins to it, is not removed while it carries nodes, and gets nodes again', async () => {
    const name = z.string().parse((await listed()).find((one) => !one.host.startsWith('rack'))?.host);
    for (const host of [name, 'rack2']) well(await labwright('host', 'cordon', host));
    well(await labwright('host', 'uncordon', 'rack2'));
    const file = join(at(controller).dir, 'lwhl.clab.yml');
    await writeFile(file, LAB);
    well(await labwright('deploy', '-t', file));
    const from = (await shown('rack2')).nodes.some(({ node }) => node === 'free') ? 'rack2' : 'rack3';
    const drained = well(await labwright('host', 'drain', from, '--timeout', '60s'));
    expect(drained.stderr).toMatch(/The host is drained/);
    const target = from === 'rack2' ? 'rack3' : 'rack2';
    expect((await shown(target)).nodes).toContainEqual(expect.objectContaining({ node: 'free' }));
    const pinned = well(await labwright('host', 'drain', 'rack2', '--timeout', '60s'));
    expect(pinned.stderr).toMatch(/pin to the host stay there nodes=lwhl\/pinned/);
    const refused = await labwright('host', 'rm', 'rack2');
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/rack2 carries 1 node of lwhl.*--force/) });
    expect((await on(second, ['host', 'leave'])).stderr).toMatch(/Labs have 1 nodes on this host.*host drain rack2/);
    for (const host of [name, 'rack2', 'rack3']) well(await labwright('host', 'uncordon', host));
    well(await labwright('destroy', '-t', file, '--cleanup', '--yes'));
  });

  it('R06: in whose name a copy speaks is fenced, says so, and stays passive; the copy counts until it ends', async () => {
    const copy = join(at(third).dir, 'copy');
    await mkdir(join(copy, 'credentials'), { recursive: true });
    for (const file of ['host-identity.json', 'endpoint.json', 'credentials/host-rack2.nk']) await cp(join(at(second).home, file), join(copy, file));
    await writeFile(join(copy, 'endpoint.json'), (await readFile(join(copy, 'endpoint.json'), 'utf8')).replaceAll(at(second).home, copy));
    const hostsFile = join(copy, 'hosts');
    await writeFile(hostsFile, '');
    const env = { LABWRIGHT_HOME: copy, LABWRIGHT_HOSTS_FILE: hostsFile };
    await on(third, ['up', '--timeout', '20s'], { env });
    const conflict = await eventually(async () => (await listed()).find((one) => one.host === 'rack2')?.conflict?.find((one) => one.fenced), { timeoutMs: 20_000, what: 'the older to be fenced' });
    expect(conflict.fenced).toBe(true);
    await becomes('rack2', 'joined');
    expect((await shown('rack2')).host).toMatchObject({ underlay: { address: at(third).address }, problem: expect.stringContaining('2 host-actors speak in its name') });
    expect(well(await labwright('host', 'ls')).stdout).toMatch(/rack2: 2 host-actors speak in its name/);
    expect(await readFile(join(at(second).home, 'log', 'host-actor.log'), 'utf8')).toContain('this one takes no orders and enforces nothing any more');
    well(await on(third, ['down'], { env }));
    await becomes('rack2', 'lost');
    expect((await shown('rack2')).host.problem).toMatch(/was fenced and is passive: start it anew/);
    well(await on(second, ['down']));
    well(await on(second, ['up']));
    await becomes('rack2', 'joined');
    expect((await shown('rack2')).host.underlay?.address).toBe(at(second).address);
  });

  it('leaves, is forgotten, and its secret is void', async () => {
    const secret = await readFile(join(at(second).home, 'credentials', 'host-rack2.nk'), 'utf8');
    well(await on(second, ['host', 'leave']));
    expect((await at(second).exec('sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "'))).not.toContain('host-actor');
    well(await labwright('host', 'rm', 'rack2'));
    expect((await listed()).map((one) => one.host)).not.toContain('rack2');
    const bundle = { v: 1, hostId: 'rack2', url: `nats://${at(controller).address}:4333`, credentials: secret.trim(), protocol: HOST_PROTOCOL, version: '0.1.0' };
    expect((await on(second, ['host', 'join', '-'], { input: JSON.stringify(bundle) })).exitCode).toBe(1);
    expect((await labwright('host', 'rm', 'rack2')).stderr).toMatch(/there is no host rack2/);
  });
});
