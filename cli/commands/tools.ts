// tools: small helpers around labs: certificates, impairments by interface, single links.
import type { CommandSpec } from '../command-spec.ts';
import { certCommand } from './tools-cert.ts';
import { netemCommand } from './tools-netem.ts';
import { vethCommand } from './tools-veth.ts';
import { vxlanCommand } from './tools-vxlan.ts';

export const toolsCommand: CommandSpec = {
  usage: 'tools',
  summary: 'certificates, impairments by interface, single links',
  examples: ['labwright tools cert ca create --path certs', 'labwright tools netem show -n clab-core-r1'],
  subcommands: [certCommand, netemCommand, vethCommand, vxlanCommand],
};
