// Decision loop: events decided, appended and folded a second, append latency, state change to subscriber. Run: node bench/decision-loop.ts
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { admit } from '../machines/decide/admit.ts';
import { LogEntry } from '../machines/vocabulary/event.ts';
import type { LinkId } from '../machines/vocabulary/ids.ts';
import type { LabState } from '../machines/evolve/lab-state.ts';
import type { Observation } from '../machines/vocabulary/observation.ts';
import { openEventLog } from '../nats/event-log.ts';
import { noticeSubject } from '../nats/subjects.ts';
import { ensureStreams } from '../nats/streams.ts';
import { LabActor } from '../supervisor/lab-actor.ts';
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

async function withLog(options: { labs: number; perEntry: number; sync: '1s' | 'always' }) {
  const nats = await startNats({ settings: { syncInterval: options.sync } });
  try {
    const nc = await nats.connect({ role: 'supervisor' });
    await ensureStreams(nc);
    const log = await openEventLog(nc, LogEntry);
    const viewer = await nats.connect({ role: 'viewer' });
    const sentAt = new Map<string, number>();
    const toSubscriber: number[] = [];
    viewer.subscribe(noticeSubject(), { callback: (_error, message) => {
      const notice: { lab: string; n: number } = message.json();
      const at = sentAt.get(`${notice.lab}/${notice.n}`);
      if (at !== undefined) toSubscriber.push(performance.now() - at);
    } });
    await viewer.flush();
    const appends: number[] = [];
    const timed = {
      append: async (entry: Parameters<typeof log.append>[0]) => {
        const began = performance.now();
        sentAt.set(`${entry.labId}/${entry.entry.n}`, began);
        const seq = await log.append(entry);
        appends.push(performance.now() - began);
        return seq;
      },
    };
    const actors = Array.from({ length: options.labs }, (_unused, n) => new LabActor(lab(`l${n}`), { state: runningLab(`l${n}`), seq: 0 }, {
      supervisor: 'bench', claims: { reserve: async (_before, make) => make(), settle: () => {} }, log: timed, logger: pino({ level: 'silent' }), now: Date.now, facts: () => facts(),
      committed: (_actor, entry, evolution) => publishNotice(nc, renderNotice(entry, evolution)),
      reload: async (base) => base, steppedDown: () => {},
    }));
    for (const actor of actors) actor.own();
    const cpu = process.cpuUsage();
    const began = performance.now();
    let events = 0;
    await Promise.all(actors.map(async (actor) => {
      for (let round = 0; performance.now() - began < SECONDS * 1000; round += 1) {
        const seen = flaps(actor.state, options.perEntry, round);
        await actor.report(seen.map((observation) => ({ host: host('h1'), observation })));
        events += seen.length;
      }
    }));
    const seconds = (performance.now() - began) / 1000;
    const used = process.cpuUsage(cpu);
    await viewer.flush();
    return { rate: events / seconds, cores: (used.user + used.system) / 1e6 / seconds, appends, toSubscriber };
  } finally {
    await nats.stop();
  }
}

const rows: string[][] = [];
for (const perEntry of [1, 8, 64]) rows.push(['decide + fold only', '1', String(perEntry), '-', foldOnly(perEntry).toFixed(0), '1.00', '', '', '', '']);
for (const sync of ['1s', 'always'] as const) {
  for (const [labs, perEntry] of [[1, 1], [32, 1], [64, 8], [256, 8], [256, 32]] as const) {
    const result = await withLog({ labs, perEntry, sync });
    rows.push(['with log and notices', String(labs), String(perEntry), sync, result.rate.toFixed(0), result.cores.toFixed(2),
      ...[0.5, 0.99].map((q) => quantile(result.appends, q).toFixed(2)), ...[0.5, 0.99].map((q) => quantile(result.toSubscriber, q).toFixed(2))]);
  }
}
printTable(`Decision loop, ${NODES} nodes and ${NODES} links a lab (run ${randomUUID().slice(0, 8)})`,
  ['what', 'labs', 'events/entry', 'sync', 'events/s', 'cores', 'append p50 ms', 'p99', 'to subscriber p50 ms', 'p99'], rows);
