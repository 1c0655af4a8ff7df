// save: reads the running configuration of nodes out and keeps it as files; says of each node that has none to read.
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, parse, resolve } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { z } from 'zod';
import type { LabSpec } from '../../machines/vocabulary/lab-spec.ts';
import type { NodeView } from '../../machines/vocabulary/lab-view.ts';
import { command } from '../command-spec.ts';
import { CliError, EXIT } from '../exit-code.ts';
import { resolveKind } from '../../vendors/resolve-kind.ts';
import { configurationIn } from '../../vendors/saved-configuration.ts';
import { withLab } from '../find-lab.ts';
import { inspectIfThere } from '../lab-exists.ts';
import type { Session } from '../open-client.ts';
import { nodeNamed } from './lifecycle.ts';

const TIMEOUT_MS = 60_000;

/** `saved`: the files written; `cannot`: its kind has nothing to read out; `failed`: it has, but it could not be read. */
export type Saved = { readonly node: string; readonly outcome: 'saved' | 'cannot' | 'failed'; readonly text: string; readonly files: readonly string[] };

export const saveCommand = command({
  usage: 'save',
  summary: 'save the running configuration of nodes',
  details: 'Nodes of kind linux in which FRR runs are read out into `clab-LAB/NODE/frr.conf`; a configuration that the node mounts is not touched.\nOf every other node it is said that its kind cannot save; that is no failure.',
  examples: ['labwright save -t lab.clab.yml', 'labwright save --name core --node-filter r1,r2 --dst backups'],
  options: [
    { flags: '--node-filter <nodes>', text: 'only these nodes, with commas', many: 'split' },
    { flags: '--dst <folder>', text: 'copy to `FOLDER/clab-LAB/NODE` too, with a packed copy that bears the time; starts at the lab file' },
  ],
  schema: z.object({ nodeFilter: z.array(z.string()).optional(), dst: z.string().min(1).optional() }),
  run: async (context, options) => await withLab(context, { start: 'known' }, async (session, lab) => {
    const view = await inspectIfThere(session.ops, lab);
    if (view === undefined) throw new CliError(EXIT.failed, 'lab-not-found', `lab ${lab} does not exist: see \`labwright ls\``);
    const { spec } = await session.ops.request('spec', {}, { lab });
    const wanted = options.nodeFilter?.map((name) => nodeNamed(view, name));
    const nodes = view.nodes.filter((node) => wanted === undefined || wanted.includes(node.node));
    const saved = await Promise.all(nodes.map(async (node) => await saveNode(session, { spec, node, folders: foldersOf(spec, node, options.dst), now: new Date() })));
    if (context.globals.json) context.terminal.out(JSON.stringify(saved, undefined, 2));
    else for (const { outcome, node, text } of saved) context.terminal.log(outcome === 'failed' ? 'ERRO' : outcome === 'cannot' ? 'WARN' : 'INFO', text, { node });
    return saved.some(({ outcome }) => outcome === 'failed') ? EXIT.failed : EXIT.ok;
  }),
});

type Folders = { readonly own: string; readonly copy?: string };

function foldersOf(spec: LabSpec, node: NodeView, dst: string | undefined): Folders {
  const own = join(spec.labDir, node.node);
  if (dst === undefined) return { own };
  const from = spec.topologyPath === undefined ? '.' : dirname(spec.topologyPath);
  return { own, copy: join(resolve(from, dst), basename(spec.labDir), node.node) };
}

type Wanted = { readonly spec: LabSpec; readonly node: NodeView; readonly folders: Folders; readonly now: Date };

async function saveNode({ ops }: Session, { spec, node, folders, now }: Wanted): Promise<Saved> {
  const cannot = (why: string): Saved => ({ node: node.node, outcome: 'cannot', text: `kind ${node.kind} cannot save: ${why}`, files: [] });
  const [configuration] = resolveKind(node.kind)?.saves ?? [];
  if (configuration === undefined) return cannot('it holds no configuration of its own');
  const { program, show, path } = configuration;
  if (node.state !== 'running') return { node: node.node, outcome: 'failed', text: `not saved: the node is ${node.state}`, files: [] };
  const { results } = await ops.request('node-exec', { nodes: [node.node], argv: [...show], timeoutMs: TIMEOUT_MS }, { lab: spec.id, timeoutMs: TIMEOUT_MS + 5_000 });
  const [result] = results;
  if (result === undefined || isAbsent(result)) return cannot(`no ${program} runs in it`);
  if (result.exitCode !== 0) return { node: node.node, outcome: 'failed', text: `not saved: ${show[0]} ended with ${result.exitCode}: ${result.stderr.trim()}`, files: [] };
  const files = await writeAll(folders, { name: basename(path), text: configurationIn(configuration, result.stdout), now });
  return { node: node.node, outcome: 'saved', text: `saved ${files.join(', ')}`, files };
}

const isAbsent = (result: { exitCode: number; stdout: string; stderr: string }): boolean =>
  result.exitCode !== 0 && /executable file not found|no such file or directory/i.test(`${result.stdout}${result.stderr}`);

async function writeAll({ own, copy }: Folders, { name, text, now }: { name: string; text: string; now: Date }): Promise<string[]> {
  const stamp = now.toISOString().replaceAll(/[-:]/g, '').replace('T', '_').slice(2, 15);
  const files: (readonly [folder: string, name: string, content: string | Uint8Array])[] = [[own, name, text]];
  if (copy !== undefined) files.push([copy, name, text], [copy, `${parse(name).name}-${stamp}${parse(name).ext}.gz`, await promisify(gzip)(text)]);
  for (const [folder, file, content] of files) {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, file), content);
  }
  return files.map(([folder, file]) => join(folder, file));
}
