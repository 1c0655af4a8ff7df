// Finds the lab file that a command means, reads it with all it refers to, and says all that is wrong with it.
import { readFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { parse } from 'yaml';
import type { NodeId } from '../machines/vocabulary/ids.ts';
import type { LabSpec } from '../machines/vocabulary/lab-spec.ts';
import { renderIssue } from '../topology/issue.ts';
import { readLab } from '../topology/read-lab.ts';
import type { ReadLabInput } from '../topology/read-lab.ts';
import { CliError, EXIT } from './exit-code.ts';
import type { Terminal } from './terminal.ts';
import { findTopology } from './topology-source/find-topology.ts';
import type { TopologySource } from './topology-source/find-topology.ts';

export type TopologyOptions = {
  /** FILE, FOLDER with one topology in it, `-` for standard input, an http(s) URL, or a git repository; absent = the one in the working folder. */
  readonly topo?: string | undefined;
  readonly name?: string | undefined;
  /** Files with values for templates; later ones win, key by key. */
  readonly vars?: readonly string[] | undefined;
  readonly nodeFilter?: readonly string[] | undefined;
  /** Who deploys; the user behind sudo when absent. */
  readonly owner?: string | undefined;
  /** Where warnings go; `hidden` for commands that only need the lab's name. */
  readonly warnings?: 'shown' | 'hidden';
};

/** `text` as it was read, byte for byte; `path` is absent for standard input and URLs. */
export type ReadTopology = {
  readonly lab: LabSpec;
  readonly text: Uint8Array;
  readonly path: string | undefined;
  /** Nodes of the file that the node filter left out. */
  readonly leftOut: readonly NodeId[];
};

/** The resolved lab; warnings go to the log. @throws {CliError} usage: no file, several files, or a file with faults. */
export async function readTopology(options: TopologyOptions, terminal: Terminal): Promise<ReadTopology> {
  const { input, file, bytes } = await readInput({ ...options, onProgress: (text) => terminal.log('INFO', text) });
  const result = readLab(input);
  const level = options.warnings === 'hidden' ? 'DEBU' : 'WARN';
  for (const warning of result.warnings) terminal.log(level, renderIssue(warning, file));
  if ('faults' in result) {
    throw new CliError(EXIT.usage, 'lab-file-invalid', `${file} cannot be used (${count(result.faults.length, 'fault')}, nothing was touched):\n${result.faults.map((fault) => renderIssue(fault, file)).join('\n')}`, { details: { faults: result.faults } });
  }
  const whole = options.nodeFilter === undefined ? result : readLab({ ...input, nodeFilter: undefined });
  const kept = new Set(result.lab.nodes.map((node) => node.id));
  const leftOut = 'faults' in whole ? [] : whole.lab.nodes.map((node) => node.id).filter((id) => !kept.has(id));
  return { lab: result.lab, text: bytes, path: input.path, leftOut };
}

export type InputOptions = Omit<TopologyOptions, 'warnings'> & {
  /** Told of what takes long: a repository that is cloned. */
  readonly onProgress?: ((text: string) => void) | undefined;
  /** Takes the place of the file: a text that is known already. */
  readonly text?: { readonly text: string; readonly path: string | undefined; readonly folder: string };
};

/** The lab file and all that it needs to be read; `file` is its name for messages. @throws {CliError} usage. */
export async function readInput(options: InputOptions): Promise<{ input: ReadLabInput; file: string; bytes: Uint8Array }> {
  const source = options.text === undefined ? await findTopology(options.topo, options.onProgress) : textSource(options.text);
  const bytes = await source.read();
  const input: ReadLabInput = {
    text: new TextDecoder().decode(bytes),
    path: source.path,
    folder: source.folder,
    env: process.env,
    vars: options.vars === undefined ? await implicitVars(source.path) : await readVars(options.vars),
    name: options.name,
    nodeFilter: options.nodeFilter,
    owner: options.owner ?? process.env['CLAB_OWNER'] ?? process.env['SUDO_USER'] ?? process.env['USER'] ?? userInfo().username,
    readTextFile,
  };
  return { input, file: source.path ?? options.topo ?? 'lab file', bytes };
}

const textSource = ({ text, path, folder }: NonNullable<InputOptions['text']>): TopologySource => ({ ...(path === undefined ? {} : { path }), folder, read: async () => await Promise.resolve(new TextEncoder().encode(text)) });

const count = (amount: number, what: string): string => `${amount} ${what}${amount === 1 ? '' : 's'}`;

function readTextFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** @throws {CliError} usage: a file cannot be read. */
async function readVars(paths: readonly string[]): Promise<unknown> {
  const values = await Promise.all(paths.map(async (path): Promise<unknown> => parse(await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CliError(EXIT.usage, 'vars-not-readable', `--vars: ${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }))));
  return values.length === 1 ? values[0] : Object.assign({}, ...values);
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
