// Replaces a small file whole, so that a reader after kill -9 finds the old text or the new one, never a part.
import { rename, writeFile } from 'node:fs/promises';

let drafts = 0;

/** Not synced: for what a power cut takes along anyway (all that names objects of this boot of the kernel). The folder must exist. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const draft = `${path}.${(drafts += 1)}.new`;
  await writeFile(draft, text);
  await rename(draft, path);
}
