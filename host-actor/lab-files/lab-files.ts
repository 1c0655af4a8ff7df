// Copies of a lab's files on a host that does not have them, each source of a bind in a folder of its own, named by what it holds.
import { createHash, randomBytes } from 'node:crypto';
import { access, chmod, chown, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CarriedFile, CarriedSource, Sha256 } from '../../machines/vocabulary/carried-file.ts';
import { chunksOf, CHUNK_BYTES } from '../../machines/vocabulary/carried-file.ts';
import type { LabId } from '../../machines/vocabulary/ids.ts';
import { HostActorError } from '../host-actor-error.ts';
import type { FileHands } from '../hands.ts';
import type { ContainerFile } from '../providers/provider.ts';
import { createKeyedLock } from '../link-plane/keyed-lock.ts';

export type PiecesOut = { fetch(sha256: Sha256): Promise<Uint8Array>; give(bytes: Uint8Array): Promise<Sha256> };

/** Name of the copy in its folder. */
const COPY = 'copy';

/**
 * What nodes wrote into a copy stays until its source changes. A changed source becomes another folder, so that nothing is ever
 * written where a node can have put a symbolic link.
 */
export class LabFiles implements FileHands {
  readonly #dir: string;
  readonly #lock = createKeyedLock();
  #pieces: PiecesOut | undefined;

  constructor(options: { readonly stateDir: string }) {
    this.#dir = join(options.stateDir, 'lab-files');
  }

  /** From now on pieces are fetched and given this way; what is here already needs none. */
  connect(pieces: PiecesOut): void {
    this.#pieces = pieces;
  }

  async give({ path, mode, uid, gid, bytes }: ContainerFile): Promise<CarriedSource> {
    const pieces = this.#connected();
    const chunks: Sha256[] = [];
    for (let at = 0; at === 0 || at < bytes.length; at += CHUNK_BYTES) chunks.push(await pieces.give(bytes.subarray(at, at + CHUNK_BYTES)));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { source: path, entries: [{ is: 'file', path: '', mode, uid, gid, sha256, ...(chunks.length > 1 ? { chunks } : {}) }] };
  }

  async place(lab: LabId, sources: readonly CarriedSource[]): Promise<ReadonlyMap<string, string>> {
    return await this.#lock.hold([lab], async () => {
      const paths = new Map<string, string>();
      for (const source of sources) {
        const folder = join(this.#labDir(lab), keyOf(source));
        const copy = join(folder, COPY);
        if (!(await exists(copy))) await this.#make(folder, source);
        paths.set(source.source, copy);
      }
      return paths;
    });
  }

  async keepOnly(lab: LabId, sources: readonly CarriedSource[]): Promise<void> {
    await this.#lock.hold([lab], async () => {
      const wanted = new Set(sources.map(keyOf));
      if (wanted.size === 0) await rm(this.#labDir(lab), { recursive: true, force: true });
      const there = await readdir(this.#labDir(lab)).catch(() => []);
      for (const name of there) if (!wanted.has(name)) await rm(join(this.#labDir(lab), name), { recursive: true, force: true });
    });
  }

  #labDir(lab: LabId): string {
    return join(this.#dir, encodeURIComponent(lab));
  }

  /** Whole or not at all, and on disk before it has its name: a power cut must not leave a file without its text. */
  async #make(folder: string, { source, entries }: CarriedSource): Promise<void> {
    const draft = `${folder}.${randomBytes(4).toString('hex')}.new`;
    try {
      // Closed to other users of the host: the files may hold secrets.
      await mkdir(draft, { recursive: true, mode: 0o700 });
      await chmod(this.#dir, 0o700);
      for (const entry of entries) await this.#write(join(draft, COPY, entry.path), entry);
      // Last, for a folder may forbid what is made in it.
      for (const entry of entries.toReversed()) await setAccess(join(draft, COPY, entry.path), entry);
      await rename(draft, folder);
    } catch (cause) {
      await rm(draft, { recursive: true, force: true });
      throw notPlaced(source, cause);
    }
  }

  async #write(path: string, entry: CarriedFile): Promise<void> {
    if (entry.is === 'folder') {
      await mkdir(path, { mode: 0o700 });
      return;
    }
    const pieces: Uint8Array[] = [];
    for (const sha256 of chunksOf(entry)) pieces.push(await this.#connected().fetch(sha256));
    const bytes = Buffer.concat(pieces);
    if (createHash('sha256').update(bytes).digest('hex') !== entry.sha256) throw new HostActorError('file-damaged', { message: `the pieces of ${entry.path} do not make the file ${entry.sha256}`, retryable: false });
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  #connected(): PiecesOut {
    if (this.#pieces === undefined) throw new HostActorError('file-not-here', { message: 'there is no connection to the installation', retryable: true });
    return this.#pieces;
  }
}

/** What a copy is known by. */
function keyOf(source: CarriedSource): string {
  return createHash('sha256').update(JSON.stringify([source.source, source.entries])).digest('hex').slice(0, 32);
}

async function setAccess(path: string, { mode, uid, gid }: CarriedFile): Promise<void> {
  if (process.getuid?.() === 0) await chown(path, uid, gid);
  await chmod(path, mode);
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(() => true, () => false);
}

function notPlaced(source: string, cause: unknown): HostActorError {
  const isLost = cause instanceof Error && 'retryable' in cause && cause.retryable === false;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new HostActorError('file-not-here', { message: `${source} could not be copied to this host: ${why}`, retryable: !isLost, cause });
}
