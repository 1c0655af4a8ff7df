// This very program as an archive, with the packages it runs on: what `host add` brings to a server, so that both sides are of one version.
import { spawn } from 'node:child_process';
import { access, readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { z } from 'zod';

/** What of a clone or a package is brought; what is not there is left out. */
const PARTS = ['bin', 'labwright', 'dist', 'machines', 'vendors', 'topology', 'nats', 'supervisor', 'host-actor', 'controller', 'cli', 'tui', 'setup', 'package.json', 'package-lock.json', 'LICENSE'];

const Manifest = z.object({ dependencies: z.record(z.string(), z.string()).default({}), optionalDependencies: z.record(z.string(), z.string()).default({}) });

/** Root of the clone or package that this file belongs to. */
export const programRoot = (): string => {
  const above = resolve(import.meta.dirname, '..', '..');
  return basename(above) === 'dist' ? dirname(above) : above;
};

/** A gzipped tar; its members lie below no folder, packages below `node_modules`. */
export const packProgram = async (root: string = programRoot()): Promise<Readable> => {
  const parts: string[] = [];
  // In a clone, `dist` is a leaving of an earlier build.
  const isClone = await exists(join(root, 'cli'));
  for (const part of PARTS) if (!(isClone && part === 'dist') && (await exists(join(root, part)))) parts.push(part);
  const packages = await listPackages(root);
  const from = [...Map.groupBy(packages, ({ top }) => top)].flatMap(([top, ofTop]) => ['-C', dirname(top), ...ofTop.map(({ name }) => join('node_modules', name))]);
  const lock = join(root, 'node_modules', '.package-lock.json');
  const locks = (await exists(lock)) ? ['-C', root, join('node_modules', '.package-lock.json')] : [];
  // Not execa: the output is a stream of a hundred megabytes that nobody should hold.
  const child = spawn('tar', ['-cz', '--owner=0', '--group=0', '-C', root, ...parts, ...locks, ...from], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
  child.once('error', (error) => child.stdout.destroy(error));
  child.once('close', (code) => {
    if (code !== 0) child.stdout.destroy(new Error(`tar failed with ${code}: ${said}`));
  });
  return child.stdout;
};

type Package = { readonly name: string; readonly top: string };

/** Packages that the program needs to run, and those that they need, as they lie at the top of a `node_modules`. Nested ones come along with theirs. */
export const listPackages = async (root: string): Promise<Package[]> => {
  const found = new Map<string, Package>();
  const todo = [root];
  const seen = new Set<string>();
  for (let folder = todo.pop(); folder !== undefined; folder = todo.pop()) {
    if (seen.has(folder)) continue;
    seen.add(folder);
    const manifest = Manifest.parse(JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')));
    const wanted = { ...manifest.optionalDependencies, ...manifest.dependencies };
    for (const name of Object.keys(wanted)) {
      const at = await findPackage(folder, name);
      if (at === undefined) {
        if (name in manifest.dependencies && !(name in manifest.optionalDependencies)) throw new Error(`package ${name}, which ${folder} needs, is not installed`);
        continue;
      }
      const top = at.slice(0, -(name.length + 1));
      const isNested = dirname(top).includes('/node_modules/') && dirname(top) !== root;
      if (!isNested && !found.has(name)) found.set(name, { name, top });
      todo.push(at);
    }
  }
  return [...found.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
};

/** As Node looks for it, from the folder upwards. */
const findPackage = async (folder: string, name: string): Promise<string | undefined> => {
  for (let at = folder; ; at = dirname(at)) {
    if (basename(at) !== 'node_modules' && (await exists(join(at, 'node_modules', name, 'package.json')))) {
      return join(await realpath(join(at, 'node_modules')), name);
    }
    if (dirname(at) === at) return undefined;
  }
};

const exists = async (path: string): Promise<boolean> => await access(path).then(() => true, () => false);
