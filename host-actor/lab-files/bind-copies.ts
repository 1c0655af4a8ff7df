// Binds of a node on a host that does not have the lab's files: their sources become copies.
import type { CarriedSource } from '../../machines/vocabulary/carried-file.ts';
import type { LabId } from '../../machines/vocabulary/ids.ts';
import type { NodeSpec } from '../../machines/vocabulary/lab-spec.ts';
import type { HostContext } from '../host-context.ts';
import type { NodeOrder } from '../wire-of-order.ts';

type Context = Pick<HostContext, 'hands' | 'wanted'>;

/** The node as the engine is to make it here, its copies in place. @throws {HostActorError} `file-not-here`. */
export async function bindCopies(context: Context, order: NodeOrder): Promise<NodeSpec> {
  const sources = copiesOf(order);
  if (sources.length === 0) return order.node;
  const paths = await context.hands.files.place(order.lab, sources);
  return { ...order.node, binds: order.node.binds.map((bind) => withSource(bind, paths)) };
}

/** Removes copies that no node of the lab on this host is ordered with. */
export async function dropCopies(context: Context, lab: LabId): Promise<void> {
  const orders = context.wanted.nodesOf(lab).filter((order) => order.type !== 'node.remove');
  await context.hands.files.keepOnly(lab, orders.flatMap(carriedTo));
}

/** All that an order has this host hold for the node. */
export const carriedTo = (order: NodeOrder): readonly CarriedSource[] => [...copiesOf(order), ...(order.plan.saved ?? [])];

/** Where the files lie themselves people edit them in place. */
function copiesOf({ host, node, context }: NodeOrder): readonly CarriedSource[] {
  return context.filesHost === host ? [] : (node.files ?? []);
}

/** The innermost bind under which a path of the node lies. */
export function bindHolding(binds: readonly string[], path: string): string | undefined {
  const places = binds.map((bind) => ({ bind, at: (bind.split(':')[1] ?? '').replace(/\/+$/, '') }));
  return places.filter(({ at }) => at !== '' && (path === at || path.startsWith(`${at}/`))).toSorted((a, b) => b.at.length - a.at.length)[0]?.bind;
}

function withSource(bind: string, paths: ReadonlyMap<string, string>): string {
  const [source = '', ...rest] = bind.split(':');
  return rest.length === 0 ? bind : [paths.get(source) ?? source, ...rest].join(':');
}
