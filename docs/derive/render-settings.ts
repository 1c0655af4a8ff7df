// The document of settings: variables that host-actor and supervisor read from the environment of `labwright up`.
import type { z } from 'zod';
import { HostActorSettings } from '../../host-actor/config.ts';
import { SupervisorSettings } from '../../supervisor/config.ts';
import { code, markdownTable } from './markdown-table.ts';

/** Found by the controller, and so nobody's to set but of who starts the process by hand. */
export const BY_CONTROLLER: readonly string[] = ['LABWRIGHT_HOME', 'LABWRIGHT_NATS_URL', 'LABWRIGHT_NATS_CREDS', 'LABWRIGHT_HOST_ID', 'LABWRIGHT_NATS_CONFIG'];

export const renderSettings = (): string => `# Settings

Made from the code by \`node docs/render-docs.ts\`; do not edit.

Read from the environment of \`labwright up\`; with systemd its unit keeps them. What they say holds from the next start of the
controller on (\`labwright down\`, \`labwright up\`), and for the machine that it runs on: on a further host they are set there, for
its own \`labwright up\`. A value that cannot be is refused at the start, with its name.

\`LABWRIGHT_HOME\` is the state directory of all commands (\`/var/lib/labwright\` for root, else below \`XDG_STATE_HOME\`).
\`LABWRIGHT_NATS_URL\` and \`LABWRIGHT_NATS_CREDS\` put a NATS server of yours in the place of the embedded one: [subjects.md](subjects.md).
\`LABWRIGHT_NATS_SERVER\` names the program of the embedded one.

## Host

${table(HostActorSettings)}
## Supervisor

${table(SupervisorSettings)}`;

const table = ({ shape }: { shape: Record<string, z.ZodType> }): string => markdownTable(
  ['variable', 'unset', 'meaning'],
  Object.entries(shape).filter(([name]) => !BY_CONTROLLER.includes(name)).map(([name, schema]) => [code(name), unset(schema), schema.description ?? '']),
);

function unset(schema: z.ZodType): string {
  const { data } = schema.safeParse(undefined);
  return typeof data === 'string' || typeof data === 'number' ? code(`${data}`) : '';
}
