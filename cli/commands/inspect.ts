// inspect: the nodes of one lab or of all, as table, JSON or CSV; and the interfaces of its nodes.
import { z } from 'zod';
import { RepairClass } from '../../machines/vocabulary/repair-switches.ts';
import type { LabView } from '../../machines/vocabulary/lab-view.ts';
import { command } from '../command-spec.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { withLab } from '../find-lab.ts';
import { interfaceRows, renderInterfaceTable } from '../output/interfaces.ts';
import { engineDetails } from '../output/engine-details.ts';
import { nodeRecords, renderNodeCsv } from '../output/node-records.ts';
import { paintState, printNodes, shortPath } from '../output/print-nodes.ts';
import { readViews } from '../read-views.ts';

const Format = z.enum(['table', 'json', 'csv']).default('table');

const interfacesCommand = command({
  usage: 'interfaces',
  aliases: ['int', 'intf'],
  summary: 'show the interfaces of the nodes',
  examples: ['labwright inspect interfaces -t lab.clab.yml', 'labwright inspect interfaces -t lab.clab.yml --node r1 --json'],
  options: [
    { flags: '-f, --format <format>', text: 'output format', choices: ['table', 'json'] },
    { flags: '-n, --node <node>', text: 'only this node' },
  ],
  schema: z.object({ format: z.enum(['table', 'json']).default('table'), node: z.string().optional() }),
  run: async (context, options) => {
    const [view] = await readViews(context, { all: false });
    const containers = view === undefined ? [] : interfaceRows(view).filter(({ name, node }) => options.node === undefined || options.node === name || options.node === node);
    if (context.globals.json || options.format === 'json') context.terminal.out(JSON.stringify(containers.map(({ name, interfaces }) => ({ name, interfaces })), undefined, 2));
    else if (containers.length === 0) context.terminal.log('INFO', 'no containers found');
    else context.terminal.out(renderInterfaceTable(containers, (state) => paintState(context.terminal, state)));
    return EXIT.ok;
  },
});

export const inspectCommand = command({
  usage: 'inspect',
  aliases: ['ins', 'i'],
  summary: 'show the nodes of a lab, or of all labs',
  details: 'Addresses, states and images. With --json of all that is known (states, links, waits, problems).',
  examples: ['labwright inspect -t lab.clab.yml', 'labwright inspect --all', 'labwright inspect --name core --format csv', 'labwright inspect --name core --source > core.clab.yml'],
  options: [
    { flags: '-f, --format <format>', text: 'output format', choices: ['table', 'json', 'csv'] },
    { flags: '-a, --all', text: 'all labs' },
    { flags: '-w, --wide', text: 'whom each lab belongs to, too' },
    { flags: '--details', text: 'the nodes as the engine describes containers (JSON)' },
    { flags: '--spec', text: 'what the lab was last deployed from, resolved (JSON)' },
    { flags: '--source', text: 'the text of the lab file that it was last deployed from' },
  ],
  subcommands: [interfacesCommand],
  schema: z.object({ format: Format, all: z.boolean().default(false), wide: z.boolean().default(false), details: z.boolean().default(false), spec: z.boolean().default(false), source: z.boolean().default(false) }),
  run: async (context, options) => {
    if (options.spec || options.source) return await showSpec(context, options);
    const labs = await readViews(context, options);
    if (context.globals.json) context.terminal.out(JSON.stringify(options.all ? labs : (labs[0] ?? {}), undefined, 2));
    else show(context, labs, options);
    return EXIT.ok;
  },
});

/** The description that the log holds; the lab file may say something else by now. */
async function showSpec(context: Context, options: { spec: boolean; source: boolean }): Promise<ExitCode> {
  return await withLab(context, { start: 'known' }, async ({ ops }, lab) => {
    const { spec: { source, ...spec } } = await ops.request('spec', {}, { lab });
    if (options.spec) {
      context.terminal.out(JSON.stringify(options.source ? { ...spec, source } : spec, undefined, 2));
      return EXIT.ok;
    }
    if (source === undefined) throw new CliError(EXIT.failed, 'no-source', `lab ${lab} was deployed without the text of a lab file: --spec has what it was resolved to`);
    context.terminal.out(source.trimEnd());
    return EXIT.ok;
  });
}

type Shown = { format: z.infer<typeof Format>; all: boolean; wide: boolean; details: boolean };

function show({ terminal }: Context, labs: readonly LabView[], options: Shown): void {
  const format = options.details ? 'details' : options.format;
  const none = labs.every((lab) => lab.nodes.length === 0);
  switch (format) {
    case 'details':
      return terminal.out(JSON.stringify(Object.fromEntries(labs.map((lab) => [lab.lab, engineDetails(lab)])), undefined, 2));
    case 'json':
      return terminal.out(JSON.stringify(Object.fromEntries(labs.filter((lab) => lab.nodes.length > 0).map((lab) => [lab.lab, nodeRecords(lab, shortPath)])), undefined, 2));
    case 'csv':
      return terminal.out(renderNodeCsv(labs.flatMap((lab) => nodeRecords(lab, shortPath))));
    case 'table':
      if (none) return terminal.log('INFO', 'no containers found');
      printNodes(labs, terminal, { withLab: options.all, withOwner: options.wide });
      for (const { lab, repairs } of labs) for (const kind of RepairClass.options) if (repairs?.[kind] === false) terminal.log('INFO', `Repairs that are ${kind} are switched off`, options.all ? { lab } : {});
      for (const lab of labs) for (const problem of lab.problems) terminal.log('WARN', problem, options.all ? { lab: lab.lab } : {});
  }
}
