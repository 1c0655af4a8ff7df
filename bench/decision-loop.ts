// Decision loop: events decided, appended and folded a second, append latency, state change to subscriber. Run: node bench/decision-loop.ts
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { pino } from 'pino';
import { admit } from '../machines/decide/admit.ts';
import { LogEntry } from '../machines/vocabulary/event.ts';
import type { LinkId } from '../machines/vocabulary/ids.ts';
import type { LabState } from '../machines/evolve/lab-state.ts';
import type { Observation } from '../machines/vocabulary/observation.ts';
import { openEventLog } from '../nats/event-log.ts';
import { makePacedSlots } from '../nats/slots.ts';
import { ensureStreams } from '../nats/streams.ts';
import { APPEND_PACE, LabActor } from '../supervisor/lab-actor.ts';
import { publishNotice, renderNotice } from '../supervisor/notices.ts';
import { aLab, aLink, aNode, facts, host, lab } from '../tests/support/lab-builders.ts';
import { startNats } from '../tests/support/nats-server.ts';
import { SimulatedLab } from '../tests/support/simulated-lab.ts';
import { printTable, quantile } from './report.ts';

const NODES = 20;
const SECONDS = 4;

/** A running lab of a ring of nodes. */
function runningLab(name: string): LabState {
  const sim = new SimulatedLab();
  const nodes = Array.from({ length: NODES }, (_unused, n) => aNode(`n${n}`));
  const links = nodes.map((_node, n) => aLink(`n${n}:eth1`, `n${(n + 1) % NODES}:eth2`));
  sim.command({ type: 'lab.deploy', spec: aLab(nodes, links), takeOver: false, reconfigure: false });
  sim.run();
  return { ...sim.state, id: lab(name), n: 0 };
}

/** Carrier changes, each of which is news. */
function flaps(state: LabState, count: number, round: number): Observation[] {
  const ids = Object.keys(state.links) as LinkId[];
  return Array.from({ length: count }, (_unused, n) => {
    const link = ids[(round * count + n) % ids.length] as LinkId;
    const up = Math.floor((round * count + n) / ids.length) % 2 === 1;
    return { type: 'link.carrier' as const, link, at: 1, carrier: { a: up, b: up } };
  });
}

function foldOnly(perEntry: number): number {
  let state = runningLab('pure');
  const began = performance.now();
  let events = 0;
  for (let round = 0; performance.now() - began < 1_500; round += 1) {
    const admission = admit(state, flaps(state, perEntry, round).map((observation) => ({ host: host('h1'), observation })), round);
    if (!admission) continue;
    state = admission.evolution.state;
    events += admission.entry.events.length;
  }
  return events / ((performance.now() - began) / 1000);
}

type Load = { readonly labs: number; readonly perReport: number; readonly sync: '1s' | 'always'; /** Offered, whatever the answers do; absent = each lab is told again as soon as it has taken in what it was told. */ readonly eventsPerSecond?: number };

async function withLog(load: Load) {
  const nats = await startNats({ settings: { syncInterval: load.sync } });
  const viewer = new Worker(new URL('notice-viewer.ts', import.meta.url), { workerData: { url: nats.url, credentials: await nats.credentials({ role: 'viewer' }) } });
  try {
    await once(viewer, 'message');
    const nc = await nats.connect({ role: 'supervisor' });
    await ensureStreams(nc);
    const log = await openEventLog(nc, LogEntry);
    const decidedAt = new Map<string, bigint>();
    const appends: number[] = [];
    const timed = {
      append: async (entry: Parameters<typeof log.append>[0]) => {
        const began = process.hrtime.bigint();
        decidedAt.set(`${entry.labId}/${entry.entry.n}`, began);
        const seq = await log.append(entry);
        appends.push(Number(process.hrtime.bigint() - began) / 1e6);
        return seq;
      },
    };
    const turns = makePacedSlots(APPEND_PACE);
    const actors = Array.from({ length: load.labs }, (_unused, n) => new LabActor(lab(`l${n}`), { state: runningLab(`l${n}`), seq: 0 }, {
      supervisor: 'bench', claims: { reserve: async (_before, make) => make(), settle: () => {} }, log: timed, turns, logger: pino({ level: 'silent' }), now: Date.now, facts: () => facts(),
      committed: (_actor, entry, evolution) => publishNotice(nc, renderNotice(entry, evolution)),
      reload: async (base) => base, steppedDown: () => {},
    }));
    for (const actor of actors) actor.own();
    const cpu = process.threadCpuUsage();
    const began = performance.now();
    const taken: number[] = [];
    const tell = async (actor: LabActor, round: number): Promise<void> => {
      const at = performance.now();
      await actor.report(flaps(actor.state, load.perReport, round).map((observation) => ({ host: host('h1'), observation })));
      taken.push(performance.now() - at);
    };
    await (load.eventsPerSecond === undefined ? told(actors, tell) : offered(actors, tell, load.eventsPerSecond / load.perReport));
    const seconds = (performance.now() - began) / 1000;
    const used = process.threadCpuUsage(cpu);
    viewer.postMessage('end');
    const [seenAt] = (await once(viewer, 'message')) as [Map<string, bigint>];
    const toSubscriber = [...decidedAt].flatMap(([key, at]) => (seenAt.has(key) ? [Number((seenAt.get(key) ?? 0n) - at) / 1e6] : []));
    return { rate: (taken.length * load.perReport) / seconds, entries: appends.length / seconds, cores: (used.user + used.system) / 1e6 / seconds, appends, toSubscriber, taken };
  } finally {
    await viewer.terminate();
    await nats.stop();
  }
}

type Tell = (actor: LabActor, round: number) => Promise<void>;

async function told(actors: readonly LabActor[], tell: Tell): Promise<void> {
  const endAt = performance.now() + SECONDS * 1000;
  await Promise.all(actors.map(async (actor) => {
    for (let round = 0; performance.now() < endAt; round += 1) await tell(actor, round);
  }));
}

/** Reports come evenly, to one lab after another; whoever is late makes up for it at once. */
async function offered(actors: readonly LabActor[], tell: Tell, reportsPerSecond: number): Promise<void> {
  const began = performance.now();
  const told_: Promise<void>[] = [];
  for (let sent = 0; performance.now() - began < SECONDS * 1000; ) {
    for (const due = ((performance.now() - began) / 1000) * reportsPerSecond; sent < due; sent += 1) {
      const actor = actors[sent % actors.length];
      if (actor) told_.push(tell(actor, Math.floor(sent / actors.length)));
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(told_);
}

/** What the disk alone takes for a record of that size: no acknowledgement that survives a power cut is faster. */
async function diskFloor(): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'lw-bench-'));
  const file = await open(join(folder, 'floor'), 'w');
  const took: number[] = [];
  for (const endAt = performance.now() + 1_000; performance.now() < endAt; ) {
    const began = performance.now();
    await file.write(Buffer.alloc(1_200));
    await file.datasync();
    took.push(performance.now() - began);
  }
  await file.close();
  await rm(folder, { recursive: true });
  return ['the disk alone', '-', '-', 'fdatasync', '-', took.length.toFixed(0), '-', ...[0.5, 0.99].map((q) => quantile(took, q).toFixed(2))];
}

const LOADS: readonly Omit<Load, 'sync'>[] = [
  { labs: 1, perReport: 1 }, { labs: 32, perReport: 1 }, { labs: 64, perReport: 8 }, { labs: 256, perReport: 8 }, { labs: 256, perReport: 32 },
  { labs: 64, perReport: 1, eventsPerSecond: 20_000 }, { labs: 64, perReport: 8, eventsPerSecond: 20_000 }, { labs: 256, perReport: 8, eventsPerSecond: 20_000 },
];
const rows: string[][] = [];
for (const perEntry of [1, 8, 64]) rows.push(['decide + fold only', '1', String(perEntry), '-', foldOnly(perEntry).toFixed(0), '-', '1.00']);
for (const sync of ['1s', 'always'] as const) {
  rows.push(await diskFloor());
  for (const load of LOADS) {
    const result = await withLog({ ...load, sync });
    const quantiles = [result.appends, result.toSubscriber, result.taken].flatMap((values) => [0.5, 0.99].map((q) => quantile(values, q).toFixed(2)));
    rows.push([load.eventsPerSecond === undefined ? 'as fast as it can' : `${load.eventsPerSecond} events/s offered`, String(load.labs), String(load.perReport), sync, result.rate.toFixed(0), result.entries.toFixed(0), result.cores.toFixed(2), ...quantiles]);
  }
}
printTable(`Decision loop, ${NODES} nodes and ${NODES} links a lab; cores of the deciding thread (run ${randomUUID().slice(0, 8)})`,
  ['what', 'labs', 'events/report', 'sync', 'events/s', 'entries/s', 'cores', 'append p50 ms', 'p99', 'decided to subscriber p50 ms', 'p99', 'report taken in p50 ms', 'p99'], rows);
