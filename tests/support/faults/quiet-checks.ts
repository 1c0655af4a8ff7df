// What must hold once everything is healed and quiet: compared with engines, kernels and the log, not with what the product says of itself.
import { deepStrictEqual } from 'node:assert';
import { evolve } from '../../../machines/evolve/evolve.ts';
import { initialLab } from '../../../machines/evolve/lab-state.ts';
import { labView } from '../../../machines/evolve/lab-view.ts';
import type { LabView } from '../../../machines/vocabulary/lab-view.ts';
import { lab as labId } from '../lab-builders.ts';
import type { FaultLab, FaultLink, FaultWorld, HostShape } from './fault-world.ts';
import { shapeOf } from './fault-world.ts';

/** Everything that is not as it must be, in words; empty = all is right. */
export async function readFaultsLeft(world: FaultWorld): Promise<string[]> {
  const views = new Map(await Promise.all(world.labs.map(async (lab) => [lab.name, await world.bed.view(lab.name)] as const)));
  const told = world.labs.flatMap((lab) => toldOf(views.get(lab.name)));
  if (told.length > 0) return told;
  const [copies, lies, shapes, logs, orphans] = await Promise.all([copiesLeft(world), liesOf(world, views), shapesLeft(world), logsLeft(world), orphansLeft(world)]);
  return [...copies, ...lies, ...shapes, ...logs, ...orphans];
}

/** What the product itself says is not well yet. */
function toldOf(view: LabView | undefined): string[] {
  if (!view) return ['a lab is not shown'];
  const nodes = view.nodes.filter(({ state }) => state !== 'running').map(({ node, state, failure }) => `${view.lab}: node ${node} is ${state} ${failure?.message ?? ''}`);
  const links = view.links.filter(({ oper }) => oper !== 'up').map(({ link, oper, reason }) => `${view.lab}: link ${link} is ${oper}: ${reason}`);
  return [...(view.state === 'running' ? [] : [`${view.lab} is ${view.state}`]), ...nodes, ...links, ...view.problems.map((problem) => `${view.lab}: ${problem}`)];
}

/** Each node runs once over all hosts, and where it belongs. */
async function copiesLeft({ bed, labs }: FaultWorld): Promise<string[]> {
  const found = (await Promise.all(bed.hosts.map(async (host) => (await host.exec('docker', 'ps', '--format', '{{.Names}}')).split('\n').filter(Boolean).map((name) => `${name} on ${host.id}`)))).flat();
  const wanted = labs.flatMap((lab) => lab.nodes.map(({ node, host }) => `clab-${lab.name}-${node} on ${host}`));
  return difference('container', wanted.toSorted(), found.toSorted());
}

/** A link that is told to be up carries a packet, and none that is told to be down does. */
async function liesOf({ bed, labs }: FaultWorld, views: ReadonlyMap<string, LabView>): Promise<string[]> {
  const lies = await Promise.all(bed.hosts.map(async (host) => {
    const own = labs.flatMap((lab) => lab.links.filter(({ from }) => from.host === host.id).map((link) => ({ lab, link })));
    const printed = own.length === 0 ? '' : await host.exec('sh', '-c', `${own.map(({ lab, link }) => `(${ping(lab, link)} && echo '${lab.name} ${link.link}') &`).join('\n')}\nwait`);
    const passed = new Set(printed.split('\n'));
    return own.flatMap(({ lab, link }) => {
      const seen = views.get(lab.name)?.links.find((one) => one.link === link.link);
      const passes = passed.has(`${lab.name} ${link.link}`);
      return (seen?.oper === 'up') === passes ? [] : [`${lab.name}: link ${link.link} is ${seen?.oper ?? 'not shown'} and ${passes ? 'carries' : 'does not carry'} packets`];
    });
  }));
  return lies.flat();
}

const ping = (lab: FaultLab, { from, to }: FaultLink): string => `ip netns exec clab-${lab.name}-${from.node} ping -q -c1 -W2 ${to} >/dev/null 2>&1`;

/** Each host shows what it showed before any fault: nothing less, nothing more. */
async function shapesLeft({ bed, shape }: FaultWorld): Promise<string[]> {
  return (await Promise.all(bed.hosts.map(async (host) => shapeDifferences(host.id, shape.get(host.id) ?? {}, await shapeOf(host))))).flat();
}

function shapeDifferences(host: string, before: HostShape, now: HostShape): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(now)])].flatMap((kind) => difference(`${host}: ${kind}`, before[kind] ?? [], now[kind] ?? []));
}

/** The log folded anew is the live state, and nothing is owed. */
async function logsLeft({ bed, labs, log }: FaultWorld): Promise<string[]> {
  const left = await Promise.all(labs.map(async ({ name }) => {
    let state = initialLab(labId(name));
    for await (const { entry } of log.read(labId(name))) state = evolve(state, entry).state;
    const view = await bed.view(name);
    // What is reported in this moment may lie between the two readings.
    if (view.n !== state.n) return [`${name}: entry ${state.n} was folded, ${view.n} is shown`];
    const owed = [...Object.keys(state.pending), ...Object.keys(state.owed), ...Object.keys(state.lost)].map((key) => `${name} still owes ${key}`);
    return [...owed, ...sameView(labView(state), view)];
  }));
  return left.flat();
}

function sameView(refolded: LabView, live: LabView): string[] {
  try {
    deepStrictEqual(JSON.parse(JSON.stringify(refolded)), JSON.parse(JSON.stringify(live)));
    return [];
  } catch (error) {
    return [`${live.lab}: the refolded log differs from the live state: ${error instanceof Error ? error.message.slice(0, 600) : ''}`];
  }
}

async function orphansLeft({ bed }: FaultWorld): Promise<string[]> {
  const { hosts } = await bed.ops.request('orphans', {}, { timeoutMs: 15_000 });
  return hosts.flatMap(({ host, asked, reason, orphans }) => [...(asked ? [] : [`host ${host} was not asked for orphans: ${reason ?? ''}`]), ...orphans.map(({ kind, name }) => `${kind} ${name} on ${host} is an orphan`)]);
}

function difference(what: string, wanted: readonly string[], found: readonly string[]): string[] {
  const surplus = (of: readonly string[], over: readonly string[]): string[] => {
    const left = [...over];
    return of.filter((one) => {
      const at = left.indexOf(one);
      if (at >= 0) left.splice(at, 1);
      return at < 0;
    });
  };
  return [...surplus(wanted, found).map((one) => `${what} missing: ${one}`), ...surplus(found, wanted).map((one) => `${what} too many: ${one}`)];
}
