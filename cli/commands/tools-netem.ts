// tools netem: impairments by node and interface; each acts on the whole link, in both directions, and survives restarts.
import { z } from 'zod';
import type { EndView, LabView, LinkView, NodeView } from '../../machines/vocabulary/lab-view.ts';
import { command } from '../command-spec.ts';
import type { CommandSpec, OptionSpec } from '../command-spec.ts';
import { withSession } from '../context.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { readViews } from '../read-views.ts';
import { renderTable } from '../output/table.ts';
import { IMPAIRMENT_OPTIONS, impairmentOf, ImpairmentOptions, setLink } from './link.ts';
import type { LinkWish } from './link.ts';

const NODE: OptionSpec = { flags: '-n, --node <node>', text: 'container name, or node name with -t or --name', required: true };
const INTERFACE: OptionSpec = { flags: '-i, --interface <interface>', text: 'interface of the node', required: true };

type Place = { readonly view: LabView; readonly node: NodeView };

async function findNode(context: Context, name: string): Promise<Place> {
  const { topo, name: lab } = context.globals;
  const views = await readViews(context, { all: topo === undefined && lab === undefined });
  const place = views.flatMap((view) => view.nodes.filter((node) => node.containerName === name || ((topo ?? lab) !== undefined && node.node === name)).map((node) => ({ view, node })))[0];
  if (place === undefined) throw new CliError(EXIT.failed, 'node-not-found', `no lab has a node ${name}: see \`labwright inspect --all\``);
  return place;
}

const endsOf = ({ view, node }: Place): { link: LinkView; end: EndView }[] =>
  view.links.flatMap((link) => [link.a, link.b].filter((end) => end.node === node.node).map((end) => ({ link, end })));

async function apply(context: Context, options: { node: string; interface: string }, wish: LinkWish): Promise<ExitCode> {
  const place = await findNode(context, options.node);
  const found = endsOf(place).find(({ end }) => end.interface === options.interface);
  if (found === undefined) throw new CliError(EXIT.failed, 'interface-not-found', `node ${options.node} has no link at interface ${options.interface}: it has ${endsOf(place).map(({ end }) => end.interface).join(', ') || 'none'}`);
  return await withSession(context, { start: 'known' }, async (session) => await setLink(context, session, { view: place.view, link: found.link.link, wish }));
}

const set = command({
  usage: 'set',
  summary: 'impair the link at an interface',
  examples: ['labwright tools netem set -n clab-core-r1 -i eth1 --delay 20ms --jitter 5ms --loss 1'],
  options: [NODE, INTERFACE, ...IMPAIRMENT_OPTIONS],
  schema: ImpairmentOptions.extend({ node: z.string(), interface: z.string() }),
  run: async (context, { node, interface: name, ...rest }) => await apply(context, { node, interface: name }, { impairment: impairmentOf(rest) }),
});

const reset = command({
  usage: 'reset',
  summary: 'take the impairments of the link at an interface away',
  examples: ['labwright tools netem reset -n clab-core-r1 -i eth1'],
  options: [NODE, INTERFACE],
  schema: z.object({ node: z.string(), interface: z.string() }),
  run: async (context, options) => await apply(context, options, { impairment: {} }),
});

const show = command({
  usage: 'show',
  summary: 'show the impairments at the interfaces of a node',
  examples: ['labwright tools netem show -n clab-core-r1', 'labwright tools netem show -n clab-core-r1 --format json'],
  options: [NODE, { flags: '-f, --format <format>', text: 'output format', choices: ['table', 'json'] }],
  schema: z.object({ node: z.string(), format: z.enum(['table', 'json']).default('table') }),
  run: async (context, options) => {
    const place = await findNode(context, options.node);
    const rows = endsOf(place).map(({ link, end }) => ({
      interface: end.interface, delay: text(link.impairment.delayMs, 'ms'), jitter: text(link.impairment.jitterMs, 'ms'), packet_loss: link.impairment.lossPercent ?? 0,
      rate: link.impairment.rateKbps ?? 0, corruption: link.impairment.corruptionPercent ?? 0,
    }));
    if (context.globals.json || options.format === 'json') context.terminal.out(JSON.stringify({ [place.node.containerName]: rows }, undefined, 2));
    else context.terminal.out(renderTable(['Interface', 'Delay', 'Jitter', 'Packet Loss', 'Rate (Kbit)', 'Corruption'], rows.map((row) => [row.interface, row.delay || 'N/A', row.jitter || 'N/A', share(row.packet_loss), row.rate === 0 ? 'N/A' : String(row.rate), share(row.corruption)])));
    return EXIT.ok;
  },
});

const text = (value: number | undefined, unit: string): string => (value === undefined ? '' : `${value}${unit}`);
const share = (percent: number): string => (percent === 0 ? 'N/A' : `${percent.toFixed(2)}%`);

export const netemCommand: CommandSpec = {
  usage: 'netem',
  summary: 'impairments by node and interface',
  details: 'They act on the whole link, in both directions, and survive restarts; see also `labwright link impairment`.',
  examples: ['labwright tools netem show -n clab-core-r1'],
  subcommands: [set, show, reset],
};
