// Reads everything of this host in bulk and closes each difference from the last orders: at the start, after a gap, and now and then.
import type { HostContext } from './host-context.ts';
import { reportSeen } from './host-context.ts';
import { leftUnplugged } from './mgmt-wire-keeper.ts';
import { isLive, nodeKey } from './node-states.ts';
import type { NodeKeeper } from './node-keeper.ts';
import type { Orphans } from './orphans.ts';
import type { ObservedNode } from './providers/provider.ts';
import type { LastingNodeOrder } from './wanted.ts';

export type SweepContext = HostContext & {
  readonly nodes: NodeKeeper;
  readonly hasOrder: (key: string) => boolean;
  readonly orphans: Orphans;
};

/** Networks first, then namespaces and links in one batch, then processes: the order in which each needs the one before. */
export async function sweepAtStart(context: SweepContext): Promise<void> {
  await sweepNetworks(context);
  await readProcesses(context).catch((err: unknown) => context.log.warn({ err }, 'engine does not answer at the start'));
  await makeSureOfWires(context);
  await sweepNodes(context);
}

/** Puts management networks back and says what it was, or why it waits for a person. */
async function sweepNetworks(context: SweepContext): Promise<void> {
  const drifted = await driftLeft(context);
  const networks = context.wanted.networks().filter(({ lab }) => !drifted.has(lab));
  await Promise.all(networks.map(({ lab }) => context.networks.ready(lab).catch((err: unknown) => context.log.warn({ err, labId: lab }, 'management network could not be made sure of'))));
  if (drifted.size === 0) await repairNetworks(context);
  await context.mgmtEchoes.refresh();
}

/** What is a matter of labs that all have safe repairs switched off is left as it is, and told; rules and bridges that others need too are mended. */
export async function repairNetworks(context: Pick<HostContext, 'hands' | 'wanted' | 'repairs' | 'mgmtEchoes' | 'out' | 'now' | 'log'>): Promise<void> {
  if ((await driftLeft(context)).size > 0) return;
  const repaired = await context.hands.network.repair();
  if (repaired.length > 0) await context.mgmtEchoes.refresh();
  for (const { what, detail, labs } of repaired) {
    context.log.info({ what, detail }, 'management network was repaired');
    for (const { lab } of context.wanted.networks()) if (labs.includes(lab)) reportSeen(context, lab, { type: 'network.repaired', what: detail });
  }
}

/** Labs whose networks drifted and stay so; empty as soon as a lab that is to be mended has a part in it. */
async function driftLeft({ hands, wanted, repairs, out, now }: Pick<HostContext, 'hands' | 'wanted' | 'repairs' | 'out' | 'now'>): Promise<Set<string>> {
  const off = new Map(wanted.networks().flatMap(({ lab }) => [[lab as string, repairs.off(lab, 'safe')] as const]).filter(([, why]) => why !== undefined));
  if (off.size === 0) return new Set();
  const drifts = await hands.network.check();
  const concerned = new Set(drifts.flatMap(({ labs }) => labs));
  if ([...concerned].some((lab) => !off.has(lab))) return new Set();
  for (const { lab } of wanted.networks()) {
    const [first] = drifts.filter(({ labs }) => labs.includes(lab));
    if (first) reportSeen({ out, now }, lab, { type: 'network.drifted', what: first.detail, why: `${off.get(lab) ?? ''}; labwright retry makes it once` });
  }
  return concerned;
}

/** Takes note of all processes, so that carrier and starts are judged by what is. */
async function readProcesses(context: SweepContext): Promise<readonly ObservedNode[]> {
  const owned = await context.hands.provider.listOwned({ hostId: context.hands.host });
  for (const node of owned) {
    // A running one is admitted by its check, which knows whether that is news.
    const order = context.wanted.node(node.labId, node.nodeId);
    if (order?.plan.generation === node.generation && (!isLive(node) || context.states.get(node.labId, node.nodeId).process === 'unknown')) {
      if (!isLive(node)) context.states.note(node);
    }
  }
  return owned;
}

/** The link plane knows nothing after a start; it is told all that is wanted, in one go. */
async function makeSureOfWires(context: SweepContext): Promise<void> {
  const nodes = context.wanted.nodes().filter((order) => isKept(order) && order.netns !== undefined && !context.hasOrder(nodeKey(order.lab, order.node.id)));
  const sandboxes = nodes.map((order) => context.queue.run(nodeKey(order.lab, order.node.id), async () => {
    // What came meanwhile takes its turn before or after this, never beside it: a removal would not see what is being made.
    if (context.wanted.node(order.lab, order.node.id)?.id !== order.id) return;
    try {
      if (await leftUnplugged(context, order)) return;
      const wired = await context.wires.ensureSandbox(order);
      if (wired.changed) reportSeen(context, order.lab, { type: 'network.repaired', what: `management interface of node ${order.node.id} was made again` });
    } catch (err) {
      context.log.warn({ err, labId: order.lab, nodeId: order.node.id }, 'namespace of node could not be made sure of');
    }
  }));
  await Promise.all([...sandboxes, ...context.wanted.links().map((order) => context.links.makeSure(order))]);
}

/** Compares the engine's list with the last orders; looks closer only where they differ. */
export async function sweepNodes(context: SweepContext): Promise<void> {
  const { provider, host } = context.hands;
  // What the engine can do is read here, so that no deploy waits for it.
  const [owned] = await Promise.all([provider.listOwned({ hostId: host }), provider.engineInfo()]);
  const byNode = new Map(owned.map((node) => [nodeKey(node.labId, node.nodeId), node]));
  const suspects = context.wanted.nodes().filter((order) => order.node.runtime === 'container' && isKept(order) && isSuspect(context, order, byNode.get(nodeKey(order.lab, order.node.id))));
  await Promise.all(suspects.map((order) => context.nodes.check(order.lab, order.node.id)));
  await context.orphans.tend(owned);
}

function isKept(order: LastingNodeOrder): boolean {
  return order.type !== 'node.remove';
}

function isSuspect(context: SweepContext, order: LastingNodeOrder, found: ObservedNode | undefined): boolean {
  const seen = context.states.get(order.lab, order.node.id);
  if (found === undefined || found.name !== order.node.containerName) return order.type !== 'node.stop';
  if (order.type !== 'node.start') return isLive(found);
  return !isLive(found) || seen.process !== 'running' || seen.runtimeId !== found.runtimeId || seen.startedAt !== found.startedAt;
}
