// A whole product on this machine for end-to-end tests: an own controller in an own home, a client, and baselines of the host.
import { readFile } from 'node:fs/promises';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { stopController } from '../../controller/down.ts';
import { findCredentials, readEndpoint } from '../../controller/endpoint.ts';
import { readProcessRecord } from '../../controller/process-record.ts';
import { processRecordPath, stateDir } from '../../controller/state-dir.ts';
import { ensureController } from '../../controller/up.ts';
import type { LabSpec } from '../../machines/vocabulary/lab-spec.ts';
import { connectNats } from '../../nats/connect.ts';
import { readCredentials } from '../../nats/credentials.ts';
import { createOpsClient } from '../../nats/ops-client.ts';
import type { OpsClient } from '../../nats/ops-client.ts';
import { inboxPrefixOf } from '../../nats/roles.ts';
import { readLab } from '../../topology/read-lab.ts';
import type { BedHands } from './bed-hands.ts';
import { bedHands } from './bed-hands.ts';
import { eventually } from './eventually.ts';

export type TestBed = BedHands & {
  readonly home: string;
  readonly ops: OpsClient;
  /** Process ids of the controller's children and of its parent, as their records say. */
  pid(name: 'nats-server' | 'supervisor' | 'host-actor' | 'parent'): Promise<number>;
  up(): Promise<void>;
  down(): Promise<void>;
  /** Destroys all labs, ends the controller, removes its home. */
  close(): Promise<void>;
};

/** Compiled code of earlier beds: half of a start is compiling, and there are hundreds. It goes with the repository's packages. */
const COMPILED = join(import.meta.dirname, '../../node_modules/.cache/labwright-compiled-code');

/** Starts a controller of its own. `env` reaches its processes. */
export async function openTestBed(env: Record<string, string> = {}): Promise<TestBed> {
  const home = await mkdtemp(join(tmpdir(), 'lw-bed-'));
  const dir = stateDir(home);
  await mkdir(COMPILED, { recursive: true });
  await symlink(COMPILED, dir.compiledCode);
  const up = async () => void (await ensureController({ home, env: { ...process.env, ...env, LABWRIGHT_HOME: home } }));
  await up();
  const endpoint = await readEndpoint(dir);
  if (!endpoint) throw new Error('the controller left no endpoint');
  const role = { role: 'operator' } as const;
  const nc = await connectNats({ url: endpoint.url, credentials: await readCredentials(await findCredentials(endpoint, role)), inboxPrefix: inboxPrefixOf(role), name: 'test bed' });
  const ops = createOpsClient(nc);
  const hands = bedHands(ops);
  const pid: TestBed['pid'] = async (name) => {
    const record = await readProcessRecord(name === 'parent' ? dir.parentRecord : processRecordPath(dir, name));
    const found = record?.identity?.pid;
    if (found === undefined) throw new Error(`no process id of ${name} is recorded`);
    return found;
  };
  await untilItWatches(async () => await pid('host-actor'));
  return {
    ...hands, home, ops, up, pid,
    down: async () => void (await stopController({ home })),
    async close() {
      await hands.destroyAll();
      await nc.close();
      await stopController({ home });
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** The host-actor watches: its monitors are there, so a reading of the host from now on is not changed by its start. */
async function untilItWatches(pid: () => Promise<number>): Promise<void> {
  const monitors = ['nft -j monitor', 'tc monitor', 'ip -rcvbuf 8388608', 'ip -rcvbuf 33554432'];
  await eventually(async () => {
    const parent = await pid();
    const children = (await readFile(`/proc/${parent}/task/${parent}/children`, 'utf8')).split(' ').filter(Boolean);
    const commands = await Promise.all(children.map(async (child) => (await readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ')));
    return monitors.every((monitor) => commands.some((line) => line.startsWith(monitor)));
  }, { timeoutMs: 30_000, what: 'the host-actor to watch' });
}

/** Reads lab text as the command line does. @throws Error with all faults. */
export function labFromText(text: string, path: string): LabSpec {
  const result = readLab({ text, path: resolve(path), folder: dirname(resolve(path)), env: process.env });
  if ('faults' in result) throw new Error(JSON.stringify(result.faults, undefined, 1));
  return result.lab;
}

export async function labFromFile(path: string): Promise<LabSpec> {
  return labFromText(await readFile(path, 'utf8'), path);
}

