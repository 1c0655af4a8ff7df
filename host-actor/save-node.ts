// The order to save a node's configuration: read out as its kind can, handed to the installation; the node itself is not touched.
import type { CarriedSource } from '../machines/vocabulary/carried-file.ts';
import type { Order } from '../machines/vocabulary/effect.ts';
import { resolveKind } from '../vendors/resolve-kind.ts';
import type { SavedConfiguration } from '../vendors/saved-configuration.ts';
import { configurationIn } from '../vendors/saved-configuration.ts';
import { HostActorError } from './host-actor-error.ts';
import type { HostContext, Seen } from './host-context.ts';
import { bindHolding } from './lab-files/bind-copies.ts';
import { isLive } from './node-states.ts';
import { keyOf } from './node-placement.ts';
import type { ContainerFile, ObservedNode } from './providers/provider.ts';

type SaveOrder = Extract<Order, { type: 'node.save' }>;
type Context = Pick<HostContext, 'hands'>;
type Taken = { readonly files: readonly ContainerFile[]; readonly problem?: string };

/** Less than the supervisor waits. */
const SHOW_TIMEOUT_MS = 10_000;
/** Characters of what the command said last. */
const LAST_WORDS = 200;
/** Of a file that the program has not written yet. */
const ACCESS = { mode: 0o640, uid: 0, gid: 0 };

/** @throws {HostActorError} `container-missing`; {ProviderError}; {TransportError} */
export async function saveNode(context: Context, order: SaveOrder): Promise<Seen> {
  const { node, plan } = order;
  const found = await context.hands.provider.inspect(keyOf(order));
  if (found.found !== 'ours') throw new HostActorError('container-missing', { message: `node ${node.id} has no container ${node.containerName}`, retryable: false });
  const taken: Taken[] = [];
  for (const configuration of resolveKind(node.kind)?.saves ?? []) taken.push(await take(context, order, found.node, configuration));
  const files: CarriedSource[] = [];
  for (const file of taken.flatMap((one) => one.files)) files.push(await context.hands.files.give(file));
  const problem = taken.flatMap((one) => one.problem ?? []).join('; ') || (files.length === 0 ? `nothing in it (kind ${node.kind}) has a configuration that can be saved` : '');
  return { type: 'node.saved', node: node.id, generation: plan.generation, files, ...(problem === '' ? {} : { problem }) };
}

/** The running configuration where the program runs; else what lies in the container. What is bound into it stays where it is bound from. */
async function take({ hands: { provider } }: Context, { node }: SaveOrder, seen: ObservedNode, configuration: SavedConfiguration): Promise<Taken> {
  const { runtimeId } = seen;
  const { program, show, path, files } = configuration;
  const lying = async (paths: readonly string[]): Promise<ContainerFile[]> => {
    const own = paths.filter((one) => bindHolding(node.binds, one) === undefined);
    return (await Promise.all(own.map(async (one) => await provider.readFile(runtimeId, one)))).flatMap((file) => file ?? []);
  };
  if (!isLive(seen)) return { files: await lying([path, ...files]) };
  const shown = await provider.exec(runtimeId, show, { timeoutMs: SHOW_TIMEOUT_MS });
  if (shown.engineError !== undefined) return { files: [] };
  if (shown.exitCode !== 0 || shown.truncated) {
    const why = shown.truncated ? 'is too long' : `cannot be read: ${show[0]} ended with ${shown.exitCode}: ${shown.stderr.trim().split('\n').at(-1)?.slice(0, LAST_WORDS) ?? ''}`;
    return { files: await lying([path, ...files]), problem: `the running configuration of ${program} ${why}` };
  }
  const before = await provider.readFile(runtimeId, path);
  return { files: [{ ...ACCESS, ...before, path, bytes: Buffer.from(configurationIn(configuration, shown.stdout)) }, ...(await lying(files))] };
}
