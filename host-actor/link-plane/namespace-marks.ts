// Remembers which named namespaces are ours: a file for each, which a restart of ours survives and a reboot of the host voids.
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../replace-file.ts';

/** `inode` is missing between the decision to make the namespace and its making; `bootId` tells a reboot, which ends all namespaces. */
export type NamespaceMark = { readonly mark: string; readonly bootId: string; readonly inode?: number; readonly loopbackUp?: boolean };

export type NamespaceMarks = {
  readonly read: () => Promise<ReadonlyMap<string, NamespaceMark>>;
  readonly write: (name: string, mark: NamespaceMark) => Promise<void>;
  readonly remove: (name: string) => Promise<void>;
};

/** The marks under a folder; nothing is synced, for what power loss takes from this file it takes from /run/netns too. */
export function namespaceMarksIn(folder: string): NamespaceMarks {
  return {
    read: async () => {
      const names = await readdir(folder).catch(() => []);
      const entries = await Promise.all(names.filter((name) => name.endsWith('.json')).map(async (name): Promise<[string, NamespaceMark | undefined]> => [name.slice(0, -5), await readMark(join(folder, name))]));
      return new Map(entries.flatMap(([name, mark]) => (mark ? [[name, mark] as const] : [])));
    },
    write: async (name, mark) => {
      await mkdir(folder, { recursive: true });
      await replaceFile(join(folder, `${name}.json`), JSON.stringify(mark));
    },
    remove: async (name) => rm(join(folder, `${name}.json`), { force: true }),
  };
}

/** Identity of this run of the kernel. */
export async function readBootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

async function readMark(path: string): Promise<NamespaceMark | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    return isMarkRecord(value) ? value : undefined;
  } catch {
    // A file that power loss cut short is no proof of anything.
    return undefined;
  }
}

function isMarkRecord(value: unknown): value is NamespaceMark {
  return typeof value === 'object' && value !== null && 'mark' in value && typeof value.mark === 'string' && 'bootId' in value && typeof value.bootId === 'string';
}
