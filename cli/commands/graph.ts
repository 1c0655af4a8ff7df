// graph: a lab drawn as text, or in the language of a drawing tool; from its file, or as it runs.
import { z } from 'zod';
import type { LabSpec } from '../../machines/vocabulary/lab-spec.ts';
import type { LabView } from '../../machines/vocabulary/lab-view.ts';
import { command } from '../command-spec.ts';
import { withSession } from '../context.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT } from '../exit-code.ts';
import { parseLabName } from '../find-lab.ts';
import { labGraph } from '../graph/lab-graph.ts';
import { DIRECTIONS, renderGraph } from '../graph/render-graph.ts';
import { writeGraph } from '../graph/write-graph.ts';
import { inspectIfThere } from '../lab-exists.ts';
import { readTopology } from '../read-topology.ts';

const Options = z.object({
  dot: z.boolean().default(false), mermaid: z.boolean().default(false), mermaidDirection: z.enum(DIRECTIONS).default('TD'), drawio: z.boolean().default(false),
  offline: z.boolean().default(false), nodeFilter: z.array(z.string()).optional(),
});

export const graphCommand = command({
  usage: 'graph',
  summary: 'draw a lab',
  details: 'As text, or for a drawing tool: printed, and written to `graph/LAB.FORM` in the folder of the lab. States and addresses are shown where the lab runs.\nWith --json nodes and links as data. With --name alone, the lab as it was deployed.',
  examples: ['labwright graph -t lab.clab.yml', 'labwright graph -t lab.clab.yml --dot | dot -Tsvg > lab.svg', 'labwright graph --name core --mermaid --mermaid-direction LR'],
  options: [
    { flags: '--dot', text: 'in the language of Graphviz' },
    { flags: '--mermaid', text: 'in the language of Mermaid' },
    { flags: '--mermaid-direction <direction>', text: 'where a Mermaid drawing grows to', choices: [...DIRECTIONS] },
    { flags: '--drawio', text: 'as a diagram of draw.io' },
    { flags: '-o, --offline', text: 'from the lab file alone' },
    { flags: '--node-filter <nodes>', text: 'only these nodes and the links between them, with commas', many: 'split' },
  ],
  schema: Options,
  run: async (context, options) => {
    const chosen = (['dot', 'mermaid', 'drawio'] as const).filter((format) => options[format]);
    if (chosen.length > 1) throw new CliError(EXIT.usage, 'bad-option', 'one form at a time: --dot, --mermaid or --drawio');
    const { lab, view } = await readLab(context, options.offline);
    const graph = labGraph(lab, { view, nodes: options.nodeFilter });
    const format = chosen[0] ?? 'text';
    if (context.globals.json) context.terminal.out(JSON.stringify(graph, undefined, 2));
    else context.terminal.out(renderGraph(graph, format, options.mermaidDirection));
    if (format !== 'text') context.terminal.log('INFO', 'Created', { path: await writeGraph(lab, format, renderGraph(graph, format, options.mermaidDirection)) });
    return EXIT.ok;
  },
});

type Drawn = { readonly lab: LabSpec; readonly view?: LabView | undefined };

/** The lab of the file with what runs of it; or, by name alone, the lab that runs. */
async function readLab(context: Context, offline: boolean): Promise<Drawn> {
  const { globals, terminal } = context;
  if (globals.topo === undefined && globals.name !== undefined && !offline) return await deployed(context, globals.name);
  const { lab } = await readTopology({ ...globals, warnings: 'hidden' }, terminal);
  return offline ? { lab } : { lab, view: await viewOf(context, lab) };
}

async function deployed(context: Context, name: string): Promise<Drawn> {
  const lab = parseLabName(name);
  let found: Drawn | undefined;
  await withSession(context, { start: 'known' }, async ({ ops }) => {
    found = { lab: (await ops.request('spec', {}, { lab })).spec, view: await inspectIfThere(ops, lab) };
    return EXIT.ok;
  });
  if (found === undefined) throw new CliError(EXIT.failed, 'lab-not-found', `lab ${name} does not exist: see \`labwright ls\``);
  return found;
}

/** A drawing needs no controller: without one it is that of the file. */
async function viewOf(context: Context, lab: LabSpec): Promise<LabView | undefined> {
  let view: LabView | undefined;
  try {
    await withSession(context, { start: 'never' }, async ({ ops }) => {
      view = await inspectIfThere(ops, lab.id);
      return EXIT.ok;
    });
  } catch (error) {
    if (!(error instanceof CliError) || error.exitCode !== EXIT.unreachable) throw error;
  }
  return view;
}
