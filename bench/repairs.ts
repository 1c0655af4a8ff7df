// Repair of a killed container and of a removed link end, from the fault to `up` in the view of a subscriber. Run: node bench/repairs.ts [rounds]
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { LinkId } from '../machines/vocabulary/ids.ts';
import { LabId } from '../machines/vocabulary/ids.ts';
import type { LabView } from '../machines/vocabulary/lab-view.ts';
import type { Observation } from '../machines/vocabulary/observation.ts';
import { aLab, aLink, aNode } from '../tests/support/lab-builders.ts';
import { eventually } from '../tests/support/eventually.ts';
import { openTestBed } from '../tests/support/test-bed.ts';
import type { TestBed } from '../tests/support/test-bed.ts';
import { printTable, quantile } from './report.ts';

const run = promisify(execFile);
const rounds = Number(process.argv[2] ?? 20);
const NAME = LabId.parse('benchrepair');
const LINK = 'a:eth1--b:eth1' as LinkId;
/** Repairs are paced so that no budget is spent: it is the repair that is measured. */
const PAUSE_MS = 11_000;

type Sample = { detect: number; work: number; total: number };

/** Sees the lab as a subscriber does, and when. */
function follow(bed: TestBed) {
  const abort = new AbortController();
  let view: LabView | null = null;
  const done = (async () => {
    for await (const seen of bed.ops.watch(NAME, abort.signal)) view = seen.view;
  })();
  return { view: () => view, stop: async () => (abort.abort(), await done) };
}

async function lastOf(bed: TestBed, after: number, type: Observation['type']): Promise<Observation | undefined> {
  const { entries } = await bed.ops.request('history', { after, limit: 1000 }, { lab: NAME });
  return entries.flatMap(({ entry }) => entry.events).flatMap((event) => (event.type === 'Reported' && event.observation.type === type ? [event.observation] : [])).at(-1);
}

async function killNode(bed: TestBed, seen: () => LabView | null): Promise<Sample> {
  const before = await bed.view(NAME);
  const repairs = before.nodes.find((node) => node.node === 'a')?.repairs ?? 0;
  const began = Date.now();
  await run('docker', ['kill', `clab-${NAME}-a`]);
  const struck = Date.now();
  await eventually(() => seen()?.nodes.some((node) => node.node === 'a' && node.state === 'running' && node.repairs > repairs), { timeoutMs: 60_000, everyMs: 1, what: 'the node to run again' });
  const total = Date.now() - began;
  const died = await lastOf(bed, before.n, 'node.died');
  const started = await lastOf(bed, before.n, 'node.started');
  return { detect: Math.max(0, (died?.at ?? struck) - began), work: (started?.at ?? 0) - (died?.at ?? 0), total };
}

async function cutLink(bed: TestBed, seen: () => LabView | null): Promise<Sample> {
  const before = await bed.view(NAME);
  const link = before.links.find((one) => one.link === LINK);
  const began = Date.now();
  await run('ip', ['link', 'del', link?.a.device ?? '']);
  await eventually(() => seen()?.links.some((one) => one.link === LINK && one.state === 'up' && one.repairs > (link?.repairs ?? 0)), { timeoutMs: 30_000, everyMs: 1, what: 'the link to be up again' });
  const total = Date.now() - began;
  const lost = await lastOf(bed, before.n, 'link.lost');
  const repaired = await lastOf(bed, before.n, 'link.repaired');
  return { detect: Math.max(0, (lost?.at ?? began) - began), work: repaired?.type === 'link.repaired' ? repaired.workMs : Number.NaN, total };
}

const bed = await openTestBed();
const samples: Record<string, Sample[]> = { 'container killed': [], 'link end deleted': [] };
try {
  const spec = aLab(['a', 'b'].map((name) => aNode(name, { containerName: `clab-${NAME}-${name}`, cmd: ['sleep', 'infinity'] })), [aLink('a:eth1', 'b:eth1')], {
    id: NAME, topologyPath: `/tmp/${NAME}.clab.yml`, labDir: `/tmp/clab-${NAME}`,
    mgmt: { network: 'benchrepair-net', ipv4Subnet: '172.31.233.0/24', externalAccess: true, isolated: false, driverOpts: {} },
  });
  await bed.deploy(spec);
  await bed.settled(NAME);
  const seen = follow(bed);
  await eventually(() => seen.view() !== null, { what: 'the first view' });
  for (let round = 0; round < rounds; round += 1) {
    samples['link end deleted']?.push(await cutLink(bed, seen.view));
    samples['container killed']?.push(await killNode(bed, seen.view));
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  await seen.stop();
} finally {
  await bed.close();
}
const figures = (values: number[]) => [0.5, 0.99].map((q) => quantile(values, q).toFixed(0));
printTable(`Repairs, ${rounds} of each, ms from the start of the fault's command`, ['fault', 'seen p50', 'p99', 'work p50', 'p99', 'up for a subscriber p50', 'p99'],
  Object.entries(samples).map(([fault, list]) => [fault, ...figures(list.map((one) => one.detect)), ...figures(list.map((one) => one.work)), ...figures(list.map((one) => one.total))]));
