// What the supervisor is told by its environment.
import { z } from 'zod';
import type { Patience } from './host-registry.ts';

/** Each variable that this process reads, with its meaning. */
export const SupervisorSettings = z.object({
  LABWRIGHT_NATS_URL: z.string().min(1).describe('the NATS server'),
  LABWRIGHT_NATS_CREDS: z.string().min(1).describe('file with the credentials for it'),
  LABWRIGHT_NATS_CONFIG: z.string().min(1).optional().describe('configuration of the NATS server, where it is ours'),
  LABWRIGHT_HOST_LOST_SECONDS: z.coerce.number().positive().default(15).describe('seconds of silence after which a host is lost; a third of it makes it suspect'),
  LABWRIGHT_ANSWER_SECONDS: z.coerce.number().positive().optional().describe('seconds within which hosts have to answer orders before they are asked again; fits each kind of order where unset'),
  LABWRIGHT_LEASE_SECONDS: z.coerce.number().positive().default(5).describe('seconds within which another supervisor has the labs of this one when it stands still'),
  LABWRIGHT_KEEP_DESTROYED_DAYS: z.coerce.number().nonnegative().optional().describe('days after which the log of a destroyed lab is pruned; by `labwright prune` only where unset'),
  LABWRIGHT_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info').describe('least level that its log holds'),
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
  const parsed = SupervisorSettings.safeParse(env);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
    throw new Error(`the supervisor cannot start: ${faults}. It is started by \`labwright up\`; by hand, set these variables`);
  }
  const { LABWRIGHT_NATS_URL: natsUrl, LABWRIGHT_NATS_CREDS: credentialsPath, LABWRIGHT_NATS_CONFIG: natsConfigPath, LABWRIGHT_LOG_LEVEL: logLevel, LABWRIGHT_HOST_LOST_SECONDS: lostSeconds, LABWRIGHT_ANSWER_SECONDS: answerSeconds, LABWRIGHT_LEASE_SECONDS: leaseSeconds, LABWRIGHT_KEEP_DESTROYED_DAYS: keepDays } = parsed.data;
  return { natsUrl, credentialsPath, natsConfigPath, logLevel, patience: { suspectMs: (lostSeconds * 1000) / 3, lostMs: lostSeconds * 1000 }, leaseMs: leaseSeconds * 1000, answerWithinMs: answerSeconds === undefined ? undefined : Math.round(answerSeconds * 1000), keepDestroyedMs: keepDays === undefined ? undefined : keepDays * 86_400_000 };
}
