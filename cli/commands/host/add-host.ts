// host add: a server becomes a host, over ssh.
import { createInterface } from 'node:readline/promises';
import { z } from 'zod';
import { stateDir } from '../../../controller/state-dir.ts';
import { command } from '../../command-spec.ts';
import { withSession } from '../../context.ts';
import type { Context } from '../../context.ts';
import { CliError, EXIT } from '../../exit-code.ts';
import { homeDir } from '../../open-client.ts';
import { parseHostName } from './host-name.ts';

export const hostAddCommand = command({
  usage: 'add <server>',
  summary: 'make a server a host, over ssh',
  details: 'SERVER is [user@]name[:port]; the user is root or may use sudo without a password. Its key must be in known_hosts. Checks the server, copies this program with its packages, sets it up (setup --for host: Debian packages, Node, Docker), hands over an invitation through the connection, and waits until it has joined. Run again it brings this version to a host that joined before. The controller must listen where the server reaches it (`labwright up --listen`).',
  examples: ['labwright host add root@rack2', 'labwright host add admin@10.0.0.7:2222 --identity ~/.ssh/lab --host-id rack7', 'labwright host add root@rack2 --no-setup'],
  options: [
    { flags: '-i, --identity <file>', text: 'private key to log in with; the ssh agent and the usual keys when absent' },
    { flags: '--accept-host-key [fingerprint]', text: 'accept the key of a server that is not known: asks first, or compares with the fingerprint that is given (SHA256:...)' },
    { flags: '--known-hosts <file>', text: 'file of known servers; ~/.ssh/known_hosts when absent' },
    { flags: '--host-id <name>', text: 'name of the host; made from its own name when absent' },
    { flags: '--url <url>', text: 'by which the server reaches NATS, where that is not the address that the controller listens on' },
    { flags: '--install-dir <dir>', text: 'where the program goes on the server; /opt/labwright when absent' },
    { flags: '--home <dir>', text: 'state directory on the server; /var/lib/labwright when absent' },
    { flags: '--underlay-address <address>', text: 'address by which other hosts reach this one; found by its route to NATS when absent' },
    { flags: '--no-setup', text: 'the server has been set up by other means' },
    { flags: '--ignore-checks', text: 'join even if the server lacks what nodes need' },
  ],
  schema: z.object({
    identity: z.string().min(1).optional(), acceptHostKey: z.union([z.boolean(), z.string()]).optional(), knownHosts: z.string().min(1).optional(), hostId: z.string().optional(), url: z.string().optional(),
    installDir: z.string().startsWith('/').default('/opt/labwright'), home: z.string().startsWith('/').default('/var/lib/labwright'), underlayAddress: z.union([z.ipv4(), z.ipv6()]).optional(),
    setup: z.boolean().default(true), ignoreChecks: z.boolean().default(false),
  }),
  run: async (context, options, [server = '']) => {
    const { terminal, globals } = context;
    const { parseSshTarget } = await import('../../../controller/add-host/ssh-target.ts');
    const { addHost } = await import('../../../controller/add-host/add-host.ts');
    const target = parseSshTarget(server);
    const { acceptHostKey } = options;
    const { hostId, facts } = await addHost({
      dir: stateDir(homeDir()), env: process.env, installDir: options.installDir, home: options.home, setup: options.setup ? 'run' : 'skip', ignoreChecks: options.ignoreChecks,
      settings: options.underlayAddress === undefined ? {} : { LABWRIGHT_UNDERLAY_ADDRESS: options.underlayAddress },
      ssh: {
        target, env: process.env,
        ...(options.identity === undefined ? {} : { identity: options.identity }), ...(options.knownHosts === undefined ? {} : { knownHosts: options.knownHosts }),
        ...(acceptHostKey === undefined || acceptHostKey === false ? {} : { acceptHostKey: async (question) => (typeof acceptHostKey === 'string' ? acceptHostKey === question.fingerprint : await ask(context, question)) }),
      },
      ...(options.hostId === undefined ? {} : { hostId: parseHostName(options.hostId) }), ...(options.url === undefined ? {} : { url: options.url }),
      onStep: (text) => terminal.log('INFO', `Server ${target.host} ${text}`),
      onLine: (line) => terminal.log('DEBU', line),
    });
    return await withSession(context, { start: 'never' }, async ({ ops }) => {
      const { host } = await ops.request('host', { host: hostId });
      if (globals.json) terminal.out(JSON.stringify({ host, server: facts }, undefined, 2));
      else terminal.log('INFO', 'The server is a host now', { host: hostId, state: host.state, underlay: host.underlay?.address ?? '-' });
      return EXIT.ok;
    });
  },
});

/** @throws {CliError} usage when there is nobody to ask. */
async function ask({ terminal }: Context, { name, type, fingerprint }: { name: string; type: string; fingerprint: string }): Promise<boolean> {
  terminal.log('WARN', 'The key of this server is not known', { server: name, type, fingerprint });
  if (process.stdin.isTTY !== true) throw new CliError(EXIT.usage, 'nobody-to-ask', `there is no terminal to ask on: compare the fingerprint with the server's own and give it: --accept-host-key ${fingerprint}`);
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await lines.question('Is this its key, and shall it be known from now on? (yes/no) ');
  lines.close();
  return answer.trim().toLowerCase() === 'yes';
}
