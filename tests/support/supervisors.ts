// Several supervisors on one real NATS with a simulated host, and what must hold of the log whatever happened to them.
import { evolve } from '../../machines/evolve/evolve.ts';
import { initialLab } from '../../machines/evolve/lab-state.ts';
import type { LabState } from '../../machines/evolve/lab-state.ts';
import { claimsOf } from '../../machines/plan/claims.ts';
import { LogEntry } from '../../machines/vocabulary/event.ts';
import type { LabId } from '../../machines/vocabulary/ids.ts';
import type { LabSpec } from '../../machines/vocabulary/lab-spec.ts';
import { openEventLog } from '../../nats/event-log.ts';
import type { EventLog } from '../../nats/event-log.ts';
import { createOpsClient } from '../../nats/ops-client.ts';
import type { OpsClient } from '../../nats/ops-client.ts';
import { ensureStreams } from '../../nats/streams.ts';
import { eventually } from './eventually.ts';
import { aLab, aLink, aNode, command, host, lab } from './lab-builders.ts';
import { startNats } from './nats-server.ts';
import type { TestNats } from './nats-server.ts';
import { startSimulatedHost } from './simulated-host.ts';
import type { SimulatedHost } from './simulated-host.ts';
import { startSupervisorProcess } from './supervisor-process.ts';
import type { SupervisorProcess } from './supervisor-process.ts';

export type Supervisors = {
  readonly nats: TestNats;
  readonly ops: OpsClient;
  readonly simulated: SimulatedHost;
  readonly log: EventLog<LogEntry>;
  /** Starts one more; resolves when it is a member. */
  start(): Promise<SupervisorProcess>;
  /** Number of labs of each supervisor, by the answers of whoever answers. */
  shares(): Promise<Map<string, number>>;
  deploy(spec: LabSpec, id?: string): Promise<unknown>;
  settles(name: LabId, wanted?: string): Promise<unknown>;
  entries(name: LabId): Promise<LogEntry[]>;
  stop(): Promise<void>;
};

const H1 = host('h1');

export async function startSupervisors(leaseSeconds: number): Promise<Supervisors> {
  const nats = await startNats({ roles: [{ role: 'host', hostId: H1 }] });
  const nc = await nats.connect({ role: 'supervisor' });
  await ensureStreams(nc);
  const log = await openEventLog(nc, LogEntry);
  const simulated = startSimulatedHost(await nats.connect({ role: 'host', hostId: H1 }), H1);
  const ops = createOpsClient(await nats.connect({ role: 'operator' }));
  const started: SupervisorProcess[] = [];
  const status = async () => await ops.request('status', {}, { timeoutMs: 2_000 });
  const shares = async () => new Map((await status()).supervisors.map(({ id, labs }) => [id, labs]));
  return {
    nats, ops, simulated, log, shares,
    async start() {
      const one = await startSupervisorProcess(nats, { leaseSeconds });
      started.push(one);
      await eventually(() => one.id() !== '', { timeoutMs: 30_000, what: 'a supervisor to serve' });
      await eventually(async () => {
        const { supervisors, hosts } = await status();
        return supervisors.some(({ id }) => id === one.id()) && hosts.length === 1;
      }, { timeoutMs: 30_000, what: `${one.id()} to be a member` });
      return one;
    },
    deploy: async (spec, id = `${spec.id}-deploy`) => await ops.request('deploy', { commandId: command(id), spec, takeOver: false, reconfigure: false }, { lab: spec.id, patienceMs: 30_000 }),
    settles: async (name, wanted = 'running') => await eventually(async () => (await ops.request('inspect', {}, { lab: name })).state === wanted, { timeoutMs: 40_000, everyMs: 100, what: `lab ${name} to be ${wanted}` }),
    async entries(name) {
      const entries: LogEntry[] = [];
      for await (const { entry } of log.read(name)) entries.push(entry);
      return entries;
    },
    async stop() {
      await simulated.stop();
      await Promise.all(started.map(async (one) => await one.kill()));
      await nats.stop();
    },
  };
}

/** A lab of two linked nodes whose containers bear its name. */
export function smallLab(name: string, over: Parameters<typeof aNode>[1] = {}): LabSpec {
  const nodes = [aNode('a', { containerName: `${name}-a`, ...over }), aNode('b', { containerName: `${name}-b` })];
  return aLab(nodes, [aLink('a:eth1', 'b:eth1')], { id: lab(name), topologyPath: `/tmp/${name}.yml` });
}

/** States of all labs, folded from the log alone. */
export async function refold(log: EventLog<LogEntry>): Promise<Map<LabId, LabState>> {
  const states = new Map<LabId, LabState>();
  for await (const { labId, entry } of log.readAll()) states.set(labId, evolve(states.get(labId) ?? initialLab(labId), entry).state);
  return states;
}

/** Entries that somebody wrote in a term that was over; none, whatever happened. */
export function writtenTooLate(entries: readonly LogEntry[]): LogEntry[] {
  return entries.filter((entry, index) => entry.term < Math.max(0, ...entries.slice(0, index).map(({ term }) => term)));
}

/** What two labs hold at once though only one can: none, at no moment of the log. */
export async function heldTwice(log: EventLog<LogEntry>): Promise<string[]> {
  const states = new Map<LabId, LabState>();
  const twice: string[] = [];
  for await (const { labId, entry } of log.readAll()) {
    states.set(labId, evolve(states.get(labId) ?? initialLab(labId), entry).state);
    if (!entry.events.some(({ type }) => type === 'LabDeployRequested')) continue;
    const holders = new Map<string, LabId>();
    for (const state of states.values()) {
      for (const one of thingsHeldBy(state)) {
        const other = holders.get(one);
        if (other !== undefined && other !== state.id) twice.push(`${one}: ${other} and ${state.id}`);
        holders.set(one, state.id);
      }
    }
  }
  return twice;
}

function thingsHeldBy(state: LabState): string[] {
  const claims = claimsOf(state);
  const addresses = Object.entries(claims.networks).flatMap(([network, held]) => held.addresses.map((address) => `address ${network} ${address}`));
  return [...claims.labNumbers.map((number) => `number ${number}`), ...claims.vnis.map((vni) => `vni ${vni}`), ...claims.ports.map((port) => `port ${port}`), ...claims.containerNames.map((name) => `name ${name}`), ...addresses];
}
