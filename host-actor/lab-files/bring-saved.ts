// Configuration that a node brings along from the host it left: in its container before the first process, or bound in place of what is bound there.
import { readFile } from 'node:fs/promises';
import type { CarriedSource } from '../../machines/vocabulary/carried-file.ts';
import type { NodeSpec } from '../../machines/vocabulary/lab-spec.ts';
import type { HostContext } from '../host-context.ts';
import type { ContainerFile } from '../providers/provider.ts';
import type { NodeOrder } from '../wire-of-order.ts';
import { bindHolding } from './bind-copies.ts';

type Context = Pick<HostContext, 'hands'>;

/** The node with the saved copy of each file that lies under a bind bound over it: what is bound may be somebody's own. @throws {HostActorError} `file-not-here`. */
export async function bindSaved({ hands }: Context, { lab, plan }: NodeOrder, node: NodeSpec): Promise<NodeSpec> {
  const bound = (plan.saved ?? []).filter(({ source }) => bindHolding(node.binds, source) !== undefined);
  if (bound.length === 0) return node;
  const paths = await hands.files.place(lab, bound);
  return { ...node, binds: bound.reduce((binds, { source }) => overBind(binds, source, paths.get(source) ?? ''), node.binds) };
}

/** Puts the others into a container that no process has run in; done again it changes nothing. @throws {HostActorError} `file-not-here`; {ProviderError} */
export async function putSaved({ hands }: Context, { lab, plan, node }: NodeOrder, runtimeId: string): Promise<void> {
  const own = (plan.saved ?? []).filter(({ source }) => bindHolding(node.binds, source) === undefined);
  if (own.length === 0) return;
  const paths = await hands.files.place(lab, own);
  await hands.provider.putFiles(runtimeId, await Promise.all(own.flatMap((saved) => readSaved(saved, paths.get(saved.source) ?? ''))));
}

function readSaved({ source, entries: [entry] }: CarriedSource, copy: string): Promise<ContainerFile>[] {
  if (entry?.is !== 'file') return [];
  const { mode, uid, gid } = entry;
  return [readFile(copy).then((bytes) => ({ path: source, mode, uid, gid, bytes }))];
}

/** The options of a bind of the very file stay. */
function overBind(binds: readonly string[], path: string, copy: string): string[] {
  const own = bindHolding(binds, path);
  const [, destination, ...options] = own?.split(':') ?? [];
  return destination === path ? binds.map((bind) => (bind === own ? [copy, path, ...options].join(':') : bind)) : [...binds, `${copy}:${path}`];
}
