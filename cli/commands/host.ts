// host: the machines that labs run on.
import type { CommandSpec } from '../command-spec.ts';
import { hostAddCommand } from './host/add-host.ts';
import { hostTokenCommand } from './host/invite-host.ts';
import { hostJoinCommand, hostLeaveCommand } from './host/join-controller.ts';
import { hostRemoveCommand } from './host/remove-host.ts';
import { hostListCommand, hostShowCommand } from './host/show-hosts.ts';
import { hostCordonCommand, hostDrainCommand, hostUncordonCommand } from './host/wish-for-host.ts';

export const hostCommand: CommandSpec = {
  usage: 'host',
  summary: 'hosts: list, add, join, cordon, drain and remove the machines that labs run on',
  examples: ['labwright host ls', 'labwright host add root@rack2', 'labwright host drain rack2-4a1f9c'],
  subcommands: [hostListCommand, hostShowCommand, hostCordonCommand, hostUncordonCommand, hostDrainCommand, hostRemoveCommand, hostAddCommand, hostTokenCommand, hostJoinCommand, hostLeaveCommand],
};
