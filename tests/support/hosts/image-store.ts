// Images for the engines of test hosts: unpacked once into a store that all of them show as their own.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { execFile } from 'node:child_process';
import Docker from 'dockerode';
import { engineOf } from './host-engine.ts';
import { bootNamespaces } from './host-namespaces.ts';

const run = promisify(execFile);

/**
 * Directory with the images as an engine keeps them (storage driver overlay2). It is kept between runs, for unpacking takes ten seconds:
 * `lw-test-images-*` in the temporary directory, one for each set of images.
 * @throws Error when this machine's engine lacks one of them.
 */
export async function ensureImageStore(images: readonly string[]): Promise<string | undefined> {
  if (images.length === 0) return undefined;
  const machine = new Docker({ socketPath: '/var/run/docker.sock', host: undefined });
  const ids = await Promise.all(images.toSorted().map(async (image) => `${image}@${(await machine.getImage(image).inspect()).Id}`));
  const store = join(tmpdir(), `lw-test-images-${createHash('sha256').update(ids.join('\n')).digest('hex').slice(0, 16)}`);
  if (!existsSync(store)) await unpack(images, store);
  return store;
}

async function unpack(images: readonly string[], store: string): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), `lw-hosts-${process.pid}-`));
  const namespaces = await bootNamespaces({ dir, name: 'images', images: undefined });
  try {
    const engine = engineOf({ dir, namespaces: () => namespaces, cgroupParent: '/lw-test-images' });
    await engine.start();
    // By a file: both ends in one pipe would need a shell.
    const archive = join(dir, 'images.tar');
    await run('docker', ['save', '-o', archive, ...images]);
    await run(...namespaces.enter(['docker', 'load', '-i', archive]));
    await engine.kill('SIGTERM');
    await namespaces.kill();
    await mkdir(join(dir, 'store'));
    for (const part of ['image', 'overlay2']) await rename(join(dir, 'docker', part), join(dir, 'store', part));
    await writeFile(join(dir, 'store', 'images'), `${images.join('\n')}\n`);
    // Another run may have been faster.
    await rename(join(dir, 'store'), store).catch((error: unknown) => {
      if (!existsSync(store)) throw error;
    });
  } finally {
    await namespaces.kill();
    await rm(dir, { recursive: true, force: true });
  }
}
