// Ships the set-up: its shell files as they are but for the names of our own scripts, which are plain JavaScript in a package.
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Step that a package does differently: npm has brought its packages, there is no lock file. */
const PACKAGES_STEP = join('steps', 'npm-packages.sh');

/** Copies what is no TypeScript from `from` to `to`, where tsc has put the scripts' JavaScript already.
 *  @throws {Error} when a shell file still names a TypeScript file: it would not run below node_modules. */
export async function shipSetup(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, filter: (source) => !source.endsWith('.ts') });
  await cp(join(import.meta.dirname, 'npm-packages-of-package.sh'), join(to, PACKAGES_STEP));
  const shells = (await readdir(to, { recursive: true })).filter((name) => name.endsWith('.sh'));
  for (const shell of shells) {
    const path = join(to, shell);
    const text = renameScripts(await readFile(path, 'utf8'));
    const left = /[\w/-]+\.ts\b/.exec(text);
    if (left !== null) throw new Error(`setup/${shell} names ${left[0]}, which a package does not hold`);
    await writeFile(path, text);
  }
}

/** Text of a shell file with `$setup_dir/NAME.ts` spelled as a package has it. */
export function renameScripts(text: string): string {
  return text.replaceAll(/(\$setup_dir\/[\w-]+)\.ts\b/g, '$1.js');
}
