// Resume of a supervisor against the length of the log: time until the first command is answered. Run: node bench/resume.ts [LABS:EVENTS ...]
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { LabState } from '../machines/evolve/lab-state.ts';
import { admit } from '../machines/decide/admit.ts';
import { LogEntry } from '../machines/vocabulary/event.ts';
import type { LinkId } from '../machines/vocabulary/ids.ts';
import { z } from 'zod';
import { openEventLog } from '../nats/event-log.ts';
import { createOpsClient } from '../nats/ops-client.ts';
import { openSnapshots } from '../nats/snapshots.ts';
import { ensureStreams } from '../nats/streams.ts';
import { SAVED_VERSION, toSaved } from '../supervisor/saved-state.ts';
import { aLab, aLink, aNode, command, host, lab } from '../tests/support/lab-builders.ts';
import { eventually } from '../tests/support/eventually.ts';
import { startNats } from '../tests/support/nats-server.ts';
import type { TestNats } from '../tests/support/nats-server.ts';
import { startSimulatedHost } from '../tests/support/simulated-host.ts';
import { SimulatedLab } from '../tests/support/simulated-lab.ts';
import { startSupervisorProcess } from '../tests/support/supervisor-process.ts';
import { printTable } from './report.ts';

type Size = { readonly labs: number; readonly events: number };

const sizes = (process.argv.length > 2 ? process.argv.slice(2) : ['100:10000', '1000:100000', '1000:1000000']).map((text): Size => {
  const [labs = 0, events = 0] = text.split(':').map(Number);
  return { labs, events };
});
const NODES = 10;
const EVENTS_AN_ENTRY = 64;
/** Entries after the snapshot, of one lab in twenty: what a supervisor that was killed had not saved yet (it saves within seconds). */
const TAIL_ENTRIES = 2;
const tailOf = (index: number): number => (index % 20 === 0 ? TAIL_ENTRIES : 0);
/** Labs are spread over them, one after another. */
const HOSTS = ['h1', 'h2', 'h3', 'h4'].map(host);
const H1 = host('h1');

function rename(entry: LogEntry, name: string, on: string): LogEntry {
  return JSON.parse(JSON.stringify(entry).replaceAll('"h1"', JSON.stringify(on)).replaceAll('"t"', JSON.stringify(name)).replaceAll('"t/', `"${name}/`).replaceAll('clab-t-', `clab-${name}-`)) as LogEntry;
}

function template({ labs, events }: Size): { entries: LogEntry[]; state: LabState } {
  const sim = new SimulatedLab();
  const nodes = Array.from({ length: NODES }, (_unused, n) => aNode(`n${n}`));
  const links = nodes.flatMap((_node, n) => [aLink(`n${n}:eth1`, `n${(n + 1) % NODES}:eth2`), aLink(`n${n}:eth3`, `n${(n + 2) % NODES}:eth4`)]);
  sim.command({ type: 'lab.deploy', spec: aLab(nodes, links), takeOver: false, reconfigure: false });
  sim.run();
  let { state } = sim;
  const entries = [...sim.entries];
  const ids = Object.keys(state.links) as LinkId[];
  let made = entries.reduce((sum, entry) => sum + entry.events.length, 0);
  for (let flap = 0; made < events / labs; flap += EVENTS_AN_ENTRY) {
    const seen = Array.from({ length: Math.min(EVENTS_AN_ENTRY, events / labs - made) }, (_unused, n) => {
      const round = Math.floor((flap + n) / ids.length);
      return { host: H1, observation: { type: 'link.carrier' as const, link: ids[(flap + n) % ids.length] as LinkId, at: made, carrier: { a: round % 2 === 1, b: true } } };
    });
    const admission = admit(state, seen, made);
    if (!admission) break;
    entries.push(admission.entry);
    state = admission.evolution.state;
    made += admission.entry.events.length;
  }
  return { entries, state };
}

/** Seeds a log of this size, and has supervisors resume from it. */
async function measure(nats: TestNats, { labs, events }: Size): Promise<string[][]> {
  // As the controller starts it; the supervisor that is going to die left its compiled code there.
  process.env['NODE_COMPILE_CACHE'] = join(nats.folder, 'code');
  const nc = await nats.connect({ role: 'supervisor' });
  await ensureStreams(nc);
  const log = await openEventLog(nc, LogEntry);
  const snapshots = await openSnapshots(nc, z.unknown());
  const { entries } = template({ labs, events });
  const perLab = entries.reduce((sum, entry) => sum + entry.events.length, 0);
  const { evolve } = await import('../machines/evolve/evolve.ts');
  const { initialLab } = await import('../machines/evolve/lab-state.ts');
  const began = performance.now();
  await Promise.all(Array.from({ length: labs }, async (_unused, index) => {
    const name = `lab${index}`;
    let seq = 0;
    let state = initialLab(lab(name));
    for (const [n, entry] of entries.entries()) {
      const mine = rename(entry, name, HOSTS[index % HOSTS.length] ?? H1);
      // Each lab has a number of its own, as the allocator would have given it.
      for (const event of mine.events) if (event.type === 'LabDeployRequested') Object.assign(event.plan, { labNumber: index + 1 });
      seq = await log.append({ labId: lab(name), expectedSeq: seq, entryId: `${n}`, entry: mine });
      state = evolve(state, mine).state;
      if (n === entries.length - 1 - tailOf(index)) await snapshots.save(lab(name), { version: SAVED_VERSION, seq, state: toSaved(state) });
    }
  }));
  process.stdout.write(`seeded ${labs} labs, ${labs * perLab} events, ${labs * entries.length} entries in ${((performance.now() - began) / 1000).toFixed(1)} s\n`);
  const ops = createOpsClient(await nats.connect({ role: 'operator' }));
  const simulated = await Promise.all(HOSTS.map(async (hostId) => startSimulatedHost(await nats.connect({ role: 'host', hostId }), hostId)));
  const rows: string[][] = [];
  const first = await startSupervisorProcess(nats);
  await eventually(() => readdir(join(nats.folder, 'code'), { recursive: true }).then((names) => names.length > 100, () => false), { timeoutMs: 60_000, what: 'compiled code' });
  await first.kill();
  for (const way of ['snapshots + tail', 'snapshots + tail (again)', 'log alone'] as const) {
    if (way === 'log alone') for (let index = 0; index < labs; index += 1) await snapshots.remove(lab(`lab${index}`));
    const start = performance.now();
    const supervisor = await startSupervisorProcess(nats);
    let read = 0;
    for (;;) {
      const answer = await ops.request('list', { destroyed: false }, { timeoutMs: 30_000 }).catch(() => null);
      if (answer && read === 0) read = performance.now() - start;
      const done = answer && (await ops.request('node-restart', { commandId: command(`${way}-${start}`), nodes: ['n1' as never] }, { lab: lab('lab7'), timeoutMs: 30_000 }).catch(() => null));
      if (done) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    const commanded = performance.now() - start;
    rows.push([way, String(labs), String(labs * perLab), (read / 1000).toFixed(2), (commanded / 1000).toFixed(2), (/"durationMs":(\d+)[^\n]*labs resumed/.exec(supervisor.output())?.[1] ?? '?')]);
    await supervisor.kill();
  }
  await Promise.all(simulated.map(async (one) => await one.stop()));
  return rows;
}

const rows: string[][] = [];
for (const size of sizes) {
  const nats = await startNats({ roles: HOSTS.map((hostId) => ({ role: 'host', hostId })) });
  try {
    rows.push(...(await measure(nats, size)));
  } finally {
    await nats.stop();
  }
}
printTable(`Resume after kill -9, nats-server up, ${HOSTS.length} hosts`, ['way', 'labs', 'events in the log', 'first read s', 'first command s', 'resume itself ms'], rows);
