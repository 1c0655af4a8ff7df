// What the binds of a lab name below its folder: read and named by content, so that hosts which do not have it can get it.
import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, realpath, stat } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { dirname, isAbsolute, join, sep } from 'node:path';
import { CHUNK_BYTES } from '../../machines/vocabulary/carried-file.ts';
import type { CarriedFile, CarriedSource, Sha256 } from '../../machines/vocabulary/carried-file.ts';
import type { LabSpec, NodeSpec } from '../../machines/vocabulary/lab-spec.ts';

export const FILE_LIMIT_BYTES = 4 * 1024 * 1024;
export const TOTAL_LIMIT_BYTES = 32 * 1024 * 1024;

/** `left`: what does not travel, with the reason. */
export type CollectedFiles = { readonly lab: LabSpec; readonly pieces: ReadonlyMap<Sha256, Uint8Array>; readonly left: readonly string[] };

type Gathering = { readonly roots: readonly string[]; readonly labDir: string; readonly pieces: Map<Sha256, Uint8Array>; readonly left: string[]; bytes: number };

/**
 * Reads the sources of binds below the lab file's folder or the lab folder, for nodes that may live elsewhere. Sources outside are
 * each host's own; absent ones are left to the host, which says so.
 */
export async function collectFiles(lab: LabSpec, filesHost: LabSpec['filesHost']): Promise<CollectedFiles> {
  const folder = lab.topologyPath === undefined ? dirname(lab.labDir) : dirname(lab.topologyPath);
  const gathering: Gathering = { roots: [folder, lab.labDir].filter((root) => root !== sep), labDir: lab.labDir, pieces: new Map(), left: [], bytes: 0 };
  const sources = new Map<string, CarriedSource | undefined>();
  for (const source of [...new Set(lab.nodes.filter((node) => travels(node, filesHost)).flatMap(sourcesOf))].toSorted()) {
    if (isBelow(source, gathering.roots)) sources.set(source, await readSource(source, gathering));
  }
  const nodes = lab.nodes.map((node): NodeSpec => {
    const files = travels(node, filesHost) ? sourcesOf(node).flatMap((source) => sources.get(source) ?? []) : [];
    return files.length === 0 ? node : { ...node, files };
  });
  return { lab: { ...lab, ...(filesHost === undefined ? {} : { filesHost }), nodes }, pieces: gathering.pieces, left: gathering.left };
}

const travels = (node: NodeSpec, filesHost: LabSpec['filesHost']): boolean => node.runtime === 'container' && (node.host === undefined || node.host !== filesHost);

/** Absolute sources; a bind without a destination is a volume of the engine. */
function sourcesOf(node: NodeSpec): string[] {
  return [...new Set(node.binds.flatMap((bind) => (bind.includes(':') ? (bind.split(':')[0] ?? '') : [])))].filter(isAbsolute).toSorted();
}

const isBelow = (path: string, roots: readonly string[]): boolean => roots.some((root) => path === root || path.startsWith(`${root}${sep}`));

async function readSource(source: string, gathering: Gathering): Promise<CarriedSource | undefined> {
  const entries = await readEntry({ source, path: '' }, gathering);
  return entries.length === 0 ? undefined : { source, entries };
}

type Place = { readonly source: string; readonly path: string };
const pathOf = ({ source, path }: Place): string => (path === '' ? source : join(source, path));

async function readEntry(place: Place, gathering: Gathering): Promise<CarriedFile[]> {
  const absolute = pathOf(place);
  const leave = (why: string): CarriedFile[] => {
    gathering.left.push(`${absolute}: ${why}`);
    return [];
  };
  try {
    const own = await lstat(absolute);
    const real = own.isSymbolicLink() ? await stat(absolute) : own;
    if (own.isSymbolicLink() && !(real.isFile() && isBelow(await realpath(absolute), await realRoots(gathering)))) return leave('a symbolic link to something else than a file of the lab');
    if (real.isDirectory()) return await readFolder(place, real, gathering);
    if (!real.isFile()) return leave('neither a file nor a folder');
    if (real.size > FILE_LIMIT_BYTES) return leave(`${mebibytes(real.size)} MiB; files of more than ${mebibytes(FILE_LIMIT_BYTES)} do not travel`);
    if (gathering.bytes + real.size > TOTAL_LIMIT_BYTES) return leave(`more than ${mebibytes(TOTAL_LIMIT_BYTES)} MiB in all do not travel`);
    const bytes = await readFile(absolute);
    gathering.bytes += bytes.length;
    return [{ is: 'file', path: place.path, ...accessOf(real), ...keep(bytes, gathering) }];
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    return leave(error instanceof Error ? error.message : String(error));
  }
}

const realRoots = async ({ roots }: Gathering): Promise<string[]> => await Promise.all(roots.map(async (root) => await realpath(root).catch(() => root)));

async function readFolder(place: Place, stats: Stats, gathering: Gathering): Promise<CarriedFile[]> {
  const entries: CarriedFile[] = [{ is: 'folder', path: place.path, ...accessOf(stats) }];
  for (const name of (await readdir(pathOf(place))).toSorted()) {
    const path = place.path === '' ? name : `${place.path}/${name}`;
    // Each deploy writes into it: a node that binds the folder around it would be another one each time.
    if (join(place.source, path) === gathering.labDir) continue;
    entries.push(...(await readEntry({ source: place.source, path }, gathering)));
  }
  return entries;
}

const accessOf = ({ mode, uid, gid }: Stats) => ({ mode: mode & 0o777, uid, gid });

/** Keeps the pieces of a file; an equal piece is kept once. */
function keep(bytes: Uint8Array, { pieces }: Gathering): { sha256: Sha256; chunks?: Sha256[] } {
  const chunks = Array.from({ length: Math.max(1, Math.ceil(bytes.length / CHUNK_BYTES)) }, (_unused, index) => {
    const piece = bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
    const digest = digestOf(piece);
    pieces.set(digest, piece);
    return digest;
  });
  return chunks.length === 1 ? { sha256: digestOf(bytes) } : { sha256: digestOf(bytes), chunks };
}

const digestOf = (bytes: Uint8Array): Sha256 => createHash('sha256').update(bytes).digest('hex');
const mebibytes = (bytes: number): number => Math.round((bytes / 1024 / 1024) * 10) / 10;
