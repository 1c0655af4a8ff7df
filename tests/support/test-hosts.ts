// Several hosts on one machine for end-to-end tests: each a set of namespaces with own engine, underlay and host-actor; NATS and supervisors beside them.
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { HostId } from '../../machines/vocabulary/ids.ts';
import { createOpsClient } from '../../nats/ops-client.ts';
import type { OpsClient } from '../../nats/ops-client.ts';
import type { HostSummary } from '../../machines/vocabulary/host-view.ts';
import type { BedHands } from './bed-hands.ts';
import { bedHands } from './bed-hands.ts';
import { eventually } from './eventually.ts';
import { startControlRelay } from './hosts/control-relay.ts';
import { ensureImageStore } from './hosts/image-store.ts';
import type { TestHost } from './hosts/test-host.ts';
import { removeCgroups, testHost } from './hosts/test-host.ts';
import type { Underlay } from './hosts/underlay.ts';
import { addressOf, CONTROL, openUnderlay } from './hosts/underlay.ts';
import { startNats } from './nats-server.ts';
import type { TestNats } from './nats-server.ts';
import type { SupervisorProcess } from './supervisor-process.ts';
import { startSupervisorProcess } from './supervisor-process.ts';

export type { CutOptions, TestHost } from './hosts/test-host.ts';

export type TestHostsOptions = {
  /** Named h1, h2, ... */
  readonly hosts: number;
  /** Images of this machine's engine that every host has from the start. */
  readonly images?: readonly string[];
  /** Each host gets an Open vSwitch of its own. */
  readonly ovs?: boolean;
  /** 1 by default. */
  readonly supervisors?: number;
  /** Bytes, 1500 by default. */
  readonly underlayMtu?: number;
  /** For the host-actors, e.g. LABWRIGHT_SWEEP_SECONDS; by host number where they differ, e.g. in LABWRIGHT_CAPACITY_CPUS. */
  readonly supervisorEnv?: Record<string, string>;
  readonly env?: Record<string, string> | ((number: number) => Record<string, string>);
};

export type TestHosts = BedHands & {
  readonly hosts: readonly TestHost[];
  /** The host of that number, from 1. */
  host(number: number): TestHost;
  readonly nats: TestNats;
  readonly ops: OpsClient;
  readonly underlay: Underlay;
  /** All that were started, ended ones too. */
  readonly supervisors: readonly SupervisorProcess[];
  startSupervisor(): Promise<SupervisorProcess>;
  /** The hosts as the ops API shows them. */
  summaries(): Promise<HostSummary[]>;
  /** Waits until these hosts are joined and have told what they have; all by default. */
  joined(hosts?: readonly TestHost[], timeoutMs?: number): Promise<void>;
  /** Ends everything at once, labs included, and removes every trace. */
  close(): Promise<void>;
};

/** Boots them all; resolves when all have joined. Nothing is left behind when it fails, or when this process is killed. */
export async function openTestHosts(options: TestHostsOptions): Promise<TestHosts> {
  await removeLeftovers();
  const images = await ensureImageStore(options.images ?? []);
  const dir = await mkdtemp(join(tmpdir(), `lw-hosts-${process.pid}-`));
  const undo: (() => Promise<void>)[] = [async () => await rm(dir, { recursive: true, force: true }), async () => await removeCgroups(basename(dir))];
  const close = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (const step of undo.splice(0).toReversed()) await step().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, 'test hosts left something behind');
  };
  try {
    return await open(options, { dir, images, undo, close });
  } catch (error) {
    await close();
    throw error;
  }
}

type Ground = { readonly dir: string; readonly images: string | undefined; readonly undo: (() => Promise<void>)[]; readonly close: () => Promise<void> };

async function open(parts: TestHostsOptions, { dir, images, undo, close }: Ground): Promise<TestHosts> {
  const numbers = Array.from({ length: parts.hosts }, (_unused, index) => index + 1);
  const hostRole = (number: number) => ({ role: 'host', hostId: HostId.parse(`h${number}`) }) as const;
  const nats = await startNats({ roles: numbers.map(hostRole) });
  undo.push(async () => await nats.stop());
  const supervisors: SupervisorProcess[] = [];
  const startSupervisor = async (): Promise<SupervisorProcess> => {
    const supervisor = await startSupervisorProcess(nats, { env: parts.supervisorEnv ?? {} });
    undo.push(async () => await supervisor.kill());
    supervisors.push(supervisor);
    return supervisor;
  };
  const underlay = await openUnderlay({ hosts: parts.hosts, mtu: parts.underlayMtu ?? 1500 });
  undo.push(async () => await underlay.close());
  const relay = await startControlRelay({ network: underlay.pid, address: addressOf(CONTROL), natsUrl: nats.url });
  undo.push(async () => await relay.stop());
  const hosts: TestHost[] = [];
  for (const number of numbers) {
    const env = { ...(typeof parts.env === 'function' ? parts.env(number) : parts.env), LABWRIGHT_NATS_URL: relay.url, LABWRIGHT_NATS_CREDS: await nats.credentials(hostRole(number)) };
    hosts.push(testHost({ number, dir: join(dir, `h${number}`), images, underlay, cgroupParent: `/${basename(dir)}/h${number}`, withOvs: parts.ovs ?? false, actorEnv: env }));
  }
  undo.push(async () => void (await Promise.all(hosts.map(async (host) => await host.remove()))));
  const started = await Promise.allSettled([...Array.from({ length: parts.supervisors ?? 1 }, startSupervisor), ...hosts.map(async (host) => await host.comeBack())]);
  for (const one of started) if (one.status === 'rejected') throw one.reason;
  const ops = createOpsClient(await nats.connect({ role: 'operator' }));
  const summaries = async (): Promise<HostSummary[]> => (await ops.request('hosts', {}, { timeoutMs: 2_000 })).hosts;
  const joined: TestHosts['joined'] = async (wanted = hosts, timeoutMs = 30_000) =>
    void (await eventually(async () => {
      const known = new Map((await summaries()).map((one) => [one.host, one]));
      return wanted.every(({ id }) => known.get(id)?.state === 'joined' && known.get(id)?.capacity !== undefined);
    }, { timeoutMs, what: `${wanted.map(({ id }) => id).join(', ')} to join`, everyMs: 50 }));
  await joined();
  const host = (number: number): TestHost => {
    const found = hosts[number - 1];
    if (found === undefined) throw new Error(`there is no host ${number}`);
    return found;
  };
  return { ...bedHands(ops), hosts, host, nats, ops, underlay, supervisors, startSupervisor, summaries, joined, close };
}

/** What a killed run left: its processes ended with it, its directories and control groups did not. */
export async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const owner = /^lw-hosts-(\d+)-/.exec(name)?.[1];
    if (owner === undefined || existsSync(`/proc/${owner}`)) continue;
    await removeCgroups(name);
    await rm(join(tmpdir(), name), { recursive: true, force: true });
  }
}
