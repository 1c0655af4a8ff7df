// Finds which namespaces of a set of wires are not there.
import { namespaceAt, NETNS_DIR } from '../namespace-inodes.ts';
import { innerEndsOf } from './host-ports.ts';
import { netnsWord } from './render-lines.ts';
import type { Wire } from './wire.ts';

/** Names and paths that do not exist: a batch line with one would end the whole batch, not only fail. */
export function absentNamespaces(wires: readonly Wire[]): ReadonlySet<string> {
  const words = new Set(wires.flatMap((wire) => innerEndsOf(wire).flatMap(({ inner }) => netnsWord(inner.netns) ?? [])));
  return new Set([...words].filter((word) => namespaceAt(word.startsWith('/') ? word : `${NETNS_DIR}/${word}`) === undefined));
}
