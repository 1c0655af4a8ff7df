// ls: the labs there are, one line each.
import { z } from 'zod';
import type { LabSummary } from '../../nats/ops-contract.ts';
import { command } from '../command-spec.ts';
import { withSession } from '../context.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT } from '../exit-code.ts';
import { paintState, shortPath } from '../output/print-nodes.ts';
import { renderTable } from '../output/table.ts';

export const listCommand = command({
  usage: 'ls',
  aliases: ['list'],
  summary: 'list the labs',
  examples: ['labwright ls', 'labwright ls --destroyed --json'],
  options: [{ flags: '--destroyed', text: 'also labs that were destroyed and whose history is kept' }],
  schema: z.object({ destroyed: z.boolean().default(false) }),
  run: async (context, options) => {
    const { terminal, globals } = context;
    const labs = await readSummaries(context, options);
    if (globals.json) terminal.out(JSON.stringify(labs, undefined, 2));
    else if (labs.length === 0) terminal.log('INFO', 'no labs');
    else terminal.out(renderTable(['Lab', 'State', 'Nodes', 'Links', 'Problems', 'Owner', 'Topology'], labs.map((lab) => row(lab, (state) => paintState(terminal, state)))));
    return EXIT.ok;
  },
});

/** Empty also where no controller ever ran. */
async function readSummaries(context: Context, options: { destroyed: boolean }): Promise<LabSummary[]> {
  const found: LabSummary[] = [];
  await withSession(context, { start: 'never' }, async ({ ops }) => {
    found.push(...(await ops.request('list', options)).labs);
    return EXIT.ok;
  }).catch((error: unknown) => {
    if (!(error instanceof CliError) || error.code !== 'never-started') throw error;
  });
  return found;
}

function row(lab: LabSummary, paint: (state: string) => string): string[] {
  return [
    lab.lab, paint(lab.state), `${lab.nodesRunning}/${lab.nodes}`, `${lab.linksUp}/${lab.links}`, String(lab.problems), lab.owner ?? '',
    lab.topologyPath === undefined ? '-' : shortPath(lab.topologyPath),
  ];
}
