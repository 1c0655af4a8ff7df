// viewer: people and programs that read some labs and do nothing to them.
import type { CommandSpec } from '../command-spec.ts';
import { viewerListCommand, viewerRemoveCommand, viewerTokenCommand } from './viewer/viewer-credentials.ts';

export const viewerCommand: CommandSpec = {
  usage: 'viewer',
  summary: 'viewers: let somebody read some labs, and do nothing to them',
  examples: ['labwright viewer token --lab core --out core-viewer.nk', 'labwright viewer ls', 'labwright viewer rm --lab core'],
  subcommands: [viewerTokenCommand, viewerListCommand, viewerRemoveCommand],
};
