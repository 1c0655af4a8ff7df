// What the supervisor is told by its environment.
import { z } from 'zod';
import type { Patience } from './host-registry.ts';

const Environment = z.object({
  LABWRIGHT_NATS_URL: z.string().min(1),
  LABWRIGHT_NATS_CREDS: z.string().min(1),
  /** Configuration of the NATS server, where it is ours. */
  LABWRIGHT_NATS_CONFIG: z.string().min(1).optional(),
  /** Seconds of silence after which a host is lost; a third of it makes it suspect. */
  LABWRIGHT_HOST_LOST_SECONDS: z.coerce.number().positive().default(15),
  /** Within which hosts have to answer orders before they are asked again. */
  LABWRIGHT_ANSWER_SECONDS: z.coerce.number().positive().optional(),
  /** Seconds of silence after which another supervisor takes the labs of this one. */
  LABWRIGHT_LEASE_SECONDS: z.coerce.number().positive().default(5),
  /** Days after which the log of a destroyed lab is pruned; none = by hand only. */
  LABWRIGHT_KEEP_DESTROYED_DAYS: z.coerce.number().nonnegative().optional(),
  LABWRIGHT_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
});

export type SupervisorConfig = {
  readonly natsUrl: string;
  readonly credentialsPath: string;
  readonly natsConfigPath: string | undefined;
  readonly logLevel: string;
  readonly patience: Patience;
  readonly leaseMs: number;
  readonly answerWithinMs: number | undefined;
  readonly keepDestroyedMs: number | undefined;
};

/** Reads the configuration. @throws Error that names every variable that is missing or wrong. */
export function readConfig(env: NodeJS.ProcessEnv): SupervisorConfig {
  const parsed = Environment.safeParse(env);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
    throw new Error(`the supervisor cannot start: ${faults}. It is started by \`labwright up\`; by hand, set these variables`);
  }
  const { LABWRIGHT_NATS_URL: natsUrl, LABWRIGHT_NATS_CREDS: credentialsPath, LABWRIGHT_NATS_CONFIG: natsConfigPath, LABWRIGHT_LOG_LEVEL: logLevel, LABWRIGHT_HOST_LOST_SECONDS: lostSeconds, LABWRIGHT_ANSWER_SECONDS: answerSeconds, LABWRIGHT_LEASE_SECONDS: leaseSeconds, LABWRIGHT_KEEP_DESTROYED_DAYS: keepDays } = parsed.data;
  return { natsUrl, credentialsPath, natsConfigPath, logLevel, patience: { suspectMs: (lostSeconds * 1000) / 3, lostMs: lostSeconds * 1000 }, leaseMs: leaseSeconds * 1000, answerWithinMs: answerSeconds === undefined ? undefined : Math.round(answerSeconds * 1000), keepDestroyedMs: keepDays === undefined ? undefined : keepDays * 86_400_000 };
}
