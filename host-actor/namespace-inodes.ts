// Which network namespaces there are. Asked at once, for no disk is behind it: a hundred questions by way of other threads cost more
// than all of a lab's wires to plan.
import { readdirSync, statSync } from 'node:fs';

export const NETNS_DIR = '/run/netns';

/** Device and inode of the namespace at a path; undefined when nothing is there. */
export function namespaceAt(path: string): { readonly dev: number; readonly ino: number } | undefined {
  return quietly(() => statSync(path));
}

/** Inode of each named namespace; unreadable or half-made names are left out. */
export function netnsInodes(): ReadonlyMap<string, number> {
  const own = namespaceAt('/proc/self/ns/net');
  const names = quietly(() => readdirSync(NETNS_DIR)) ?? [];
  return new Map(names.flatMap((name): [string, number][] => {
    const found = namespaceAt(`${NETNS_DIR}/${name}`);
    return found !== undefined && found.dev === own?.dev ? [[name, found.ino]] : [];
  }));
}

function quietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
