// viewer token, viewer ls, viewer rm: the credentials of those who may read some labs only.
import { z } from 'zod';
import { stateDir } from '../../../controller/state-dir.ts';
import type { LabId } from '../../../machines/vocabulary/ids.ts';
import { command } from '../../command-spec.ts';
import { CliError, EXIT } from '../../exit-code.ts';
import { parseLabName } from '../../find-lab.ts';
import { intoNewFile } from '../../new-secret-file.ts';
import { homeDir } from '../../open-client.ts';
import { renderTable } from '../../output/table.ts';

const LAB = { flags: '--lab <names>', text: 'the labs, with commas', many: 'split', required: true } as const;
const lab = z.array(z.string()).min(1, 'name a lab at least');
const here = () => ({ dir: stateDir(homeDir()), env: process.env });
const labsOf = (names: readonly string[]): LabId[] => names.map(parseLabName);

export const viewerTokenCommand = command({
  usage: 'token',
  summary: 'make credentials that read some labs and do nothing',
  details: 'Prints one line, the seed of an nkey: a secret, which is kept nowhere else. Whoever has it may ask about these labs and follow them (docs/ops-api.md), no others, and may change nothing; values of variables and secrets are not told. Labs may be named before they are deployed. Other machines need a controller that listens where they reach it (`labwright up --listen`).',
  examples: ['labwright viewer token --lab core --out core-viewer.nk', 'labwright viewer token --lab core,edge --json', 'labwright viewer token --lab core --replace'],
  options: [
    LAB,
    { flags: '--out <file>', text: 'write the credentials to a new file (mode 0600) instead of printing them' },
    { flags: '--replace', text: 'make new ones for a viewer of these labs that has some; the old ones are void at once' },
  ],
  schema: z.object({ lab, out: z.string().min(1).optional(), replace: z.boolean().default(false) }),
  run: async ({ terminal, globals }, options) => {
    const { makeViewer } = await import('../../../controller/viewer-access.ts');
    const make = async () => await makeViewer({ ...here(), labs: labsOf(options.lab), existing: options.replace ? 'replace' : 'refuse' });
    const { out } = options;
    const { credentials, labs, url, inboxPrefix } = out === undefined ? await make() : await intoNewFile(out, { make, textOf: (made) => made.credentials });
    if (globals.json) terminal.out(JSON.stringify({ labs, url, inboxPrefix, ...(out === undefined ? { credentials } : { file: out }) }, undefined, 2));
    else if (out === undefined) terminal.out(credentials);
    terminal.log('INFO', 'Credentials made; whoever has them can read these labs', { labs: labs.join(', '), nats: url, inbox: inboxPrefix, ...(out === undefined ? {} : { file: out }) });
    return EXIT.ok;
  },
});

export const viewerListCommand = command({
  usage: 'ls',
  aliases: ['list'],
  summary: 'list the viewers of some labs that have credentials',
  examples: ['labwright viewer ls', 'labwright viewer ls --json'],
  schema: z.object({}),
  run: async ({ terminal, globals }) => {
    const { listViewers } = await import('../../../controller/viewer-access.ts');
    const viewers = await listViewers(here());
    if (globals.json) terminal.out(JSON.stringify(viewers.map((labs) => ({ labs })), undefined, 2));
    else if (viewers.length === 0) terminal.log('INFO', 'no viewers of some labs');
    else terminal.out(renderTable(['Labs'], viewers.map((labs) => [labs.join(', ')])));
    return EXIT.ok;
  },
});

export const viewerRemoveCommand = command({
  usage: 'rm',
  summary: 'void the credentials of the viewer of exactly these labs',
  details: 'Its connections end at once. Destroying a lab voids nothing.',
  examples: ['labwright viewer rm --lab core', 'labwright viewer rm --lab core,edge'],
  options: [LAB],
  schema: z.object({ lab }),
  run: async ({ terminal, globals }, options) => {
    const { removeViewer } = await import('../../../controller/viewer-access.ts');
    const labs = labsOf(options.lab);
    if (!(await removeViewer({ ...here(), labs }))) throw new CliError(EXIT.failed, 'viewer-not-found', `no viewer of exactly ${labs.join(', ')} has credentials: see \`labwright viewer ls\``);
    if (globals.json) terminal.out(JSON.stringify({ labs, credentials: 'removed' }, undefined, 2));
    terminal.log('INFO', 'The credentials are void', { labs: labs.join(', ') });
    return EXIT.ok;
  },
});
