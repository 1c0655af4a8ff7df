// Deploy and destroy of FRR labs against the floor of the same machine in the same run. Run: node bench/deploy.ts [30] [100]
import type { LinkSpec, NodeSpec } from '../machines/vocabulary/lab-spec.ts';
import { followLab } from '../cli/follow-lab.ts';
import { CommandId, LabId } from '../machines/vocabulary/ids.ts';
import type { LabView } from '../machines/vocabulary/lab-view.ts';
import { aLab, aLink, aNode } from '../tests/support/lab-builders.ts';
import { openTestBed } from '../tests/support/test-bed.ts';
import type { TestBed } from '../tests/support/test-bed.ts';
import { measureEngineFloor } from './engine-floor.ts';
import { measureWireFloor } from './wire-floor.ts';
import { printTable, quantile } from './report.ts';

const sizes = process.argv.slice(2).map(Number);
const ROUNDS = 3;
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
async function followed(bed: TestBed, name: string, states: readonly LabView['state'][]): Promise<LabView> {
  const { view, reached } = await followLab(bed.ops, LabId.parse(name), { until: ({ state }) => states.includes(state), timeoutMs: 300_000 });
  if (!reached) throw new Error(`lab is ${view.state}: ${view.problems.slice(0, 3).join('; ')}`);
  return view;
}

async function measureLab(bed: TestBed, name: string, count: number): Promise<{ make: number; remove: number }> {
  const began = performance.now();
  await bed.deploy(frrLab(name, count));
  const view = await followed(bed, name, ['running', 'degraded']);
  const make = (performance.now() - began) / 1000;
  if (view.state !== 'running') throw new Error(`lab is ${view.state}: ${view.problems.slice(0, 3).join('; ')}`);
  const ending = performance.now();
  await bed.ops.request('destroy', { commandId: CommandId.parse(`bench-${process.pid}-${ending}`), cleanup: true, keepMgmtNet: false }, { lab: LabId.parse(name) });
  await followed(bed, name, ['destroyed']);
  return { make, remove: (performance.now() - ending) / 1000 };
}

const rows: string[][] = [];
const bed = await openTestBed();
try {
  for (const count of sizes.length > 0 ? sizes : [30, 100]) {
    const links = count + Math.floor(count / 2);
    const ratios: number[][] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      const floor = await measureEngineFloor({ count, image: IMAGE, atOnce: 8 });
      const wires = await measureWireFloor({ nodes: count, links });
      const ours = await measureLab(bed, `bench${count}`, count);
      const make = floor.namespaces + floor.make + wires.make;
      const remove = floor.remove + wires.remove;
      ratios[0]?.push(ours.make / make);
      ratios[1]?.push(ours.remove / remove);
      rows.push([`${count} nodes, ${links} links`, String(round + 1), make.toFixed(2), ours.make.toFixed(2), (ours.make / make).toFixed(2), remove.toFixed(2), ours.remove.toFixed(2), (ours.remove / remove).toFixed(2)]);
    }
    rows.push([`${count} nodes, ${links} links`, 'median', '', '', quantile(ratios[0] ?? [], 0.5).toFixed(2), '', '', quantile(ratios[1] ?? [], 0.5).toFixed(2)]);
  }
} finally {
  await bed.close();
}
printTable('Deploy and destroy of FRR labs, seconds', ['lab', 'round', 'floor make', 'ours', 'ratio', 'floor remove', 'ours', 'ratio'], rows);
