// Makes, lists and removes the named network namespaces that nodes live in.
import { rm } from 'node:fs/promises';
import { NETNS_DIR, netnsInodes } from '../namespace-inodes.ts';
import { isNetnsName } from './check-wire.ts';
import { runInnerBatches } from './inner-batches.ts';
import { createKeyedLock } from './keyed-lock.ts';
import { LinkPlaneError } from './link-plane-error.ts';
import { readBootId, type NamespaceMark, type NamespaceMarks } from './namespace-marks.ts';
import { runBatch } from './run-batch.ts';
import type { RunTool } from './run-tool.ts';

export type NamespaceOrder = { readonly name: string; /** Who it belongs to; any text. */ readonly mark: string };

/** A namespace of ours; `present` = it exists and is the very one that we made. */
export type OwnNamespace = { readonly name: string; readonly mark: string; readonly present: boolean; readonly inode?: number };

export type EnsuredNamespaces = {
  readonly made: readonly string[];
  readonly failed: ReadonlyMap<string, LinkPlaneError>;
  /** Ours, but `lo` may still be down. */
  readonly loopbackDown: readonly string[];
};

export type Namespaces = {
  /** Makes what is missing, all in one process; adopts what bears our mark. `lo` is left down: see raiseLoopbacks. */
  readonly ensure: (orders: readonly NamespaceOrder[]) => Promise<EnsuredNamespaces>;
  /** Sets `lo` up in each and remembers it. */
  readonly raiseLoopbacks: (names: readonly string[]) => Promise<void>;
  /** Remembers that somebody else set `lo` up in the same process as other things. */
  readonly noteLoopbacksUp: (names: readonly string[]) => Promise<void>;
  /** Removes those of the names that are ours; absent is success, foreign is left alone and returned. */
  readonly remove: (names: readonly string[]) => Promise<{ readonly foreign: readonly string[] }>;
  readonly list: () => Promise<readonly OwnNamespace[]>;
};

/** Namespaces under /run/netns with our marks in a folder of state. */
export function createNamespaces(run: RunTool, marks: NamespaceMarks): Namespaces {
  const lock = createKeyedLock();
  // One at a time: while a namespace is made its name is for a moment a plain file, and whoever reads its inode then takes the
  // namespace for somebody else's for ever.
  const exclusive = <T>(work: () => Promise<T>): Promise<T> => lock.hold(['namespaces'], work);
  return {
    ensure: (orders) => exclusive(() => ensureNamespaces(run, marks, orders)),
    raiseLoopbacks: async (names) => {
      await runInnerBatches(run, names.map((netns) => ({ netns, lines: [{ owner: netns, text: 'link set dev lo up' }] })));
      await exclusive(() => noteLoopbacksUp(marks, names));
    },
    noteLoopbacksUp: (names) => exclusive(() => noteLoopbacksUp(marks, names)),
    remove: (names) => exclusive(() => removeNamespaces(run, marks, names)),
    list: () => exclusive(() => listNamespaces(marks)),
  };
}

type Known = { readonly bootId: string; readonly known: ReadonlyMap<string, NamespaceMark>; readonly inodes: ReadonlyMap<string, number> };

async function readKnown(marks: NamespaceMarks, how?: { readonly anew: boolean }): Promise<Known> {
  const [bootId, known] = await Promise.all([readBootId(), marks.read(how)]);
  return { bootId, known: new Map([...known].filter(([, mark]) => mark.bootId === bootId)), inodes: netnsInodes() };
}

async function ensureNamespaces(run: RunTool, marks: NamespaceMarks, orders: readonly NamespaceOrder[]): Promise<EnsuredNamespaces> {
  if (orders.length === 0) return { made: [], failed: new Map(), loopbackDown: [] };
  const { bootId, known, inodes } = await readKnown(marks);
  const failed = new Map<string, LinkPlaneError>();
  const wanted: NamespaceOrder[] = [];
  for (const order of orders) {
    if (!isNetnsName(order.name)) failed.set(order.name, new LinkPlaneError('invalid-wire', `namespace name is not usable: ${JSON.stringify(order.name)}`));
    else if (inodes.has(order.name) && !isOurs(known.get(order.name), inodes.get(order.name))) failed.set(order.name, takenError(order.name));
    else wanted.push(order);
  }
  const missing = wanted.filter(({ name }) => !inodes.has(name));
  await Promise.all(missing.map(({ name, mark }) => marks.write(name, { mark, bootId })));
  // A crash between the making of the file and its mount leaves a plain file that refuses the name for ever.
  await Promise.all(missing.filter(({ name }) => known.has(name)).map(({ name }) => rm(`${NETNS_DIR}/${name}`, { force: true })));
  const result = await runBatch(run, 'ip', missing.map(({ name }) => ({ owner: name, text: `netns add ${name}` })));
  const after = missing.length === 0 ? inodes : netnsInodes();
  for (const { owner, reason } of result.failures) failed.set(owner, new LinkPlaneError('kernel-refused', `namespace ${owner} could not be made: ${reason}`));
  const present = wanted.filter(({ name }) => !failed.has(name));
  for (const { name } of present) {
    if (!after.has(name)) failed.set(name, new LinkPlaneError('tool-failed', `namespace ${name} was not there after it was made: ${result.aborted ?? 'no reason given'}`));
  }
  // A mark without an inode is as good until `lo` is up: then both are written in one go.
  const young = new Set(missing.map(({ name }) => name));
  const stale = present.filter(({ name, mark }) => after.has(name) && !young.has(name) && (known.get(name)?.inode !== after.get(name) || known.get(name)?.mark !== mark));
  await Promise.all(stale.map(({ name, mark }) => marks.write(name, { ...sameLoopback(known.get(name), after.get(name)), mark, bootId, inode: after.get(name) ?? 0 })));
  const loopbackDown = present.filter(({ name }) => after.has(name) && sameLoopback(known.get(name), after.get(name)).loopbackUp !== true);
  return { made: missing.map(({ name }) => name).filter((name) => after.has(name)), failed, loopbackDown: loopbackDown.map(({ name }) => name) };
}

async function noteLoopbacksUp(marks: NamespaceMarks, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const [known, inodes] = [await marks.read(), netnsInodes()];
  await Promise.all(
    names.map(async (name) => {
      const [mark, inode] = [known.get(name), inodes.get(name)];
      if (mark && inode !== undefined && mark.loopbackUp !== true) await marks.write(name, { ...mark, inode, loopbackUp: true });
    }),
  );
}

async function removeNamespaces(run: RunTool, marks: NamespaceMarks, names: readonly string[]): Promise<{ readonly foreign: readonly string[] }> {
  const { known, inodes } = await readKnown(marks);
  const foreign = names.filter((name) => inodes.has(name) && !isOurs(known.get(name), inodes.get(name)));
  const ours = names.filter((name) => isNetnsName(name) && !foreign.includes(name));
  const present = ours.filter((name) => inodes.has(name));
  const result = await runBatch(run, 'ip', present.map((name) => ({ owner: name, text: `netns del ${name}` })));
  const refused = result.failures[0];
  if (refused) throw new LinkPlaneError('kernel-refused', `namespace ${refused.owner} could not be removed: ${refused.reason}`);
  await Promise.all(ours.map((name) => marks.remove(name)));
  return { foreign };
}

async function listNamespaces(marks: NamespaceMarks): Promise<readonly OwnNamespace[]> {
  const { known, inodes } = await readKnown(marks, { anew: true });
  return [...known]
    .map(([name, { mark, inode }]): OwnNamespace => ({ name, mark, present: isOurs(known.get(name), inodes.get(name)), ...(inode === undefined ? {} : { inode }) }))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

/** An intent without an inode was written when the name was free: what bears it now was made by us just before a crash. */
function isOurs(mark: NamespaceMark | undefined, inode: number | undefined): boolean {
  return mark !== undefined && inode !== undefined && (mark.inode === undefined || mark.inode === inode);
}

function sameLoopback(mark: NamespaceMark | undefined, inode: number | undefined): { readonly loopbackUp?: boolean } {
  return mark?.inode === inode && mark?.loopbackUp === true ? { loopbackUp: true } : {};
}

function takenError(name: string): LinkPlaneError {
  return new LinkPlaneError('namespace-taken', `a namespace ${name} exists that Labwright did not make; it is left alone (remove it with: ip netns del ${name})`, { netns: name });
}
