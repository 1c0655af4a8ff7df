// Finds which namespaces of a set of wires are not there.
import { access } from 'node:fs/promises';
import { innerEndsOf } from './host-ports.ts';
import { NETNS_DIR } from './read-kernel-state.ts';
import { netnsWord } from './render-lines.ts';
import type { Wire } from './wire.ts';

/** Names and paths that do not exist: a batch line with one would end the whole batch, not only fail. */
export async function absentNamespaces(wires: readonly Wire[]): Promise<ReadonlySet<string>> {
  const words = new Set(wires.flatMap((wire) => innerEndsOf(wire).flatMap(({ inner }) => netnsWord(inner.netns) ?? [])));
  const checked = await Promise.all([...words].map(async (word) => ((await exists(word.startsWith('/') ? word : `${NETNS_DIR}/${word}`)) ? [] : [word])));
  return new Set(checked.flat());
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
