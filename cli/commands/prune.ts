// prune: the logs of destroyed labs removed for good; shown, and removed when told so.
import { z } from 'zod';
import type { LabSummary } from '../../nats/ops-contract.ts';
import { command } from '../command-spec.ts';
import { Duration, withSession } from '../context.ts';
import { CliError, EXIT } from '../exit-code.ts';
import { parseLabName } from '../find-lab.ts';
import { newCommandId } from '../new-command-id.ts';
import { shortPath } from '../output/print-nodes.ts';
import { renderTable } from '../output/table.ts';
import { renderDuration } from '../render-duration.ts';

const Options = z.object({ lab: z.array(z.string()).optional(), olderThan: Duration.optional(), yes: z.boolean().default(false), dryRun: z.boolean().default(false) });

export const pruneCommand = command({
  usage: 'prune',
  summary: 'remove the logs of destroyed labs; says only what it would do unless -y is given',
  details: 'The log of a lab is its history, and is kept after destroy. What is pruned cannot be brought back.\nA supervisor that is started with LABWRIGHT_KEEP_DESTROYED_DAYS=30 prunes by itself what was destroyed longer ago; without it nothing is pruned by itself.',
  examples: ['labwright prune', 'labwright prune -y --older-than 30d', 'labwright prune -y --lab core,edge'],
  options: [
    { flags: '--lab <names>', text: 'only these labs, with commas', many: 'split' },
    { flags: '--older-than <duration>', text: 'only labs that were destroyed longer ago, e.g. 30d' },
    { flags: '-y, --yes', text: 'remove; without it nothing is touched' },
    { flags: '--dry-run', text: 'only say what would be removed, also with -y' },
  ],
  schema: Options,
  run: async (context, options) => await withSession(context, { start: 'known' }, async ({ ops }) => {
    const { terminal, globals } = context;
    const isDry = options.dryRun || !options.yes;
    const now = Date.now();
    const chosen = choose((await ops.request('list', { destroyed: true })).labs, { ...options, lab: options.lab ?? (globals.name === undefined ? undefined : [globals.name]), now });
    if (!isDry) for (const { lab } of chosen) await ops.request('prune', { commandId: newCommandId() }, { lab });
    const outcome = isDry ? 'would-prune' : 'pruned';
    if (globals.json) terminal.out(JSON.stringify(chosen.map(({ lab, n, destroyedAt, topologyPath }) => ({ lab, entries: n, destroyedAt, topologyPath, outcome })), undefined, 2));
    else if (chosen.length === 0) terminal.log('INFO', 'nothing to prune');
    else {
      terminal.out(renderTable(['Lab', 'Entries', 'Destroyed', 'Topology', 'Outcome'], chosen.map((one) => [
        one.lab, String(one.n), one.destroyedAt === undefined ? '-' : `${renderDuration(Math.max(0, now - one.destroyedAt))} ago`, one.topologyPath === undefined ? '-' : shortPath(one.topologyPath), isDry ? 'would be pruned' : 'pruned',
      ])));
      if (isDry) terminal.log('INFO', 'nothing was pruned: say so with -y');
    }
    return EXIT.ok;
  }),
});

/** Destroyed labs that fit. @throws {CliError} `lab-not-found`, `lab-not-destroyed` of a lab that was named. */
function choose(labs: readonly LabSummary[], wish: { lab: readonly string[] | undefined; olderThan?: number | undefined; now: number }): LabSummary[] {
  const { olderThan, now } = wish;
  const named = wish.lab?.map((name) => {
    const found = labs.find(({ lab }) => lab === parseLabName(name));
    if (found === undefined) throw new CliError(EXIT.failed, 'lab-not-found', `there is no log of a lab ${name}: see \`labwright ls --destroyed\``);
    if (found.state !== 'destroyed') throw new CliError(EXIT.failed, 'lab-not-destroyed', `lab ${name} is ${found.state}: destroy it before its log is pruned`);
    return found;
  });
  return (named ?? labs).filter(({ state, destroyedAt }) => state === 'destroyed' && (olderThan === undefined || (destroyedAt !== undefined && now - destroyedAt > olderThan)));
}
