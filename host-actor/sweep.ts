// Reads everything of this host in bulk and closes each difference from the last orders: at the start, after a gap, and now and then.
import type { HostContext } from './host-context.ts';
import { reportSeen } from './host-context.ts';
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

/** Puts management networks back and says what it was. */
export async function sweepNetworks(context: SweepContext): Promise<void> {
  const networks = context.wanted.networks();
  await Promise.all(networks.map(({ lab }) => context.networks.ready(lab).catch((err: unknown) => context.log.warn({ err, labId: lab }, 'management network could not be made sure of'))));
  for (const drift of await context.hands.network.repair()) {
    for (const { lab } of networks) if (drift.labs.includes(lab)) reportSeen(context, lab, { type: 'network.repaired', what: drift.detail });
  }
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
  const sandboxes = nodes.map(async (order) => {
    try {
      const wired = await context.wires.ensureSandbox(order);
      if (wired.changed) reportSeen(context, order.lab, { type: 'network.repaired', what: `management interface of node ${order.node.id} was made again` });
    } catch (err) {
      context.log.warn({ err, labId: order.lab, nodeId: order.node.id }, 'namespace of node could not be made sure of');
    }
  });
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
  await context.orphans.tellNew(owned);
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
