// Fills dist/ with what `npm pack` ships in place of the TypeScript sources, which Node does not strip below node_modules.
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { execa } from 'execa';
import { readBuildInfo } from './build-info.ts';
import { shipSetup } from './ship-setup.ts';

/** The rooms that the program consists of; `dist/` holds them side by side, as the repository does. */
const ROOMS = ['machines', 'vendors', 'topology', 'nats', 'supervisor', 'host-actor', 'controller', 'cli', 'tui'];

/** Builds into `<root>/dist`, which is emptied before. @throws what tsc printed, when the code has type errors. */
export async function buildPackage(root: string): Promise<void> {
  const dist = join(root, 'dist');
  await rm(dist, { recursive: true, force: true });
  // The second one writes the types of what other programs import.
  for (const project of ['tsconfig.json', 'tsconfig.client.json']) await execa(join(root, 'node_modules', '.bin', 'tsc'), ['-p', join(root, 'packaging', project)], { cwd: root, all: true, preferLocal: true });
  for (const room of ROOMS) await copyData(join(root, room), join(dist, room));
  await shipSetup(join(root, 'setup'), join(dist, 'setup'));
  const info = await readBuildInfo(root, process.env);
  // Beside the rooms, where they look for it in the repository too; `type` because the nearest package.json decides.
  await writeJson(join(dist, 'package.json'), { name: 'labwright', version: info.version, type: 'module', private: true });
  await writeJson(join(dist, 'build-info.json'), info);
}

/** Files of a room that are no TypeScript: catalogues, programs for devices. */
async function copyData(from: string, to: string): Promise<void> {
  const entries = await readdir(from, { recursive: true, withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || /\.tsx?$/.test(entry.name)) continue;
    const target = join(to, path.slice(from.length));
    await mkdir(dirname(target), { recursive: true });
    await cp(path, target);
  }
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFile(path, `${JSON.stringify(value, undefined, 2)}\n`);
}

if (import.meta.main) {
  const root = resolve(import.meta.dirname, '..');
  await buildPackage(root);
  const { version } = JSON.parse(await readFile(join(root, 'dist', 'build-info.json'), 'utf8'));
  console.error(`labwright ${version}: dist/ is built`);
}
