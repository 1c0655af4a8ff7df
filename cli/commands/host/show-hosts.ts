// host ls, host show: the hosts there are, what they have and carry, and what is not well with them.
import { z } from 'zod';
import { command } from '../../command-spec.ts';
import { withSession } from '../../context.ts';
import { EXIT } from '../../exit-code.ts';
import { renderHost, renderHostTable } from '../../output/host-table.ts';
import { paintState } from '../../output/print-nodes.ts';
import { parseHostName } from './host-name.ts';

export const hostListCommand = command({
  usage: 'ls',
  aliases: ['list'],
  summary: 'list the hosts',
  examples: ['labwright host ls', 'labwright host ls --json'],
  schema: z.object({}),
  run: async (context) => {
    const { terminal, globals } = context;
    return await withSession(context, { start: 'never' }, async ({ ops }) => {
      const { hosts } = await ops.request('hosts', {});
      if (globals.json) terminal.out(JSON.stringify(hosts, undefined, 2));
      else if (hosts.length === 0) terminal.log('INFO', 'no hosts');
      else terminal.out(renderHostTable(hosts, { now: Date.now(), paintState: (state) => paintState(terminal, state) }));
      return EXIT.ok;
    });
  },
});

export const hostShowCommand = command({
  usage: 'show <host>',
  summary: 'show one host with the nodes on it',
  examples: ['labwright host show rack2-4a1f9c', 'labwright host show rack2-4a1f9c --json'],
  schema: z.object({}),
  run: async (context, _options, [name = '']) => {
    const { terminal, globals } = context;
    const host = parseHostName(name);
    return await withSession(context, { start: 'never' }, async ({ ops }) => {
      const answer = await ops.request('host', { host });
      if (globals.json) terminal.out(JSON.stringify(answer, undefined, 2));
      else terminal.out(renderHost(answer, { now: Date.now(), paintState: (state) => paintState(terminal, state) }));
      return EXIT.ok;
    });
  },
});
