// Where the lab file is that a command means: a file, a folder, standard input, a URL, or a git repository.
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { buffer as readAll } from 'node:stream/consumers';
import { CliError, EXIT } from '../exit-code.ts';
import { cloneRepository } from './clone-repository.ts';
import { githubShorthand, parseGitSource } from './git-source.ts';
import type { GitSource } from './git-source.ts';

const PATTERNS = ['.clab.yml', '.clab.yaml'];
const DOWNLOAD_TIMEOUT_MS = 30_000;
const MOST_BYTES = 20_000_000;

/** `path` is absent for standard input and URLs; relative paths of the lab start at `folder`. */
export type TopologySource = { readonly path?: string; readonly folder: string; read(): Promise<Uint8Array> };

/** @param onProgress - told of what takes long. @throws {CliError} usage: there is none, or more than one. */
export async function findTopology(topo: string | undefined, onProgress: (text: string) => void = () => undefined): Promise<TopologySource> {
  if (topo === '-') return { folder: process.cwd(), read: async () => await readAll(process.stdin) };
  if (topo !== undefined && /^s3:\/\//i.test(topo)) {
    throw new CliError(EXIT.usage, 'topology-not-readable', `${topo}: lab files are not read from S3. Fetch it and hand it over: aws s3 cp ${topo} - | labwright deploy -t -`);
  }
  const git = topo === undefined ? undefined : parseGitSource(topo);
  if (git !== undefined) return await inRepository(git, onProgress);
  if (topo !== undefined && /^https?:\/\//i.test(topo)) return { folder: process.cwd(), read: async () => await download(topo) };
  const path = resolve(topo ?? '.');
  const found = await stat(path).catch(() => null);
  const shorthand = found || topo === undefined ? undefined : githubShorthand(topo);
  if (shorthand !== undefined) {
    onProgress(`There is no ${path}; taking it for a repository of GitHub`);
    return await inRepository(shorthand, onProgress);
  }
  if (!found) throw new CliError(EXIT.usage, 'topology-not-found', `there is no ${path}: give the lab file or its folder with -t`);
  return fileSource(found.isDirectory() ? await topologyIn(path) : path);
}

const fileSource = (path: string): TopologySource => ({ path, folder: dirname(path), read: async () => await readFile(path) });

async function inRepository(source: GitSource, onProgress: (text: string) => void): Promise<TopologySource> {
  const folder = await cloneRepository(source, { into: process.cwd(), onProgress });
  const path = join(folder, source.path);
  const found = await stat(path).catch(() => null);
  if (!found) throw new CliError(EXIT.usage, 'topology-not-found', `${source.url} has no ${source.path}${source.ref === undefined ? '' : ` at ${source.ref}`}`);
  return fileSource(found.isDirectory() ? await topologyIn(path) : path);
}

async function topologyIn(folder: string): Promise<string> {
  const files = (await readdir(folder)).filter((file) => PATTERNS.some((pattern) => file.endsWith(pattern))).toSorted();
  const [only, second] = files;
  if (only === undefined) throw new CliError(EXIT.usage, 'topology-not-found', `No topology files matching the pattern *.clab.yml or *.clab.yaml found. (in ${folder}; give one with -t)`);
  if (second !== undefined) throw new CliError(EXIT.usage, 'topology-ambiguous', `more than one topology file in ${folder}: ${files.join(', ')}. Choose one with -t`);
  return resolve(folder, only);
}

/** @throws {CliError} usage. */
async function download(url: string): Promise<Uint8Array> {
  const unreadable = (why: string, cause?: unknown): CliError => new CliError(EXIT.usage, 'topology-not-found', `${url} cannot be read: ${why}`, { cause });
  const reply = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS) }).catch((cause: unknown) => {
    throw unreadable(reasonOf(cause), cause);
  });
  if (!reply.ok) throw unreadable(`HTTP ${reply.status}`);
  if (reply.headers.get('content-type')?.startsWith('text/html') === true) throw unreadable('it is a web page, not a lab file; give the address of the raw file');
  const bytes = new Uint8Array(await reply.arrayBuffer());
  if (bytes.length > MOST_BYTES) throw unreadable(`it is larger than ${MOST_BYTES} bytes`);
  return bytes;
}

/** What fetch says is "fetch failed"; the reason stands in its cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}
