// orphans: what on the hosts bears our mark and belongs to nobody; shown, and removed when told so.
import { z } from 'zod';
import { HostId } from '../../machines/vocabulary/ids.ts';
import type { HostOrphans, RemovedOrphans } from '../../machines/vocabulary/orphan.ts';
import { command } from '../command-spec.ts';
import type { CommandSpec } from '../command-spec.ts';
import { Duration, withSession } from '../context.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { renderOrphans, renderRemovedOrphans } from '../output/orphan-table.ts';
import type { Terminal } from '../terminal.ts';

const HOST = { flags: '--host <name>', text: 'this host only' };
const Host = HostId.optional();
const REQUEST_TIMEOUT_MS = 90_000;

const list = command({
  usage: 'ls',
  aliases: ['list'],
  summary: 'list what bears our mark and belongs to no lab',
  details: 'Containers, look-ups of the runtime, devices, engine networks, bridges and namespaces that bear the exact mark of this installation and that no order of their host and no lab of the log wants. What a lab that lives on its host has lost is shown too, and goes by itself. What bears no mark is not listed. Exit code 1 when a host could not be asked.',
  examples: ['labwright orphans ls', 'labwright orphans ls --host rack2 --json'],
  options: [HOST],
  schema: z.object({ host: Host }),
  run: async (context, { host }) => await withSession(context, { start: 'never' }, async ({ ops }) => {
    const { terminal, globals } = context;
    const { hosts } = await ops.request('orphans', { host }, { timeoutMs: globals.timeout ?? REQUEST_TIMEOUT_MS });
    if (globals.json) terminal.out(JSON.stringify(hosts, undefined, 2));
    else if (hosts.every(({ orphans }) => orphans.length === 0)) terminal.log('INFO', 'no orphans');
    else terminal.out(renderOrphans(hosts));
    return verdict(terminal, hosts);
  }),
});

const remove = command({
  usage: 'rm',
  aliases: ['remove'],
  summary: 'remove what `orphans ls` lists; says only what it would do unless -y is given',
  details: 'Each object is removed by its own mark, after its host looked again. What is in use stays, with the reason. Exit code 1 when a host could not be asked, or something stayed.',
  examples: ['labwright orphans rm', 'labwright orphans rm -y', 'labwright orphans rm -y --host rack2 --grace 10m'],
  options: [
    HOST,
    { flags: '-y, --yes', text: 'remove; without it nothing is touched' },
    { flags: '--dry-run', text: 'only say what would be removed, also with -y' },
    { flags: '--grace <duration>', text: 'only what has been without an owner for so long, as its host saw it; 60s by default' },
  ],
  schema: z.object({ host: Host, yes: z.boolean().default(false), dryRun: z.boolean().default(false), grace: Duration.default(60_000) }),
  run: async (context, { host, yes, dryRun, grace }) => await withSession(context, { start: 'never' }, async ({ ops }) => {
    const { terminal, globals } = context;
    const isDry = dryRun || !yes;
    const { hosts } = await ops.request('orphans-remove', { host, graceMs: grace, dryRun: isDry }, { timeoutMs: globals.timeout ?? REQUEST_TIMEOUT_MS });
    if (globals.json) terminal.out(JSON.stringify(hosts, undefined, 2));
    else if (hosts.every(({ orphans }) => orphans.length === 0)) terminal.log('INFO', 'no orphans');
    else terminal.out(renderRemovedOrphans(hosts));
    if (isDry && !globals.json && hosts.some(wouldRemove)) terminal.log('INFO', 'nothing was removed: say so with -y');
    const stayed = !isDry && hosts.some(({ outcomes }) => outcomes.some(({ outcome }) => outcome === 'kept'));
    return stayed ? EXIT.failed : verdict(terminal, hosts);
  }),
});

const wouldRemove = ({ outcomes }: RemovedOrphans): boolean => outcomes.some(({ outcome }) => outcome === 'would-remove');

function verdict(terminal: Terminal, hosts: readonly HostOrphans[]): ExitCode {
  for (const { host, asked, reason } of hosts) if (!asked) terminal.log('WARN', `host ${host} was not asked`, { reason: reason ?? '' });
  return hosts.every(({ asked }) => asked) ? EXIT.ok : EXIT.failed;
}

export const orphansCommand: CommandSpec = {
  usage: 'orphans',
  summary: 'what on the hosts bears our mark and belongs to no lab',
  examples: ['labwright orphans ls', 'labwright orphans rm -y'],
  subcommands: [list, remove],
};
