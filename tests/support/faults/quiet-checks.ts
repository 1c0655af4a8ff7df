// What must hold once everything is healed and quiet: compared with engines, kernels and the log, not with what the product says of itself.
import { evolve } from '../../../machines/evolve/evolve.ts';
import { initialLab } from '../../../machines/evolve/lab-state.ts';
import type { LabState } from '../../../machines/evolve/lab-state.ts';
import { labView } from '../../../machines/evolve/lab-view.ts';
import type { LabView } from '../../../machines/vocabulary/lab-view.ts';
import { lab as labId } from '../lab-builders.ts';
import type { FaultLab, FaultLink, FaultWorld } from './fault-world.ts';
import { shapeOf, wantedShape } from './host-shape.ts';

/** Everything that is not as it must be, in words; empty = all is right. */
export async function readFaultsLeft(world: FaultWorld): Promise<string[]> {
  const views = await viewsOf(world);
  const told = world.labs.flatMap((lab) => toldOf(views.get(lab.name)));
  if (told.length > 0) return told;
  const states = await foldedLogs(world);
  const [lies, shapes, logs, orphans] = await Promise.all([liesOf(world, views), shapesLeft(world, states), logsLeft(world, states), orphansLeft(world)]);
  return [...lies, ...shapes, ...logs, ...orphans];
}

/** By the names of the labs. */
export async function viewsOf({ bed, labs }: FaultWorld): Promise<Map<string, LabView>> {
  return new Map(await Promise.all(labs.map(async ({ name }) => [name, await bed.view(name)] as const)));
}

/** The labs by their logs alone. */
async function foldedLogs({ labs, log }: Pick<FaultWorld, 'labs' | 'log'>): Promise<LabState[]> {
  return await Promise.all(labs.map(async ({ name }) => {
    let state = initialLab(labId(name));
    for await (const { entry } of log.read(labId(name))) state = evolve(state, entry).state;
    return state;
  }));
}

/** What each host shows beside what the labs have there. */
export async function readBeside(world: Pick<FaultWorld, 'bed' | 'labs' | 'log'>): Promise<FaultWorld['beside']> {
  const states = await foldedLogs(world);
  return new Map(await Promise.all(world.bed.hosts.map(async (host) => [host.id as string, surplus(await shapeOf(host), wantedShape(host.id, states))] as const)));
}

/** What the product itself says is not well yet. */
function toldOf(view: LabView | undefined): string[] {
  if (!view) return ['a lab is not shown'];
  const nodes = view.nodes.filter(({ state }) => state !== 'running').map(({ node, state, failure }) => `${view.lab}: node ${node} is ${state} ${failure?.message ?? ''}`);
  const links = view.links.filter(({ oper }) => oper !== 'up').map(({ link, oper, reason }) => `${view.lab}: link ${link} is ${oper}: ${reason}`);
  return [...(view.state === 'running' ? [] : [`${view.lab} is ${view.state}`]), ...nodes, ...links, ...view.problems.map((problem) => `${view.lab}: ${problem}`)];
}

/** A link that is told to be up carries a packet, and none that is told to be down does. */
async function liesOf({ bed, labs }: FaultWorld, views: ReadonlyMap<string, LabView>): Promise<string[]> {
  const lies = await Promise.all(bed.hosts.map(async (host) => {
    const isHere = (lab: FaultLab, node: string): boolean => views.get(lab.name)?.nodes.some((one) => one.node === node && one.host === host.id) ?? false;
    const own = labs.flatMap((lab) => lab.links.filter(({ from }) => isHere(lab, from)).map((link) => ({ lab, link })));
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

const ping = (lab: FaultLab, { from, to }: FaultLink): string => `ip netns exec clab-${lab.name}-${from} ping -q -c1 -W2 ${to} >/dev/null 2>&1`;

/** Each host shows what the labs have there, so each node runs once over all hosts: nothing less, nothing more. */
async function shapesLeft({ bed, beside }: FaultWorld, states: readonly LabState[]): Promise<string[]> {
  return (await Promise.all(bed.hosts.map(async (host) => difference(host.id, [...(beside.get(host.id) ?? []), ...wantedShape(host.id, states)], await shapeOf(host))))).flat();
}

/** The log folded anew is the live state, and nothing is owed. */
async function logsLeft({ bed }: FaultWorld, states: readonly LabState[]): Promise<string[]> {
  const left = await Promise.all(states.map(async (state) => {
    const view = await bed.view(state.id);
    // What is reported in this moment may lie between the two readings.
    if (view.n !== state.n) return [`${state.id}: entry ${state.n} was folded, ${view.n} is shown`];
    const owed = [...Object.keys(state.pending), ...Object.keys(state.owed), ...Object.keys(state.lost)].map((key) => `${state.id} still owes ${key}`);
    return [...owed, ...sameView(labView(state), view)];
  }));
  return left.flat();
}

function sameView(refolded: LabView, live: LabView): string[] {
  const differing = differences(JSON.parse(JSON.stringify(refolded)), JSON.parse(JSON.stringify(live)));
  return differing.length === 0 ? [] : [`${live.lab}: at entry ${live.n} the refolded log differs from the live state: ${differing.slice(0, 12).join('; ')}`];
}

/** Where two plain values differ, as `path: one, other`. */
function differences(one: unknown, other: unknown, path = ''): string[] {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return one === other ? [] : [`${path}: ${JSON.stringify(one)}, ${JSON.stringify(other)}`];
  const [left, right] = [new Map(Object.entries(one)), new Map(Object.entries(other))];
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((key) => differences(left.get(key), right.get(key), path === '' ? key : `${path}.${key}`));
}

async function orphansLeft({ bed }: FaultWorld): Promise<string[]> {
  const { hosts } = await bed.ops.request('orphans', {}, { timeoutMs: 15_000 });
  return hosts.flatMap(({ host, asked, reason, orphans }) => [...(asked ? [] : [`host ${host} was not asked for orphans: ${reason ?? ''}`]), ...orphans.map(({ kind, name }) => `${kind} ${name} on ${host} is an orphan`)]);
}

function difference(what: string, wanted: readonly string[], found: readonly string[]): string[] {
  return [...surplus(wanted, found).map((one) => `${what}: missing: ${one}`), ...surplus(found, wanted).map((one) => `${what}: too many: ${one}`)];
}

/** What of one list is not in the other, each as often as it is there. */
export function surplus(of: readonly string[], over: readonly string[]): string[] {
  const left = [...over];
  return of.filter((one) => {
    const at = left.indexOf(one);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}
