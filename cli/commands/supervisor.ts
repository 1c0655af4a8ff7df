// supervisor: one more beside those that serve already, so that labs have an owner also when one dies.
import { z } from 'zod';
import { ConnectError } from '../../nats/errors.ts';
import { command } from '../command-spec.ts';
import { CliError, EXIT } from '../exit-code.ts';
import { homeDir } from '../open-client.ts';

export const supervisorCommand = command({
  usage: 'supervisor',
  summary: 'run one more supervisor in the foreground; labs are shared among all',
  details: 'Start as many as you like on one NATS server. When one dies or stands still, the others take its labs, at the latest within the lease; `labwright status` shows who lives and how many labs each owns. Meant for a service manager, on any machine that reaches the server: its log, JSON lines, goes to standard output. Ctrl-C or SIGTERM ends it in order, a second one at once. Exit code 5 when the server does not answer.',
  examples: ['labwright supervisor', 'labwright supervisor --nats nats://control:4222 --creds /etc/labwright/credentials'],
  options: [
    { flags: '--nats <url>', text: 'NATS server, together with --creds; that of this installation by default' },
    { flags: '--creds <path>', text: 'credentials of the role supervisor: a file, or a folder with supervisor.nk' },
    { flags: '--lease <seconds>', text: 'within which the others have its labs when it stands still; the same for all (default 5)' },
  ],
  schema: z.object({ nats: z.string().min(1).optional(), creds: z.string().min(1).optional(), lease: z.coerce.number('is no number of seconds').positive().optional() }),
  run: async (_context, { nats, creds, lease }) => {
    const env = { LABWRIGHT_NATS_URL: nats ?? process.env['LABWRIGHT_NATS_URL'], LABWRIGHT_NATS_CREDS: creds ?? process.env['LABWRIGHT_NATS_CREDS'] };
    if (nats !== undefined && !env.LABWRIGHT_NATS_CREDS) throw new CliError(EXIT.usage, 'bad-option', '--nats needs the credentials for it: name them with --creds');
    if (creds !== undefined && !env.LABWRIGHT_NATS_URL) throw new CliError(EXIT.usage, 'bad-option', '--creds needs the server that they are for: name it with --nats');
    const { runSupervisor } = await import('../../controller/run-supervisor.ts');
    try {
      return (await runSupervisor({ home: homeDir(), env, leaseSeconds: lease })) === 0 ? EXIT.ok : EXIT.failed;
    } catch (error) {
      if (error instanceof ConnectError && error.code === 'nats-unreachable') throw new CliError(EXIT.unreachable, error.code, error.message, { cause: error });
      throw error;
    }
  },
});
