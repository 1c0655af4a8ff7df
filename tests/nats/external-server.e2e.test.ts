// A NATS server of somebody else's, named by URL and credentials, in the place of the embedded one: all else is as ever.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stopController } from '../../controller/down.ts';
import { eventually } from '../support/eventually.ts';
import { host } from '../support/lab-builders.ts';
import { startNats } from '../support/nats-server.ts';

const MAIN = resolve(import.meta.dirname, '..', '..', 'cli', 'main.ts');
const SET_UP_BINARY = '/usr/local/lib/labwright/bin/nats-server';
const LAB = `name: lwext
mgmt: { network: lwext-mgmt, ipv4-subnet: 172.31.251.0/24 }
topology:
  defaults: { kind: linux, image: "labwright/linux:local" }
  nodes: { a: { exec: [ip address add 10.9.9.1/30 dev eth1] }, b: { exec: [ip address add 10.9.9.2/30 dev eth1] } }
  links: [{ endpoints: ["a:eth1", "b:eth1"] }]
`;

let folder = '';
let home = '';
let endings: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lw-ext-'));
  home = join(folder, 'home');
  await mkdir(home);
  await writeFile(join(folder, 'lwext.clab.yml'), LAB);
});

afterEach(async () => {
  for (const end of endings.toReversed()) await end();
  endings = [];
  await rm(folder, { recursive: true, force: true });
});

/** The command line with an environment that names the external server, as a person would set it. */
const cli = (env: Record<string, string>) => async (...args: string[]) =>
  await execa(process.execPath, [MAIN, ...args], { cwd: folder, env: { LABWRIGHT_HOME: home, LABWRIGHT_HOSTS_FILE: join(folder, 'hosts'), ...env }, reject: false });

/** Command lines of all processes below the controller's parent. */
async function children(): Promise<string[]> {
  const record: { identity?: { pid: number } } = JSON.parse(await readFile(join(home, 'run', 'parent.json'), 'utf8'));
  const { stdout } = await execa('ps', ['-o', 'args=', '--ppid', String(record.identity?.pid)]);
  return stdout.split('\n');
}

/** Deploys, looks, destroys: what a person does with the embedded server. Resolves with what is left of the lab. */
async function lifeOfLab(labwright: ReturnType<typeof cli>): Promise<string> {
  endings.push(async () => await stopController({ home }));
  endings.push(async () => await labwright('destroy', '--cleanup'));
  const deployed = await labwright('deploy', '--timeout', '60s');
  expect({ exitCode: deployed.exitCode, log: deployed.stderr }).toMatchObject({ exitCode: 0 });

  const status = JSON.parse((await labwright('status', '--json')).stdout);
  expect(status).toMatchObject({ supervisorAnswers: true, nats: { kind: 'external', durability: expect.stringMatching(/^version \d+\.\d+\.\d+.*sync_interval unknown/) } });
  expect(status.supervisor.nats.durable).toBe(status.nats.durability);
  expect(status.processes.map((one: { name: string; state: string }) => `${one.name} ${one.state}`)).toEqual(['supervisor running', 'host-actor running']);
  const running = await children();
  expect(running).toHaveLength(2);
  expect(running.filter((line) => line.includes('nats-server'))).toEqual([]);
  expect(existsSync(join(home, 'nats', 'server.conf'))).toBe(false);

  const pinged = await labwright('exec', '--label', 'clab-node-name=a', '--cmd', 'ping -c 1 -W 2 10.9.9.2', '--format', 'json');
  expect(JSON.parse(pinged.stdout)).toMatchObject({ 'clab-lwext-a': [{ 'return-code': 0 }] });
  expect((await labwright('destroy', '--cleanup')).exitCode).toBe(0);
  return (await execa('docker', ['ps', '-aq', '--filter', 'name=^clab-lwext-'])).stdout;
}

describe('an external server', () => {
  it('with our accounts and one credentials file a role replaces the embedded one, with nothing else changed', async () => {
    const hostId = host('lwext-host');
    const nats = await startNats({ roles: [{ role: 'host', hostId }] });
    endings.push(async () => await nats.stop());
    // Whoever runs the server let this host in by its name.
    await writeFile(join(home, 'host-identity.json'), JSON.stringify({ hostId }));
    expect(await lifeOfLab(cli({ LABWRIGHT_NATS_URL: nats.url, LABWRIGHT_NATS_CREDS: nats.credentialsFolder }))).toBe('');
  });

  it('with one user for all roles does too', async () => {
    const url = await startPlainServer();
    await writeFile(join(folder, 'all-roles.json'), JSON.stringify({ user: 'labwright', password: 'only-for-this-test' }), { mode: 0o600 });
    expect(await lifeOfLab(cli({ LABWRIGHT_NATS_URL: url, LABWRIGHT_NATS_CREDS: join(folder, 'all-roles.json') }))).toBe('');
  });
});

/** A server as an administrator would set one up for all sorts of programs: one account, JetStream, a user with a password. */
async function startPlainServer(): Promise<string> {
  const port = await freePort();
  const config = join(folder, 'plain.conf');
  await writeFile(config, `host: 127.0.0.1
port: ${port}
jetstream { store_dir: ${JSON.stringify(join(folder, 'store'))} }
accounts { SHARED { jetstream: enabled, users: [{ user: labwright, password: only-for-this-test }] } }
`);
  const server: ChildProcess = spawn(existsSync(SET_UP_BINARY) ? SET_UP_BINARY : 'nats-server', ['-c', config], { stdio: 'ignore' });
  endings.push(async () => {
    server.kill('SIGKILL');
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
  });
  await eventually(async () => (await execa('ss', ['-ltnH', `sport = :${port}`])).stdout !== '', { what: 'the plain server to listen' });
  return `nats://127.0.0.1:${port}`;
}

async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
