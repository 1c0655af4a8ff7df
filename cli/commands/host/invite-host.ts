// host token: an invitation for a host that somebody sets up by other means.
import { z } from 'zod';
import { stateDir } from '../../../controller/state-dir.ts';
import { command } from '../../command-spec.ts';
import { EXIT } from '../../exit-code.ts';
import { intoNewFile } from '../../new-secret-file.ts';
import { homeDir } from '../../open-client.ts';
import { parseHostName } from './host-name.ts';

export const hostTokenCommand = command({
  usage: 'token',
  summary: 'make an invitation with which another machine joins as a host',
  details: 'Prints one line, which holds a secret: pipe it to `labwright host join -` on the other machine, or write it to a file (--out, mode 0600). The machine joins under the name that the invitation holds. The controller must listen where hosts reach it (`labwright up --listen`).',
  examples: ['labwright host token --host-id rack2 | ssh root@rack2 labwright host join -', 'labwright host token --out rack2.join', 'labwright host token --host-id rack2 --replace'],
  options: [
    { flags: '--host-id <name>', text: 'name of the host; made up when absent' },
    { flags: '--out <file>', text: 'write the invitation to a new file (mode 0600) instead of printing it' },
    { flags: '--url <url>', text: 'by which the host reaches NATS, where that is not the address that the server listens on' },
    { flags: '--replace', text: 'make a new secret for a host that has one; the old one is void at once' },
    { flags: '--credentials <file>', text: 'credentials of the host on an external NATS server' },
  ],
  schema: z.object({ hostId: z.string().optional(), out: z.string().min(1).optional(), url: z.string().optional(), replace: z.boolean().default(false), credentials: z.string().min(1).optional() }),
  run: async ({ terminal, globals }, { hostId, out, url, replace, credentials }) => {
    const { inviteHost } = await import('../../../controller/invite-host.ts');
    const { encodeToken } = await import('../../../controller/host-bundle.ts');
    const make = async () => await inviteHost({
      dir: stateDir(homeDir()), env: process.env, existing: replace ? 'replace' : 'refuse',
      ...(hostId === undefined ? {} : { hostId: parseHostName(hostId) }), ...(url === undefined ? {} : { url }), ...(credentials === undefined ? {} : { credentialsFile: credentials }),
    });
    const bundle = out === undefined ? await make() : await intoNewFile(out, { make, textOf: encodeToken });
    const { credentials: _secret, ...shown } = bundle;
    if (globals.json) terminal.out(JSON.stringify({ ...shown, ...(out === undefined ? { token: encodeToken(bundle) } : { file: out }) }, undefined, 2));
    else if (out === undefined) terminal.out(encodeToken(bundle));
    terminal.log('INFO', 'Invitation made; whoever has it can join as this host', { host: bundle.hostId, nats: bundle.url, ...(out === undefined ? {} : { file: out }) });
    return EXIT.ok;
  },
});
