// The order to save a node's configuration: read out as its kind can, handed to the installation; the node itself is not touched.
import { setTimeout as delay } from 'node:timers/promises';
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
type Context = Pick<HostContext, 'hands' | 'now'>;
type Taken = { readonly files: readonly ContainerFile[]; readonly problem?: string };

/** Both together are less than the supervisor waits. */
const SHOW_TIMEOUT_MS = 8_000;
const LOAD_WITHIN_MS = 8_000;
const LOOK_MS = 200;
/** A program that does not answer so soon after the start of its node may only not be there yet. */
const YOUNG_MS = 15_000;
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
async function take(context: Context, { node }: SaveOrder, seen: ObservedNode, configuration: SavedConfiguration): Promise<Taken> {
  const { provider } = context.hands;
  const { program, path, files } = configuration;
  const lying = async (paths: readonly string[]): Promise<ContainerFile[]> => {
    const own = paths.filter((one) => bindHolding(node.binds, one) === undefined);
    return (await Promise.all(own.map(async (one) => await provider.readFile(seen.runtimeId, one)))).flatMap((file) => file ?? []);
  };
  if (!isLive(seen)) return { files: await lying([path, ...files]) };
  const shown = await show(context, seen, configuration);
  if (shown === 'absent') return { files: [] };
  if ('problem' in shown) return { files: await lying([path, ...files]), problem: `the running configuration of ${program} ${shown.problem}` };
  const before = await provider.readFile(seen.runtimeId, path);
  return { files: [{ ...ACCESS, ...before, path, bytes: Buffer.from(configurationIn(configuration, shown.text)) }, ...(await lying(files))] };
}

type Shown = { readonly text: string } | { readonly problem: string } | 'absent';

/** What the program shows once it has taken its configuration in. */
async function show({ hands: { provider }, now }: Context, { runtimeId, startedAt }: ObservedNode, configuration: SavedConfiguration): Promise<Shown> {
  const endAt = now() + LOAD_WITHIN_MS;
  const loads = async (): Promise<boolean> => (await provider.processes(runtimeId)).some((line) => configuration.loads.test(line));
  for (;;) {
    const isLoading = await loads();
    const { exitCode, stdout, stderr, truncated, engineError } = await provider.exec(runtimeId, configuration.show, { timeoutMs: SHOW_TIMEOUT_MS });
    if (engineError !== undefined) return 'absent';
    if (truncated) return { problem: 'is too long' };
    // Looked at again: it may have begun in between.
    const isWhole = !isLoading && !(await loads());
    if (isWhole && exitCode === 0) return { text: stdout };
    const mayCome = !isWhole || now() - (startedAt ?? 0) < YOUNG_MS;
    const said = stderr.trim().split('\n').at(-1)?.slice(0, LAST_WORDS) ?? '';
    if (!mayCome || now() > endAt) return { problem: exitCode === 0 ? 'is still being taken in' : `cannot be read: ${configuration.show[0]} ended with ${exitCode}: ${said}` };
    await delay(LOOK_MS);
  }
}
