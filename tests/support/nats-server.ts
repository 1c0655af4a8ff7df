// A real nats-server in a folder of its own, with our roles: started, killed and restarted by tests.
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
import { connectNats } from '../../nats/connect.ts';
import { readCredentials } from '../../nats/credentials.ts';
import type { Role } from '../../nats/roles.ts';
import { credentialsName, inboxPrefixOf } from '../../nats/roles.ts';
import type { ServerSettings } from '../../nats/server-config.ts';
import { ensureCredentials, writeServerConfig } from '../../nats/server-users.ts';
import { eventually } from './eventually.ts';

const SET_UP_BINARY = '/usr/local/lib/labwright/bin/nats-server';
const Ports = z.object({ nats: z.array(z.string()).min(1) });

export interface TestNats {
  readonly url: string;
  readonly folder: string;
  readonly credentialsFolder: string;
  /** Process id of the running server. */
  pid(): number;
  /** A new connection in a role, whose credentials are made when there are none (and the server reloaded); closed by `stop`. */
  connect(role: Role): Promise<NatsConnection>;
  /** Path of a role's credentials file. */
  credentials(role: Role): Promise<string>;
  /** Ends the server as a power switch would, without notice to anybody. */
  kill(): Promise<void>;
  /** Starts it again on the same port and store. */
  start(): Promise<void>;
  /** It stands still with all its connections open. */
  pause(): void;
  /** Not paused, or not running, is success. */
  resume(): void;
  /** Closes the connections, ends the server, removes the folder. */
  stop(): Promise<void>;
}

export interface TestNatsOptions {
  readonly roles?: readonly Role[];
  readonly settings?: Partial<Pick<ServerSettings, 'syncInterval' | 'maxPayloadBytes'>>;
}

/** Starts a server on a free loopback port with credentials for supervisor, operator and viewer, and those of `roles`. */
export async function startNats(options: TestNatsOptions = {}): Promise<TestNats> {
  const folder = await mkdtemp(join(tmpdir(), 'lw-nats-'));
  const credentialsFolder = join(folder, 'credentials');
  const config = join(folder, 'nats.conf');
  const port = await freePort();
  const settings = { serverName: 'lw-test', port, portsFileDir: folder, storeDir: join(folder, 'store'), syncInterval: '1s', ...options.settings } as const;
  const roles: readonly Role[] = [{ role: 'supervisor' }, { role: 'operator' }, { role: 'viewer' }, ...(options.roles ?? [])];
  for (const role of roles) await ensureCredentials(credentialsFolder, role);
  await writeServerConfig({ path: config, credentialsFolder, settings });

  const connections: NatsConnection[] = [];
  let server: ChildProcess | undefined;
  const pid = (): number => {
    if (server?.pid === undefined) throw new Error('nats-server does not run');
    return server.pid;
  };
  const start = async (): Promise<void> => {
    // It ends with the test, also when that is killed.
    server = spawn('setpriv', ['--pdeathsig', 'KILL', serverBinary(), '-c', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    let printed = '';
    server.stderr?.on('data', (chunk: Buffer) => {
      printed = (printed + chunk.toString()).slice(-4_000);
    });
    const child = server;
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`nats-server ended: ${printed}`);
      return await readPorts(folder, pid());
    }, { what: 'ports file of nats-server' });
  };
  const kill = async (): Promise<void> => {
    const child = server;
    server = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  const credentials = async (role: Role): Promise<string> => {
    const isNew = !existsSync(join(credentialsFolder, `${credentialsName(role)}.nk`));
    const path = await ensureCredentials(credentialsFolder, role);
    if (isNew) await writeServerConfig({ path: config, credentialsFolder, settings, serverPid: pid() });
    return path;
  };
  await start();
  const url = `nats://127.0.0.1:${port}`;
  return {
    url, folder, credentialsFolder, pid, kill, start, credentials,
    pause: () => void process.kill(pid(), 'SIGSTOP'),
    resume: () => void server?.kill('SIGCONT'),
    async connect(role) {
      const options_ = { url, credentials: await readCredentials(await credentials(role)), inboxPrefix: inboxPrefixOf(role), name: `test ${role.role}` };
      const nc = await eventually(async () => await connectNats(options_), { what: `connection as ${role.role}` });
      connections.push(nc);
      return nc;
    },
    async stop() {
      await Promise.all(connections.map(async (nc) => await nc.close()));
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Another version than the set-up's is tried with LABWRIGHT_TEST_NATS_SERVER. */
function serverBinary(): string {
  const asked = process.env['LABWRIGHT_TEST_NATS_SERVER'];
  if (asked !== undefined && asked !== '') return asked;
  return existsSync(SET_UP_BINARY) ? SET_UP_BINARY : 'nats-server';
}

async function readPorts(folder: string, pid: number): Promise<string | undefined> {
  const file = (await readdir(folder)).find((name) => name.endsWith(`_${pid}.ports`));
  return file === undefined ? undefined : Ports.parse(JSON.parse(await readFile(join(folder, file), 'utf8'))).nats[0];
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
