// supervisor: one more beside those that serve already, so that labs have an owner also when one dies.
import { z } from 'zod';
import { command } from '../command-spec.ts';
import { EXIT } from '../exit-code.ts';
import { homeDir } from '../open-client.ts';

export const supervisorCommand = command({
  usage: 'supervisor',
  summary: 'run one more supervisor in the foreground; labs are shared among all',
  details: 'Start as many as you like on one NATS server. When one dies or stands still for its lease, the others take its labs; `labwright status` shows who lives and how many labs each owns. Meant for a service manager, on any machine that reaches the server.',
  examples: ['labwright supervisor', 'labwright supervisor --nats nats://control:4222 --creds /etc/labwright/credentials'],
  options: [
    { flags: '--nats <url>', text: 'NATS server; that of this installation by default' },
    { flags: '--creds <path>', text: 'credentials of the role supervisor: a file, or a folder with supervisor.nk' },
    { flags: '--lease <seconds>', text: 'silence after which the others take its labs; the same for all (default 5)' },
  ],
  schema: z.object({ nats: z.string().min(1).optional(), creds: z.string().min(1).optional(), lease: z.coerce.number().positive().optional() }),
  run: async (_context, { nats, creds, lease }) => {
    const { runSupervisor } = await import('../../controller/run-supervisor.ts');
    const env = { LABWRIGHT_NATS_URL: nats ?? process.env['LABWRIGHT_NATS_URL'], LABWRIGHT_NATS_CREDS: creds ?? process.env['LABWRIGHT_NATS_CREDS'] };
    return (await runSupervisor({ home: homeDir(), env, leaseSeconds: lease })) === 0 ? EXIT.ok : EXIT.failed;
  },
});
