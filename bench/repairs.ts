// Repair of a removed link end, a removed redirect and a killed container, from the fault to `up` in the view of a subscriber. Run: node bench/repairs.ts [link faults of each kind] [killed containers]
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { LabId } from '../machines/vocabulary/ids.ts';
import type { LabView, LinkView } from '../machines/vocabulary/lab-view.ts';
import type { Observation } from '../machines/vocabulary/observation.ts';
import { aLab, aLink, aNode } from '../tests/support/lab-builders.ts';
import { eventually } from '../tests/support/eventually.ts';
import { openTestBed } from '../tests/support/test-bed.ts';
import type { TestBed } from '../tests/support/test-bed.ts';
import { printTable, quantile } from './report.ts';

const run = promisify(execFile);
const linkRounds = Number(process.argv[2] ?? 100);
const nodeRounds = Number(process.argv[3] ?? 24);
const NAME = LabId.parse('benchrepair');
/** The faults go round over so many links and nodes that none waits or spends its budget: it is the repair that is measured. A link is mended
 *  twice at once in a minute. */
const LINKS = linkRounds;
const NODES = 12;
const FLOOR = `lwfloor-${process.pid}-repair`;

/** Milliseconds. The host works at once and by itself; `decided` is what the supervisor takes from its report until the log's entry is decided. */
type Sample = { seen: number; work: number; decided: number; total: number };
type Seen = () => LabView | null;

/** Sees the lab as a subscriber does, and when. */
function follow(bed: TestBed) {
  const abort = new AbortController();
  let view: LabView | null = null;
  const done = (async () => {
    for await (const seen of bed.ops.watch(NAME, abort.signal)) view = seen.view;
  })();
  return { view: () => view, stop: async () => (abort.abort(), await done) };
}

/** The last observation of a kind after an entry, and when it was decided upon. */
async function lastOf<T extends Observation['type']>(bed: TestBed, after: number, type: T): Promise<{ observation: Extract<Observation, { type: T }>; decidedAt: number }> {
  const { entries } = await bed.ops.request('history', { after, limit: 1000 }, { lab: NAME });
  const is = (one: Observation): one is Extract<Observation, { type: T }> => one.type === type;
  const found = entries.flatMap(({ entry }) => entry.events.flatMap((event) => (event.type === 'Reported' && is(event.observation) ? [{ observation: event.observation, decidedAt: entry.at }] : []))).at(-1);
  if (!found) throw new Error(`no ${type} after entry ${after}`);
  return found;
}

async function killNode(bed: TestBed, seen: Seen, name: string): Promise<Sample> {
  const nodeOf = (view: LabView | null) => view?.nodes.find((node) => node.node === name);
  const before = await bed.view(NAME);
  const repairs = nodeOf(before)?.repairs ?? 0;
  const began = Date.now();
  await run('docker', ['kill', `clab-${NAME}-${name}`]);
  await eventually(() => nodeOf(seen())?.state === 'running' && (nodeOf(seen())?.repairs ?? 0) > repairs, { timeoutMs: 60_000, everyMs: 1, what: `node ${name} to run again` });
  const total = Date.now() - began;
  const died = await lastOf(bed, before.n, 'node.died');
  const started = await lastOf(bed, before.n, 'node.started');
  return { seen: Math.max(0, died.observation.at - began), work: started.observation.at - died.observation.at, decided: started.decidedAt - started.observation.at, total };
}

async function breakLink(bed: TestBed, seen: Seen, { link, fault }: { link: string; fault: (view: LinkView) => [string, string[]] }): Promise<Sample> {
  const linkOf = (view: LabView | null) => view?.links.find((one) => one.link === link);
  const before = await bed.view(NAME);
  const whole = linkOf(before);
  if (!whole) throw new Error(`no link ${link}`);
  const [file, args] = fault(whole);
  const began = Date.now();
  await run(file, args);
  await eventually(() => linkOf(seen())?.state === 'up' && (linkOf(seen())?.repairs ?? 0) > whole.repairs, { timeoutMs: 30_000, everyMs: 1, what: `link ${link} to be up again` });
  const total = Date.now() - began;
  const { observation, decidedAt } = await lastOf(bed, before.n, 'link.repaired');
  return { seen: Math.max(0, observation.at - observation.workMs - began), work: observation.workMs, decided: decidedAt - observation.at, total };
}

/** A plain container of the same image, killed and started again by one engine call: what no repair can undercut. */
async function plainStart(docker: Docker): Promise<number> {
  const container = docker.getContainer(FLOOR);
  await container.kill();
  await container.wait();
  const began = performance.now();
  await container.start();
  return performance.now() - began;
}

const FAULTS = {
  'link end deleted': ({ a }: LinkView): [string, string[]] => ['ip', ['link', 'del', a.device ?? '']],
  'redirect removed': ({ a }: LinkView): [string, string[]] => ['tc', ['qdisc', 'del', 'dev', a.device ?? '', 'clsact']],
};
const samples: Record<string, Sample[]> = { ...Object.fromEntries(Object.keys(FAULTS).map((name) => [name, []])), 'container killed': [] };
const floor: number[] = [];
const docker = new Docker();
const bed = await openTestBed();
try {
  const pair = Array.from({ length: LINKS }, (_unused, n) => aLink(`a:eth${n + 1}`, `b:eth${n + 1}`));
  const killed = Array.from({ length: NODES }, (_unused, n) => `k${n}`);
  const nodes = ['a', 'b', ...killed].map((name) => aNode(name, { containerName: `clab-${NAME}-${name}`, cmd: ['sleep', 'infinity'] }));
  const spec = aLab(nodes, pair, {
    id: NAME, topologyPath: `/tmp/${NAME}.clab.yml`, labDir: `/tmp/clab-${NAME}`,
    mgmt: { network: 'benchrepair-net', ipv4Subnet: '172.31.233.0/24', externalAccess: true, isolated: false, driverOpts: {} },
  });
  await bed.deploy(spec);
  await bed.settled(NAME, ['running']);
  await run('docker', ['run', '-d', '--name', FLOOR, '--network', 'none', nodes[0]?.image ?? '', 'sleep', 'infinity']);
  const seen = follow(bed);
  await eventually(() => seen.view() !== null, { what: 'the first view' });
  for (let turn = 0; turn < linkRounds * Object.keys(FAULTS).length; turn += 1) {
    const [name, fault] = Object.entries(FAULTS)[turn % Object.keys(FAULTS).length] ?? [];
    if (name && fault) samples[name]?.push(await breakLink(bed, seen.view, { link: pair[turn % LINKS]?.id ?? '', fault }));
  }
  for (let round = 0; round < nodeRounds; round += 1) {
    samples['container killed']?.push(await killNode(bed, seen.view, killed[round % NODES] ?? ''));
    floor.push(await plainStart(docker));
  }
  await seen.stop();
} finally {
  await run('docker', ['rm', '-f', FLOOR]).catch(() => undefined);
  await bed.close();
}
const figures = (values: readonly number[]) => [0.5, 0.99].map((q) => quantile(values, q).toFixed(0));
printTable('Repairs, ms from the start of the fault\'s command; a host repairs at once and by itself, its report is decided upon afterwards',
  ['fault', 'rounds', 'seen p50', 'p99', 'work p50', 'p99', 'decision p50', 'p99', 'up for a subscriber p50', 'p99'],
  Object.entries(samples).map(([fault, list]) => [fault, String(list.length), ...(['seen', 'work', 'decided', 'total'] as const).flatMap((part) => figures(list.map((one) => one[part])))]));
printTable('Beside it', ['what', 'rounds', 'p50', 'p99'], [['engine starts a plain container', String(floor.length), ...figures(floor)]]);
