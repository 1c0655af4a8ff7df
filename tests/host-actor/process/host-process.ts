// A host-actor as a process of its own beside a real NATS server, ordered about by a test that plays the supervisor.
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NatsConnection } from '@nats-io/transport-node';
import { execa } from 'execa';
import type { Order } from '../../../machines/vocabulary/effect.ts';
import { HostId } from '../../../machines/vocabulary/ids.ts';
import type { Observation } from '../../../machines/vocabulary/observation.ts';
import { Report } from '../../../machines/vocabulary/observation.ts';
import { consumeReports } from '../../../nats/report-queue.ts';
import { ensureHostConsumer, ensureStreams } from '../../../nats/streams.ts';
import { publishOrders } from '../../../nats/work-queue.ts';
import { eventually } from '../../support/eventually.ts';
import type { TestNats } from '../../support/nats-server.ts';
import { startNats } from '../../support/nats-server.ts';

export type ObservationOf<T extends Observation['type']> = Extract<Observation, { type: T }>;

export interface HostProcess {
  readonly host: HostId;
  readonly nats: TestNats;
  readonly supervisor: NatsConnection;
  readonly home: string;
  /** All observations that arrived, in order. */
  readonly seen: Observation[];
  order(...orders: readonly Order[]): Promise<void>;
  /** The answer to an order. */
  answer(id: string, timeoutMs?: number): Promise<Observation>;
  /** The next observation of the type that fits, from `from` on (index into `seen`). */
  observe<T extends Observation['type']>(type: T, fits?: (seen: ObservationOf<T>) => boolean, options?: { from?: number; timeoutMs?: number }): Promise<ObservationOf<T>>;
  start(env?: Record<string, string>): void;
  /** Starts it, and once more (without `env`) when it dies of itself: as the controller does. */
  startTwice(env: Record<string, string>): void;
  /** Starts it, and again with the same `env` each time it dies. */
  startAlways(env: Record<string, string>): void;
  /** Starts so far. */
  starts(): number;
  /** SIGKILL. */
  kill(): Promise<void>;
  log(): Promise<string>;
  stop(): Promise<void>;
}

export async function startHostProcess(prefix: string): Promise<HostProcess> {
  const host = HostId.parse(`${prefix}-host`);
  const role = { role: 'host' as const, hostId: host };
  const nats = await startNats({ roles: [role] });
  const supervisor = await nats.connect({ role: 'supervisor' });
  await ensureStreams(supervisor);
  await ensureHostConsumer(supervisor, host);
  const home = await mkdtemp(join(tmpdir(), `${prefix}-`));
  await mkdir(home, { recursive: true });
  const seen: Observation[] = [];
  const consuming = consumeReports(supervisor, {
    schema: Report,
    handle: async (reports) => { for (const { report } of reports) seen.push(...report.observations); },
    onProblem: () => undefined,
  });
  let child: ChildProcess | undefined;
  let messages = 0;
  let starts = 0;
  const logPath = process.env['LABWRIGHT_TEST_LOG'] ?? join(home, 'host-actor.log');
  const credentials = await nats.credentials(role);
  const start = (env: Record<string, string> = {}): ChildProcess => {
    const started = spawn(process.execPath, [join(import.meta.dirname, '../../../host-actor/main.ts')], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env, LABWRIGHT_HOME: home, LABWRIGHT_NATS_URL: nats.url, LABWRIGHT_NATS_CREDS: credentials, LABWRIGHT_HOST_ID: host,
        LABWRIGHT_HOSTS_FILE: join(home, 'hosts'), LABWRIGHT_LOG_LEVEL: 'debug', ...env,
      },
    });
    const log = createWriteStream(logPath, { flags: 'a' });
    started.stdout.pipe(log);
    started.stderr.pipe(log);
    child = started;
    starts += 1;
    return started;
  };
  return {
    host, nats, supervisor, home, seen,
    order: async (...orders) => {
      messages += 1;
      await publishOrders(supervisor, host, orders, `${prefix}-${messages}`);
    },
    answer: (id, timeoutMs = 30_000) => eventually(() => seen.find((one) => one.effectId === id), { what: `answer to ${id}`, timeoutMs }),
    observe: async (type, fits, options = {}) => {
      const found = await eventually(
        () => seen.slice(options.from ?? 0).find((one) => isOfType(one, type) && (fits?.(one) ?? true)),
        { what: `observation ${type}`, timeoutMs: options.timeoutMs ?? 20_000 },
      );
      if (!isOfType(found, type)) throw new Error(`not ${type}`);
      return found;
    },
    starts: () => starts,
    start: (env) => void start(env),
    startTwice: (env) => {
      const first = start(env);
      first.once('exit', () => {
        if (child === first) start();
      });
    },
    startAlways: (env) => {
      const again = (): void => {
        const started = start(env);
        started.once('exit', () => {
          if (child === started) again();
        });
      };
      again();
    },
    kill: async () => {
      const running = child;
      child = undefined;
      if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
      const end = once(running, 'exit');
      running.kill('SIGKILL');
      await end;
    },
    log: () => readFile(logPath, 'utf8'),
    stop: async () => {
      const running = child;
      child = undefined;
      if (running !== undefined && running.exitCode === null && running.signalCode === null) {
        const end = once(running, 'exit');
        running.kill('SIGTERM');
        await end;
      }
      await consuming.stop();
      await nats.stop();
      await removeLeftOvers(host, prefix);
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** What a test that failed half-way left: containers of the host's label, and namespaces of labs named after the test. */
async function removeLeftOvers(host: HostId, prefix: string): Promise<void> {
  const { stdout } = await execa('docker', ['ps', '-aq', '--filter', `label=labwright.host=${host}`]);
  const ids = stdout.split('\n').filter((id) => id !== '');
  if (ids.length > 0) await execa('docker', ['rm', '-f', ...ids]);
  const names = (await execa('ip', ['netns'])).stdout.split('\n').map((line) => line.split(' ')[0] ?? '');
  for (const name of names) if (name.startsWith(`clab-${prefix}`)) await execa('ip', ['netns', 'del', name]);
}

function isOfType<T extends Observation['type']>(seen: Observation, type: T): seen is ObservationOf<T> {
  return seen.type === type;
}
