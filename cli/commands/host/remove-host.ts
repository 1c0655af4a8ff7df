// host rm: a host that will not come back is forgotten, with the orders that wait for it and its credentials.
import { z } from 'zod';
import { stateDir } from '../../../controller/state-dir.ts';
import type { HostId } from '../../../machines/vocabulary/ids.ts';
import { OpsRequestError } from '../../../nats/errors.ts';
import type { OpsClient } from '../../../nats/ops-client.ts';
import type { OpsResponse } from '../../../nats/ops-contract.ts';
import { command } from '../../command-spec.ts';
import { withSession } from '../../context.ts';
import { EXIT } from '../../exit-code.ts';
import { newCommandId } from '../../new-command-id.ts';
import { homeDir } from '../../open-client.ts';
import { parseHostName } from './host-name.ts';

export const hostRemoveCommand = command({
  usage: 'rm <host>',
  summary: 'forget a host, the orders that wait for it, and its credentials',
  details: 'Refused while labs have something on it: drain it first. With --force they are told that it will not come back: what was only to be removed there is given up, so destroying ends; nodes there are unknown until they move by the lab\'s policy, or the next deploy makes them elsewhere. What runs there is not removed, unless it comes back under its name. To let the machine in again, invite it anew (`labwright host token`).',
  examples: ['labwright host rm rack2-4a1f9c', 'labwright host rm rack2-4a1f9c --force'],
  options: [{ flags: '--force', text: 'also while labs have something on it' }],
  schema: z.object({ force: z.boolean().default(false) }),
  run: async (context, { force }, [name = '']) => {
    const { terminal, globals } = context;
    const host = parseHostName(name);
    const { forgetInvitation, refuseOwnHost } = await import('../../../controller/invite-host.ts');
    await refuseOwnHost(stateDir(homeDir()), host);
    return await withSession(context, { start: 'never' }, async ({ ops }) => {
      const removed = await forget(ops, host, force);
      const credentials = await forgetInvitation(stateDir(homeDir()), process.env, host);
      // One that was invited and never came is known by its credentials alone.
      if (removed instanceof Error && credentials !== 'removed') throw removed;
      const { labs, nodes } = removed instanceof Error ? { labs: [], nodes: [] } : removed;
      if (globals.json) terminal.out(JSON.stringify({ host, labs, nodes, credentials }, undefined, 2));
      if (nodes.length > 0) terminal.log('WARN', 'Nodes were left behind there', { nodes: nodes.map(({ lab, node }) => `${lab}/${node}`).join(', ') });
      terminal.log('INFO', 'The host is forgotten', { host, credentials: CREDENTIALS[credentials] });
      return EXIT.ok;
    });
  },
});

async function forget(ops: OpsClient, host: HostId, force: boolean): Promise<OpsResponse<'host-rm'> | OpsRequestError> {
  return await ops.request('host-rm', { commandId: newCommandId(), host, force }).catch((error: unknown) => {
    if (error instanceof OpsRequestError && error.code === 'host-not-found') return error;
    throw error;
  });
}

const CREDENTIALS = { removed: 'void', none: 'it had none here', external: 'remove its user on the external NATS server' } as const;
