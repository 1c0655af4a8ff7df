// history: what happened to a lab, with cause and time; also of a lab that is gone.
import { z } from 'zod';
import { command } from '../command-spec.ts';
import { EXIT } from '../exit-code.ts';
import { withLab } from '../find-lab.ts';
import { historyLines, renderHistory } from '../output/history.ts';

const Count = z.coerce.number().int();

export const historyCommand = command({
  usage: 'history',
  summary: 'show what happened to a lab, when and why',
  details: 'Each line: time, number of the log entry, cause, what. Causes: command (somebody asked), order (the host did as told), repair\n(the host put it right), external (somebody or something else), engine (what the container engine said), deadline, supervisor.',
  examples: ['labwright history -t lab.clab.yml', 'labwright history --name core --after 120 --json', 'labwright history --name core --before 120 --limit 20'],
  options: [
    { flags: '--after <n>', text: 'only entries after this number' },
    { flags: '--before <n>', text: 'only entries before this number' },
    { flags: '--limit <n>', text: 'at most this many entries, the last ones' },
  ],
  schema: z.object({ after: Count.nonnegative().default(0), before: Count.positive().optional(), limit: Count.positive().max(1000).default(1000) }),
  run: async ({ terminal, globals }, options) => await withLab({ terminal, globals }, { start: 'known' }, async ({ ops }, lab) => {
    const { entries } = await ops.request('history', { after: options.after, before: options.before, limit: options.limit }, { lab });
    if (globals.json) terminal.out(JSON.stringify(historyLines(entries), undefined, 2));
    else terminal.out(renderHistory(historyLines(entries)));
    return EXIT.ok;
  }),
});
