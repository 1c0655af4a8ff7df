// The one way in which a node's container comes to be and to run, whatever the cause: order, repair or return of the host.
import type { NodeSpec } from '../machines/vocabulary/lab-spec.ts';
import { crashPoint } from './crash-point.ts';
import type { HostContext } from './host-context.ts';
import { bindCopies } from './lab-files/bind-copies.ts';
import { bindSaved, putSaved } from './lab-files/bring-saved.ts';
import { HostActorError } from './host-actor-error.ts';
import { reportSeen } from './host-context.ts';
import { networkNotReady } from './network-room.ts';
import { placementOf, sandboxOf } from './node-placement.ts';
import type { PreparedNode } from './prepared-nodes.ts';
import { isProviderError } from './providers/provider-error.ts';
import type { CreatedNode, ImageProgress, NodePlacement, ObservedNode } from './providers/provider.ts';
import type { NodeOrder } from './wire-of-order.ts';

const PROGRESS_EVERY_MS = 1_000;

/** Namespace, management interface, image and container, not started. Idempotent.
 *  @throws {HostActorError} `network-not-ready`; {ProviderError}; {LinkPlaneError} */
export async function prepareContainer(context: HostContext, order: NodeOrder): Promise<PreparedNode> {
  const { lab, node, plan } = order;
  const foreseen = await context.networks.foresee(lab);
  const sandbox = sandboxOf(context, order, foreseen?.foreign ?? false);
  // First the bridge, for which all wires of the lab wait; the files and containers of a hundred nodes would hold it up.
  await context.networks.bridged(lab).catch((error: unknown) => {
    throw networkNotReady(lab, error);
  });
  const wired = 'netnsPath' in sandbox ? await context.wires.ensureSandbox(order) : undefined;
  const created = await create(context, order, { sandbox, bridge: foreseen?.bridge });
  for (const warning of wired?.warnings ?? []) context.log.warn({ labId: lab, nodeId: node.id, warning }, 'node was made with a limit');
  const before = context.states.get(lab, node.id);
  // Neighbours of a node that died keep without carrier while its container is made anew.
  if (created.outcome === 'reused' || before.process !== 'down') context.states.note(created.node);
  const prepared = { generation: plan.generation, mtu: order.context.mgmt.mtu, runtimeId: created.node.runtimeId, sandbox, node: created.node };
  context.prepared.set(lab, node.id, prepared);
  return prepared;
}

/** Makes the node's process run; a process that ended at once is no error, the node read back says so.
 *  @throws {ProviderError} and those of `prepareContainer` */
export async function startContainer(context: HostContext, order: NodeOrder): Promise<ObservedNode> {
  const { lab, node } = order;
  const known = context.prepared.get(order);
  const prepared = known ?? (await prepareContainer(context, order));
  crashPoint('after-create-before-start');
  try {
    return await start(context, order, prepared);
  } catch (error) {
    if (known === undefined || !isProviderError(error, 'container-absent', 'sandbox-missing', 'sandbox-mismatch')) throw error;
    context.prepared.forget(lab, node.id);
    return await start(context, order, await prepareContainer(context, order));
  }
}

async function start(context: HostContext, order: NodeOrder, prepared: PreparedNode): Promise<ObservedNode> {
  const { node } = await context.hands.provider.ensureStarted(prepared.runtimeId, prepared.sandbox, { known: prepared.node });
  context.states.note(node);
  context.prepared.set(order.lab, order.node.id, { ...prepared, node });
  context.networks.scheduleHostsBlock(order.lab);
  return node;
}

type Around = { readonly sandbox: NodePlacement['sandbox']; readonly bridge: string | undefined };

async function create(context: HostContext, order: NodeOrder, around: Around): Promise<CreatedNode> {
  const node = await bindSaved(context, order, await bindCopies(context, order));
  const created = await createFrom(context, order, node, around);
  // Also one that was made before a crash of ours.
  if (created.node.status === 'created') await putSaved(context, order, created.node.runtimeId);
  return created;
}

async function createFrom(context: HostContext, order: NodeOrder, node: NodeSpec, { sandbox, bridge }: Around): Promise<CreatedNode> {
  const { lab } = order;
  const entries = context.wanted.network(lab)?.hosts ?? [];
  const files = 'netnsPath' in sandbox ? await context.hands.network.writeNodeFiles(lab, node.id, entries, node.dns) : undefined;
  const placement = placementOf(context, order, { sandbox, files, bridge });
  const { image, imagePullPolicy } = node;
  if (image === undefined) throw new HostActorError('config-invalid', { message: `node ${node.id} has no image`, retryable: false });
  if (imagePullPolicy === 'always') await pullImage(context, order, image);
  try {
    return await context.hands.provider.ensureCreated(node, placement);
  } catch (error) {
    // Nearly always the image is there; asking first would cost a call for each node.
    if (!isProviderError(error, 'image-absent') || imagePullPolicy === 'always') throw error;
    await pullImage(context, order, image);
    return await context.hands.provider.ensureCreated(node, placement);
  }
}

/** Pulls the image and says about once a second how far it has come. */
async function pullImage(context: HostContext, order: NodeOrder, image: string): Promise<void> {
  let saidAt = 0;
  const onProgress = ({ status, currentBytes, totalBytes }: ImageProgress): void => {
    if (context.now() - saidAt < PROGRESS_EVERY_MS) return;
    saidAt = context.now();
    const share = totalBytes > 0 ? ` ${Math.floor((100 * currentBytes) / totalBytes)} %` : '';
    reportSeen(context, order.lab, { type: 'node.progress', node: order.node.id, generation: order.plan.generation, text: `image ${image}: ${status}${share}` });
  };
  await context.hands.provider.ensureImage(image, order.node.imagePullPolicy, { onProgress, signal: context.interrupts.begin(order) });
}
