// tools veth: single links in a running lab, beside those of its file.
import { z } from 'zod';
import type { LabView } from '../../machines/vocabulary/lab-view.ts';
import { addLink } from '../add-link.ts';
import { awaitLab, verdict } from '../await-lab.ts';
import { command } from '../command-spec.ts';
import type { CommandSpec } from '../command-spec.ts';
import { withSession } from '../context.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT } from '../exit-code.ts';
import { newCommandId } from '../new-command-id.ts';
import { renderLinkTable } from '../output/link-table.ts';
import { paintState } from '../output/print-nodes.ts';
import { readViews } from '../read-views.ts';

const TIMEOUT_MS = 60_000;

const create = command({
  usage: 'create',
  summary: 'join two interfaces of a running lab',
  details: 'The link is supervised like every other. A later deploy of the lab file takes it away again: to keep it, write it into the file.\nWithout -t and --name, the ends tell the lab by the names of their containers.',
  examples: ['labwright tools veth create -a r1:eth5 -b r2:eth5 -t lab.clab.yml', 'labwright tools veth create -a clab-core-r1:eth5 -b host:r1-tap'],
  options: [
    { flags: '-a, --a-endpoint <end>', text: 'NODE:IF, CONTAINER:IF, bridge:BR:IF, host:IF or mgmt-net:IF', required: true },
    { flags: '-b, --b-endpoint <end>', text: 'the other end', required: true },
    { flags: '-m, --mtu <bytes>', text: 'MTU of both ends' },
  ],
  schema: z.object({ aEndpoint: z.string(), bEndpoint: z.string(), mtu: z.coerce.number().int().min(64).max(65535).optional() }),
  run: async (context, options) => {
    const { terminal, globals } = context;
    const view = await findLabOfEnds(context, [options.aEndpoint, options.bEndpoint]);
    return await withSession(context, { start: 'known' }, async ({ ops }) => {
      const { lab, link } = addLink((await ops.request('spec', {}, { lab: view.lab })).spec, { a: options.aEndpoint, b: options.bEndpoint, mtu: options.mtu });
      const accepted = await ops.request('deploy', { commandId: newCommandId(), spec: lab, takeOver: false, reconfigure: false }, { lab: lab.id });
      const followed = await awaitLab(ops, lab.id, {
        n: accepted.n, timeoutMs: globals.timeout ?? TIMEOUT_MS, terminal, before: view,
        until: (now) => now.links.some((one) => one.link === link.id && ['up', 'down', 'failed'].includes(one.state)),
      });
      const links = followed.view.links.filter((one) => one.link === link.id);
      if (globals.json) terminal.out(JSON.stringify(links[0] ?? {}, undefined, 2));
      else terminal.out(renderLinkTable(links, (state) => paintState(terminal, state)));
      return verdict({ ...followed, view: { ...followed.view, nodes: [], links, problems: [], state: 'running' } }, terminal, 'joined');
    });
  },
});

export const vethCommand: CommandSpec = {
  usage: 'veth',
  summary: 'single links in a running lab',
  examples: ['labwright tools veth create -a r1:eth5 -b r2:eth5 -t lab.clab.yml'],
  subcommands: [create],
};

/** @throws {CliError} `lab-not-found`. */
async function findLabOfEnds(context: Context, ends: readonly string[]): Promise<LabView> {
  const named = context.globals.topo !== undefined || context.globals.name !== undefined;
  const views = await readViews(context, { all: !named });
  const containers = ends.map((end) => end.split(':')[0]);
  const view = named ? views[0] : views.find((one) => one.nodes.some((node) => containers.includes(node.containerName)));
  if (view) return view;
  throw new CliError(EXIT.failed, 'lab-not-found', named ? 'the lab does not exist: see `labwright ls`' : `no lab has a container ${containers.join(' or ')}: name the lab with -t or --name`);
}
