// redeploy: destroys a lab and deploys it from its file again.
import { z } from 'zod';
import { command } from '../command-spec.ts';
import { withSession } from '../context.ts';
import { EXIT } from '../exit-code.ts';
import { readTopology } from '../read-topology.ts';
import { deploy, DeployOptions, EXPORT_TEMPLATE, GRAPH, READ_OPTIONS } from './deploy.ts';
import { destroyLabs } from './destroy.ts';

export const redeployCommand = command({
  usage: 'redeploy',
  aliases: ['rdep'],
  summary: 'destroy a lab and deploy it again',
  details: 'To bring a lab to what its file says with the smallest change, deploy it again instead.',
  examples: ['labwright redeploy -t lab.clab.yml', 'labwright redeploy -c -t lab.clab.yml'],
  options: [
    { flags: '-c, --cleanup', text: 'start from an empty lab folder' },
    { flags: '--keep-mgmt-net', text: 'leave the management network in between' },
    ...READ_OPTIONS,
    { flags: '--max-workers <n>', text: 'not needed: taken and ignored' },
    { flags: '--skip-labdir-acl', text: 'no access lists are set: taken and ignored' },
    { flags: '--skip-post-deploy', text: 'not known: taken and ignored' },
    EXPORT_TEMPLATE,
    { flags: '--graceful', text: 'taken and ignored; use destroy --graceful before' },
    GRAPH,
  ],
  schema: DeployOptions.extend({ cleanup: z.boolean().default(false), keepMgmtNet: z.boolean().default(false) }),
  run: async (context, options) => {
    // A file with faults must not cost the lab that runs.
    const { lab } = await readTopology({ ...context.globals, warnings: 'hidden' }, context.terminal);
    const destroyed = await withSession(context, { start: 'always' }, async (session) =>
      await destroyLabs(context, session, { labs: [lab.id], options: { all: false, yes: true, wait: 'gone', cleanup: options.cleanup, graceful: false, keepMgmtNet: options.keepMgmtNet } }));
    return destroyed === EXIT.ok ? await deploy(context, options) : destroyed;
  },
});
