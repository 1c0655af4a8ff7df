// Which files that travel to a node's host differ from those it was made with.
import type { CarriedFile } from '../vocabulary/carried-file.ts';
import type { HostId } from '../vocabulary/ids.ts';
import type { NodeSpec } from '../vocabulary/lab-spec.ts';
import { deepEqual } from './deep-equal.ts';

/** Whether the node binds copies of the lab's files: where they lie themselves they are bound in place, and edited there. */
export function usesCopies(node: Pick<NodeSpec, 'files'>, at: { host: HostId; filesHost: HostId | undefined }): boolean {
  return (node.files ?? []).length > 0 && at.host !== at.filesHost;
}

/** Absolute paths of files that came, went or changed, sorted. */
export function changedFiles(before: Pick<NodeSpec, 'files'>, after: Pick<NodeSpec, 'files'>): string[] {
  const [then, now] = [byPath(before), byPath(after)];
  return [...new Set([...then.keys(), ...now.keys()])].filter((path) => !deepEqual(then.get(path), now.get(path))).toSorted();
}

function byPath({ files = [] }: Pick<NodeSpec, 'files'>): Map<string, CarriedFile> {
  return new Map(files.flatMap(({ source, entries }) => entries.map((entry) => [entry.path === '' ? source : `${source}/${entry.path}`, entry])));
}
