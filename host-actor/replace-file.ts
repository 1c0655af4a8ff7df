// Replaces a small file whole, so that a reader after kill -9 finds the old text or the new one, never a part.
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

let drafts = 0;

/** Not synced: for what a power cut takes along anyway (all that names objects of this boot of the kernel). The folder must exist. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const draft = `${path}.${(drafts += 1)}.new`;
  await writeFile(draft, text);
  await rename(draft, path);
}

/** The same for a file in a folder that is made when it is missing. */
export async function replaceFileIn(folder: string, name: string, text: string): Promise<void> {
  await replaceFile(join(folder, name), text).catch(async (error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    await mkdir(folder, { recursive: true });
    await replaceFile(join(folder, name), text);
  });
}
