// generate: the lab file of a Clos fabric, written here or deployed at once.
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { generateTopology, parseByKind, parseTiers } from '../../topology/generate-topology.ts';
import { command } from '../command-spec.ts';
import { CliError, EXIT } from '../exit-code.ts';
import { deploy, DeployOptions } from './deploy.ts';

const Options = z.object({
  nodes: z.array(z.string()),
  kind: z.string().default('linux'),
  image: z.array(z.string()).default([]),
  license: z.array(z.string()).default([]),
  nodePrefix: z.string().optional(),
  groupPrefix: z.string().optional(),
  network: z.string().optional(),
  ipv4Subnet: z.string().optional(),
  ipv6Subnet: z.string().optional(),
  file: z.string().optional(),
  exportRendered: z.string().optional(),
  deploy: z.boolean().default(false),
  owner: z.string().optional(),
});

export const generateCommand = command({
  usage: 'generate',
  aliases: ['gen'],
  summary: 'write the lab file of a Clos fabric',
  details: 'Each node of a tier is linked to each node of the next one. The file is NAME.clab.yml in the working folder.',
  examples: ['labwright generate --name clos --nodes 4,2', 'labwright generate --name fabric --kind linux --image alpine:3 --nodes 4:linux,2:linux --deploy'],
  options: [
    { flags: '--nodes <tiers>', text: 'nodes of each tier: COUNT[:KIND[:TYPE]], with commas', many: 'split', required: true },
    { flags: '--kind <kind>', text: 'kind of nodes for which none is given (linux)' },
    { flags: '--image <image>', text: 'image of the default kind, or KIND=IMAGE', many: 'split' },
    { flags: '--license <path>', text: 'licence of the default kind, or KIND=PATH', many: 'split' },
    { flags: '--node-prefix <text>', text: 'start of node names (node)' },
    { flags: '--group-prefix <text>', text: 'start of group names (tier)' },
    { flags: '--network <name>', text: 'name of the management network' },
    { flags: '-4, --ipv4-subnet <cidr>', text: 'IPv4 range of the management network' },
    { flags: '-6, --ipv6-subnet <cidr>', text: 'IPv6 range of the management network' },
    { flags: '--file <path>', text: 'where to write the file; - prints it' },
    { flags: '--export-rendered <path>', text: 'write the file there, too' },
    { flags: '--owner <user>', text: 'whom the lab belongs to, with --deploy' },
    { flags: '--deploy', text: 'deploy it at once' },
    { flags: '--max-workers <n>', text: 'not needed: taken and ignored' },
    { flags: '--skip-labdir-acl', text: 'no access lists are set: taken and ignored' },
  ],
  schema: Options,
  run: async (context, options) => {
    const { name } = context.globals;
    if (name === undefined) throw new CliError(EXIT.usage, 'name-missing', 'the fabric needs a name: give one with --name');
    const text = renderFile(name, options);
    if (options.exportRendered !== undefined) await writeFile(options.exportRendered, text);
    if (options.file === '-' && !options.deploy) {
      context.terminal.out(text.trimEnd());
      return EXIT.ok;
    }
    const path = resolve(options.file ?? `${name}.clab.yml`);
    await writeFile(path, text);
    context.terminal.log('INFO', 'Lab file written', { path });
    if (!options.deploy) return EXIT.ok;
    return await deploy({ ...context, globals: { ...context.globals, topo: path, name: undefined } }, DeployOptions.parse({ owner: options.owner }));
  },
});

/** @throws {CliError} usage. */
function renderFile(name: string, options: z.infer<typeof Options>): string {
  const tiers = orUsage('nodes', parseTiers(options.nodes, options.kind));
  const images = orUsage('image', parseByKind(options.image, options.kind)).byKind;
  const licenses = orUsage('license', parseByKind(options.license, options.kind)).byKind;
  const optional = {
    network: options.network, ipv4Subnet: options.ipv4Subnet, ipv6Subnet: options.ipv6Subnet, nodePrefix: options.nodePrefix, groupPrefix: options.groupPrefix,
  };
  const given = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined));
  return generateTopology({ name, tiers: tiers.tiers, images, licenses, ...given });
}

function orUsage<T extends object>(option: string, parsed: T | { error: string }): T {
  if ('error' in parsed) throw new CliError(EXIT.usage, 'bad-option', `--${option}: ${parsed.error}`);
  return parsed;
}
