// plan: what a deploy would do to which object, and why; no lab is touched.
import { z } from 'zod';
import type { LabSpec } from '../../machines/vocabulary/lab-spec.ts';
import { command } from '../command-spec.ts';
import { withSession } from '../context.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { collectForHosts } from '../lab-files/collect-for-hosts.ts';
import type { Session } from '../open-client.ts';
import { renderChangeSummary, renderChangeTable } from '../output/change-summary.ts';
import { fragmentWarnings } from '../output/fragments.ts';
import { renderPlacement } from '../output/placement.ts';
import { readTopology } from '../read-topology.ts';

export const planCommand = command({
  usage: 'plan',
  summary: 'show what a deploy would change, where each node would be, and why',
  details: 'The same as deploy --dry-run. No lab is touched; the controller is started where none runs, for it knows the hosts.',
  examples: ['labwright plan -t lab.clab.yml', 'labwright plan -t lab.clab.yml --json'],
  options: [
    { flags: '-c, --reconfigure', text: 'as deploy would recreate all nodes' },
    { flags: '--node-filter <nodes>', text: 'only these nodes and the links between them, with commas', many: 'split' },
    { flags: '--take-over', text: 'let this file replace the one that a lab of this name runs from' },
  ],
  schema: z.object({ reconfigure: z.boolean().default(false), takeOver: z.boolean().default(false), nodeFilter: z.array(z.string()).optional() }),
  run: async (context, options) => {
    const { lab } = await readTopology({ ...context.globals, nodeFilter: options.nodeFilter }, context.terminal);
    return await withSession(context, { start: 'always' }, async (session) => await printPlan(context, session, { lab, ...options }));
  },
});

/** Prints the plan of a deploy. @throws {OpsRequestError} the code of the refusal that the deploy would meet. */
export async function printPlan({ terminal, globals }: Context, session: Session, wish: { lab: LabSpec; takeOver: boolean; reconfigure: boolean }): Promise<ExitCode> {
  const { takeOver, reconfigure } = wish;
  const { lab } = await collectForHosts(session, wish.lab, terminal);
  const { exists, changes, placement } = await session.ops.request('plan', { spec: lab, takeOver, reconfigure }, { lab: lab.id });
  if (globals.json) {
    terminal.out(JSON.stringify({ lab: lab.id, exists, changes, placement }, undefined, 2));
    return EXIT.ok;
  }
  terminal.out(renderChangeSummary('Apply plan', changes));
  if (changes.length > 0) terminal.out(renderChangeTable(changes));
  if (placement !== undefined) terminal.out(renderPlacement(placement));
  for (const warning of fragmentWarnings(placement?.fragmented ?? [])) terminal.log('WARN', warning);
  return EXIT.ok;
}
