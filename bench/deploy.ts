// Deploy and destroy of FRR labs against floors of the same machine in the same run: plain engine calls, ip and tc that make the same
// wires and as bare containers as there can be, or the same containers as the lab's. Run: node bench/deploy.ts [30] [100]
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LabSpec, LinkSpec, NodeSpec } from '../machines/vocabulary/lab-spec.ts';
import { followLab } from '../cli/follow-lab.ts';
import { CommandId, LabId } from '../machines/vocabulary/ids.ts';
import type { LabView } from '../machines/vocabulary/lab-view.ts';
import { aLab, aLink, aNode } from '../tests/support/lab-builders.ts';
import { openTestBed } from '../tests/support/test-bed.ts';
import type { TestBed } from '../tests/support/test-bed.ts';
import type { Seconds } from './deploy-floor.ts';
import { bareContainer, measureFloor, nodeContainer } from './deploy-floor.ts';
import { printTable, quantile } from './report.ts';

const sizes = process.argv.slice(2).map(Number);
const ROUNDS = 5;
const IMAGE = 'quay.io/frrouting/frr:10.5.1';

/** A ring with chords: one and a half links a node. */
function frrLab(name: string, count: number) {
  const node = (n: number): NodeSpec => aNode(`r${n}`, { containerName: `clab-${name}-r${n}`, image: IMAGE, cmd: ['sleep', 'infinity'] });
  const ring = Array.from({ length: count }, (_unused, n): LinkSpec => aLink(`r${n}:eth1`, `r${(n + 1) % count}:eth2`));
  const chords = Array.from({ length: Math.floor(count / 2) }, (_unused, n): LinkSpec => aLink(`r${n}:eth3`, `r${n + Math.floor(count / 2)}:eth4`));
  return aLab(Array.from({ length: count }, (_unused, n) => node(n)), [...ring, ...chords], {
    id: LabId.parse(name), topologyPath: `/tmp/${name}.clab.yml`, labDir: `/tmp/clab-${name}`,
    mgmt: { network: `${name}-net`, ipv4Subnet: '172.31.240.0/22', externalAccess: true, isolated: false, driverOpts: {} },
  });
}

/** Waits as the command line does: the present state, then each change. */
async function followed(bed: TestBed, name: LabId, states: readonly LabView['state'][]): Promise<LabView> {
  const { view, reached } = await followLab(bed.ops, name, { until: ({ state }) => states.includes(state), timeoutMs: 300_000 });
  if (!reached) throw new Error(`lab is ${view.state}: ${view.problems.slice(0, 3).join('; ')}`);
  return view;
}

async function measureLab(bed: TestBed, lab: LabSpec): Promise<Seconds> {
  const name = lab.id;
  const began = performance.now();
  await bed.deploy(lab);
  const view = await followed(bed, name, ['running', 'degraded']);
  const make = (performance.now() - began) / 1000;
  if (view.state !== 'running') throw new Error(`lab is ${view.state}: ${view.problems.slice(0, 3).join('; ')}`);
  const ending = performance.now();
  await bed.ops.request('destroy', { commandId: CommandId.parse(`bench-${process.pid}-${ending}`), cleanup: true, keepMgmtNet: false }, { lab: name });
  await followed(bed, name, ['destroyed']);
  return { make, remove: (performance.now() - ending) / 1000 };
}

async function measureRound(bed: TestBed, files: { hostsFile: string; resolvConf: string }, count: number): Promise<Record<'bare' | 'same' | 'ours', Seconds>> {
  const lab = frrLab(`bench${count}`, count);
  const size = { nodes: count, links: lab.links.length };
  const [node] = lab.nodes;
  if (node === undefined) throw new Error('a lab of no nodes');
  const bare = await measureFloor({ ...size, container: bareContainer(IMAGE) });
  const same = await measureFloor({ ...size, container: nodeContainer(node, files) });
  return { bare, same, ours: await measureLab(bed, lab) };
}

const rows: string[][] = [];
// The first reading of what the host can do boots a guest: it would fall into one of the rounds.
const bed = await openTestBed({ LABWRIGHT_FINGERPRINT_AFTER_SECONDS: '3600' });
const folder = await mkdtemp(join(tmpdir(), 'bench-deploy-'));
const files = { hostsFile: join(folder, 'hosts'), resolvConf: join(folder, 'resolv.conf') };
try {
  await Promise.all(Object.values(files).map(async (path) => await writeFile(path, '127.0.0.1 localhost\n')));
  for (const count of sizes.length > 0 ? sizes : [30, 100]) {
    const rounds: Awaited<ReturnType<typeof measureRound>>[] = [];
    for (let round = 0; round < ROUNDS; round += 1) rounds.push(await measureRound(bed, files, count));
    for (const what of ['make', 'remove'] as const) {
      const ratio = (floor: 'bare' | 'same') => quantile(rounds.map((round) => round.ours[what] / round[floor][what]), 0.5).toFixed(2);
      const times = (of: 'bare' | 'same' | 'ours') => rounds.map((round) => round[of][what].toFixed(2)).join(' ');
      rows.push([`${count} nodes, ${count + Math.floor(count / 2)} links`, what === 'make' ? 'deploy' : 'destroy', times('bare'), times('same'), times('ours'), ratio('bare'), ratio('same')]);
    }
  }
} finally {
  await bed.close();
  await rm(folder, { recursive: true, force: true });
}
printTable(`Deploy and destroy of FRR labs, seconds, ${ROUNDS} rounds; ratios are medians`, ['lab', 'what', 'floor, bare', 'floor, same containers', 'ours', 'to bare', 'to same'], rows);
