// Finds the lab file that a command means, reads it with all it refers to, and says all that is wrong with it.
import { readdir, readFile, stat } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { parse } from 'yaml';
import type { LabSpec } from '../machines/vocabulary/lab-spec.ts';
import { renderIssue } from '../topology/issue.ts';
import { readLab } from '../topology/read-lab.ts';
import { CliError, EXIT } from './exit-code.ts';
import type { Terminal } from './terminal.ts';

export type TopologyOptions = {
  /** FILE, FOLDER with one topology in it, `-` for standard input, or an http(s) URL; absent = the one in the working folder. */
  readonly topo?: string | undefined;
  readonly name?: string | undefined;
  readonly vars?: string | undefined;
  readonly nodeFilter?: string | undefined;
};

const PATTERNS = ['.clab.yml', '.clab.yaml'];

/** The resolved lab; warnings go to the log. @throws {CliError} usage: no file, several files, or a file with faults. */
export async function readTopology(options: TopologyOptions, terminal: Terminal): Promise<{ lab: LabSpec; text: string }> {
  const source = await findTopology(options.topo);
  const text = await source.read();
  const result = readLab({
    text,
    path: source.path,
    folder: source.folder,
    env: process.env,
    vars: options.vars === undefined ? await implicitVars(source.path) : parse(await readFile(options.vars, 'utf8')),
    name: options.name,
    nodeFilter: options.nodeFilter?.split(',').map((node) => node.trim()).filter(Boolean),
    owner: process.env['CLAB_OWNER'] ?? process.env['SUDO_USER'] ?? process.env['USER'],
    readTextFile,
  });
  const file = source.path ?? options.topo ?? 'lab file';
  for (const warning of result.warnings) terminal.log('WARN', renderIssue(warning, file));
  if ('faults' in result) {
    throw new CliError(EXIT.usage, 'lab-file-invalid', `${file} cannot be used (${result.faults.length} faults, nothing was touched):\n${result.faults.map((fault) => renderIssue(fault, file)).join('\n')}`, { details: { faults: result.faults } });
  }
  return { lab: result.lab, text };
}

function readTextFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

type Source = { path?: string; folder: string; read(): Promise<string> };

/** Where the lab file is. @throws {CliError} usage. */
export async function findTopology(topo: string | undefined): Promise<Source> {
  if (topo === '-') return { folder: process.cwd(), read: async () => await readAll(process.stdin) };
  if (topo !== undefined && /^https?:\/\//.test(topo)) return { folder: process.cwd(), read: async () => await download(topo) };
  const path = resolve(topo ?? '.');
  const found = await stat(path).catch(() => null);
  if (!found) throw new CliError(EXIT.usage, 'topology-not-found', `there is no ${path}: give the lab file or its folder with -t`);
  const file = found.isDirectory() ? await topologyIn(path) : path;
  return { path: file, folder: dirname(file), read: async () => await readFile(file, 'utf8') };
}

async function topologyIn(folder: string): Promise<string> {
  const files = (await readdir(folder)).filter((file) => PATTERNS.some((pattern) => file.endsWith(pattern))).toSorted();
  const [only, second] = files;
  if (only === undefined) throw new CliError(EXIT.usage, 'topology-not-found', `No topology files matching the pattern *.clab.yml or *.clab.yaml found. (in ${folder}; give one with -t)`);
  if (second !== undefined) throw new CliError(EXIT.usage, 'topology-ambiguous', `more than one topology file in ${folder}: ${files.join(', ')}. Choose one with -t`);
  return resolve(folder, only);
}

/** `<topology>_vars.(yml|yaml|json)` beside the lab file, as the field's tools take it. */
async function implicitVars(path: string | undefined): Promise<unknown> {
  if (path === undefined) return undefined;
  const candidates = ['.yml', '.yaml', '.json'].map((suffix) => `${path.replace(/\.ya?ml$/, '')}_vars${suffix}`);
  for (const candidate of candidates) {
    const text = await readFile(candidate, 'utf8').catch(() => null);
    if (text !== null) return parse(text);
  }
  return undefined;
}

async function download(url: string): Promise<string> {
  const reply = await fetch(url).catch((cause: unknown) => {
    throw new CliError(EXIT.usage, 'topology-not-found', `${url} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  });
  if (!reply.ok) throw new CliError(EXIT.usage, 'topology-not-found', `${url} cannot be read: HTTP ${reply.status}`);
  return await reply.text();
}
