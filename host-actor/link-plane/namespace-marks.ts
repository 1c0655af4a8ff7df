// Remembers which named namespaces are ours: a file for each, which a restart of ours survives and a reboot of the host voids.
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFileIn } from '../replace-file.ts';

/** `inode` is missing between the decision to make the namespace and its making; `bootId` tells a reboot, which ends all namespaces. */
export type NamespaceMark = { readonly mark: string; readonly bootId: string; readonly inode?: number; readonly loopbackUp?: boolean };

export type NamespaceMarks = {
  /** `anew`: as the disk has them, also what somebody else wrote there. */
  readonly read: (how?: { readonly anew: boolean }) => Promise<ReadonlyMap<string, NamespaceMark>>;
  readonly write: (name: string, mark: NamespaceMark) => Promise<void>;
  readonly remove: (name: string) => Promise<void>;
};

/** The marks under a folder; nothing is synced, for what power loss takes from this file it takes from /run/netns too. */
export function namespaceMarksIn(folder: string): NamespaceMarks {
  // Read once: nobody else has to write there, and a lab asks for them a dozen times.
  let known: Promise<Map<string, NamespaceMark>> | undefined;
  const read = (): Promise<Map<string, NamespaceMark>> => (known ??= readMarks(folder));
  return {
    read: async (how) => {
      if (how?.anew === true) known = readMarks(folder);
      return new Map(await read());
    },
    write: async (name, mark) => {
      const marks = await read();
      await replaceFileIn(folder, `${name}.json`, JSON.stringify(mark));
      marks.set(name, mark);
    },
    remove: async (name) => {
      const marks = await read();
      await rm(join(folder, `${name}.json`), { force: true });
      marks.delete(name);
    },
  };
}

async function readMarks(folder: string): Promise<Map<string, NamespaceMark>> {
  const names = await readdir(folder).catch(() => []);
  const entries = await Promise.all(names.filter((name) => name.endsWith('.json')).map(async (name): Promise<[string, NamespaceMark | undefined]> => [name.slice(0, -5), await readMark(join(folder, name))]));
  return new Map(entries.flatMap(([name, mark]) => (mark ? [[name, mark] as const] : [])));
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
