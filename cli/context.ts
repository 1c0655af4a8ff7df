// What every command gets: the terminal, the options that stand before or after any verb, and the way to the controller.
import { z } from 'zod';
import { openSession } from './open-client.ts';
import type { Session, StartWhen } from './open-client.ts';
import type { ExitCode } from './exit-code.ts';
import { parseDurationMs } from '../topology/duration.ts';
import type { Terminal } from './terminal.ts';

/** A duration option, as milliseconds. */
export const Duration = z.string().transform((text, issues) => {
  const ms = parseDurationMs(text);
  if (ms !== undefined) return ms;
  issues.addIssue({ code: 'custom', message: `${JSON.stringify(text)} is no duration: write e.g. 90s, 10m or 1h30m` });
  return z.NEVER;
});

export const GlobalOptions = z.object({
  topo: z.string().min(1).optional(),
  vars: z.array(z.string().min(1)).optional(),
  name: z.string().min(1).optional(),
  timeout: Duration.optional(),
  runtime: z.string().optional(),
  debug: z.boolean().default(false),
  logLevel: z.string().optional(),
  json: z.boolean().default(false),
});
export type GlobalOptions = z.infer<typeof GlobalOptions>;

export type Context = {
  readonly terminal: Terminal;
  readonly globals: GlobalOptions;
};

/** Opens a session, hands it to `work`, and closes it whatever happens. */
export async function withSession(context: Context, options: { start: StartWhen }, work: (session: Session) => Promise<ExitCode>): Promise<ExitCode> {
  const session = await openSession({ start: options.start, terminal: context.terminal });
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}
