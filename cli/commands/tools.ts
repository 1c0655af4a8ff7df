// tools: small helpers around labs: certificates, impairments by interface, single links.
import { z } from 'zod';
import { command } from '../command-spec.ts';
import type { CommandSpec } from '../command-spec.ts';
import { CliError, EXIT } from '../exit-code.ts';
import { certCommand } from './tools-cert.ts';
import { netemCommand } from './tools-netem.ts';
import { vethCommand } from './tools-veth.ts';

function notYet(spec: Pick<CommandSpec, 'usage' | 'summary' | 'examples' | 'options'>, instead: string): CommandSpec {
  return command({
    ...spec,
    details: 'Not supported yet.',
    schema: z.object({}),
    run: async () => {
      throw new CliError(EXIT.failed, 'not-supported-yet', `${spec.summary} is not supported yet: ${instead}`);
    },
  });
}

const vxlan: CommandSpec = {
  usage: 'vxlan',
  summary: 'single VXLAN tunnels',
  examples: ['labwright tools vxlan create --remote 10.0.0.2 --link eth1 --id 10'],
  subcommands: [notYet({
    usage: 'create',
    summary: 'making a tunnel outside of a lab file',
    examples: ['labwright tools vxlan create --remote 10.0.0.2 --link eth1 --id 10'],
    options: [
      { flags: '--remote <address>', text: 'the other end of the tunnel' },
      { flags: '-l, --link <interface>', text: 'interface that is joined to it' },
      { flags: '-i, --id <vni>', text: 'network identifier' },
      { flags: '--port <port>', text: 'UDP port (14789)' },
      { flags: '--dev <interface>', text: 'interface that the tunnel goes through' },
      { flags: '-m, --mtu <bytes>', text: 'MTU' },
    ],
  }, 'write a link of type vxlan or vxlan-stitch into the lab file')],
};

export const toolsCommand: CommandSpec = {
  usage: 'tools',
  summary: 'certificates, impairments by interface, single links',
  examples: ['labwright tools cert ca create --path certs', 'labwright tools netem show -n clab-core-r1'],
  subcommands: [certCommand, netemCommand, vethCommand, vxlan],
};
