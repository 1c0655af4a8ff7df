// Orders about nodes: prepare, start, stop, remove, exec; for containers of ours, and for what is only looked at.
import { dirname } from 'node:path';
import type { ExecResult } from '../machines/vocabulary/observation.ts';
import type { Order } from '../machines/vocabulary/effect.ts';
import { crashPoint } from './crash-point.ts';
import { HostActorError } from './host-actor-error.ts';
import type { HostContext, Seen } from './host-context.ts';
import { carriedTo, dropCopies } from './lab-files/bind-copies.ts';
import { isLive } from './node-states.ts';
import { keyOf } from './node-placement.ts';
import { isProviderError } from './providers/provider-error.ts';
import type { ExecOnce } from './providers/provider.ts';
import { prepareContainer, startContainer } from './start-node.ts';
import { wireIdOfLink, wireIdOfMgmt } from './wire-of-order.ts';
import type { NodeOrder } from './wire-of-order.ts';

type OrderOf<T extends Order['type']> = Extract<Order, { type: T }>;

/** Commands of a lab file may install software or wait for peers. */
const EXEC_TIMEOUT_MS = 600_000;

export async function prepareNode(context: HostContext, order: OrderOf<'node.prepare'>): Promise<Seen> {
  if (order.node.runtime !== 'container') return { type: 'node.prepared', ...nodeOf(order), ...(await readOther(context, order)) };
  const { runtimeId } = await prepareContainer(context, order);
  // Not before: a node that is made anew from the same files finds in them what it wrote.
  if (carriedTo(order).length > 0) await dropCopies(context, order.lab);
  return { type: 'node.prepared', ...nodeOf(order), runtimeId };
}

export async function startNode(context: HostContext, order: OrderOf<'node.start'>): Promise<Seen> {
  if (order.node.runtime !== 'container') {
    return { type: 'node.started', ...nodeOf(order), ...(await readOther(context, order)), startedAt: context.now(), cause: 'order' };
  }
  const node = await startContainer(context, order);
  crashPoint('after-start-before-answer');
  if (context.states.hasReturned(order.lab, order.node.id) || node.wiring !== 'before-start') context.links.refreshNode(order.lab, order.node.id, 'order');
  const startedAt = node.startedAt ?? context.now();
  return { type: 'node.started', ...nodeOf(order), runtimeId: node.runtimeId, ...(node.pid > 0 ? { pid: node.pid } : {}), startedAt, cause: 'order' };
}

export async function stopNode(context: HostContext, order: OrderOf<'node.stop'>): Promise<Seen> {
  const stopped = { type: 'node.stopped' as const, ...nodeOf(order) };
  if (order.node.runtime !== 'container') return stopped;
  const found = await context.hands.provider.inspect(keyOf(order));
  if (found.found !== 'ours') return stopped;
  const after = isLive(found.node) ? await context.hands.provider.ensureStopped(found.node.runtimeId, { graceMs: order.graceMs }) : found;
  context.states.noteDown(order.lab, order.node.id);
  if (after.found === 'ours') context.states.note(after.node);
  await context.links.refreshNodeNow(order.lab, order.node.id, 'order');
  return after.found === 'ours' && after.node.startedAt !== undefined ? { ...stopped, exitCode: after.node.exitCode } : stopped;
}

export async function removeNode(context: HostContext, order: OrderOf<'node.remove'>): Promise<Seen> {
  const { lab, node } = order;
  context.prepared.forget(lab, node.id);
  if (node.runtime === 'container') {
    // At once, so that the interfaces of all nodes that go together go in one batch; both run to their end.
    const [removed, dropped] = await Promise.allSettled([context.hands.provider.ensureRemoved(keyOf(order)), context.wires.dropSandbox(order)]);
    if (removed.status === 'rejected') throw removed.reason;
    if (dropped.status === 'rejected') throw dropped.reason;
    await context.hands.network.removeNodeFiles(lab, node.id);
  }
  context.states.forget(lab, node.id);
  crashPoint('after-remove-before-answer');
  return { type: 'node.removed', ...nodeOf(order) };
}

/** Runs the commands one after another. One that fails, or cannot be run, is a result and not a failure of the order. */
export async function execInNode(context: HostContext, order: OrderOf<'node.exec'>): Promise<Seen> {
  const results: ExecResult[] = [];
  const signal = context.interrupts.begin(order);
  for (const index of order.commands.keys()) {
    if (signal.aborted) break;
    // What ran before a crash of ours does not run again.
    const before = context.ledger.state.execs.get(order.id)?.get(index);
    const result = before ?? (await runCommand(context, order, index, signal));
    crashPoint('after-exec-before-result');
    if (before === undefined) await context.ledger.append([{ r: 'exec', lab: order.lab, id: order.id, index, result }], 'written');
    results.push(result);
    crashPoint('between-exec-commands');
  }
  await keepInner(context, order);
  return { type: 'node.exec-done', ...nodeOf(order), results };
}

/** Addresses and routes that commands set outlive the namespace: read before the commands are told done, for the power may go right after. */
async function keepInner({ wanted, hands, log }: HostContext, { lab, node }: OrderOf<'node.exec'>): Promise<void> {
  const wires = [...wanted.linksOf(lab, node.id).map(wireIdOfLink), wireIdOfMgmt({ lab, node })];
  await hands.plane.snapshotInner(wires).catch((err: unknown) => log.warn({ err, labId: lab, nodeId: node.id }, 'interfaces of the node could not be read after its commands'));
}

async function runCommand(context: HostContext, order: OrderOf<'node.exec'>, index: number, signal: AbortSignal): Promise<ExecResult> {
  const { command, target } = order.commands[index] ?? { command: '', target: 'container' };
  const about = { command, target };
  try {
    const { exitCode, stdout, stderr } = target === 'host' || order.node.runtime === 'host'
      ? await context.hands.sight.runCommand(command, { cwd: folderOf(order), timeoutMs: EXEC_TIMEOUT_MS, signal })
      : await context.hands.provider.exec(await runtimeIdOf(context, order), command, { timeoutMs: EXEC_TIMEOUT_MS, once: onceIn(context, order, index), signal, foreign: order.node.runtime === 'ext-container' });
    return { ...about, exitCode, stdout: capped(stdout), stderr: capped(stderr) };
  } catch (error) {
    if (signal.aborted) return { ...about, exitCode: -1, stdout: '', stderr: 'ended: a newer order for the node came' };
    if (!isProviderError(error, 'exec-unparsable', 'exec-timeout', 'not-running', 'container-absent')) throw error;
    return { ...about, exitCode: -1, stdout: '', stderr: error.message };
  }
}

/** What a command prints travels in messages and stands in the log, so it is cut to what a person would read. */
const OUTPUT_BYTES = 64 * 1024;
const capped = (text: string): string => (text.length <= OUTPUT_BYTES ? text : `${text.slice(0, OUTPUT_BYTES)}\n... ${text.length - OUTPUT_BYTES} characters more`);

/** A command that the engine was given before a crash of ours does not run again, whether its result was written down or not. */
function onceIn({ ledger }: HostContext, { lab, id }: OrderOf<'node.exec'>, index: number): ExecOnce {
  const begun = ledger.state.begunExecs.get(id);
  return {
    begun: begun?.index === index ? begun.execId : undefined,
    note: async (execId) => {
      await ledger.append([{ r: 'exec-begun', lab, id, index, execId }], 'written');
      crashPoint('before-exec');
    },
  };
}

/** Engine id of the node's container. @throws {HostActorError} `container-missing`. */
export async function runtimeIdOf(context: HostContext, order: NodeOrder): Promise<string> {
  if (order.node.runtime === 'ext-container') {
    // Its owner may have made it anew, which nobody tells us.
    const other = await context.hands.sight.readContainer(order.node.containerName);
    if (other !== undefined) return other.runtimeId;
  }
  const known = context.states.get(order.lab, order.node.id).runtimeId;
  if (known !== undefined) return known;
  const found = await context.hands.provider.inspect(keyOf(order));
  if (found.found === 'ours') return found.node.runtimeId;
  throw new HostActorError('container-missing', { message: `node ${order.node.id} has no container ${order.node.containerName}`, retryable: true });
}

/** What we do not make must be there. @throws {HostActorError} `bridge-missing`, `container-missing`, `container-not-running`, `not-supported-yet`. */
async function readOther(context: HostContext, order: NodeOrder): Promise<{ runtimeId?: string; pid?: number }> {
  const { runtime, containerName, id } = order.node;
  switch (runtime) {
    case 'host':
    case 'container':
      return {};
    case 'bridge':
      // A bridge inside another node (`br|node`) is made with its first link.
      if (id.includes('|') || (await context.hands.sight.isBridge(containerName))) return {};
      throw new HostActorError('bridge-missing', { message: `bridge ${containerName} of node ${id} is not on this host; make it: ip link add ${containerName} type bridge && ip link set ${containerName} up`, retryable: false });
    case 'ext-container': {
      const other = await context.hands.sight.readContainer(containerName);
      if (other === undefined) throw new HostActorError('container-missing', { message: `node ${id}: there is no container ${containerName}; an ext-container is started by you before the lab`, retryable: true });
      if (other.pid === 0) throw new HostActorError('container-not-running', { message: `node ${id}: container ${containerName} does not run; an ext-container is started by you`, retryable: true });
      return { runtimeId: other.runtimeId, ...(order.type === 'node.start' ? { pid: other.pid } : {}) };
    }
    case 'ovs-bridge':
      throw new HostActorError('not-supported-yet', { message: `node ${id}: kind ovs-bridge cannot be made yet`, retryable: false });
  }
}

function nodeOf(order: NodeOrder) {
  return { node: order.node.id, generation: order.plan.generation };
}

function folderOf(order: NodeOrder): string {
  return order.context.topologyPath === undefined ? dirname(order.context.labDir) : dirname(order.context.topologyPath);
}
