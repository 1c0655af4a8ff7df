// Removes logs of labs that were destroyed long enough ago, where a time was set; without one they stay until somebody prunes them.
import type { Logger } from 'pino';
import type { Supervisor } from './supervisor.ts';

/** By then a supervisor that has just started knows which labs fall to it. */
const FIRST_LOOK_MS = 2_000;
const LOOK_EVERY_MS = 60_000;

export type Retention = { readonly keepMs: number | undefined; readonly now: () => number; readonly logger: Logger };

/** Looks soon and then every minute, until stopped. Each supervisor prunes the labs that fall to it; those of one that died, once that is known. */
export function pruneOldLogs(supervisor: Pick<Supervisor, 'labs' | 'concerns' | 'forget'>, { keepMs, now, logger }: Retention): { stop(): void } {
  if (keepMs === undefined) return { stop: () => undefined };
  const prune = async (): Promise<void> => {
    for (const { id, latest } of await supervisor.labs()) {
      const { value, context } = latest.lab;
      if (value !== 'destroyed' || context.destroyedAt === null || now() - context.destroyedAt < keepMs || !supervisor.concerns(id, 'prune')) continue;
      await supervisor.forget(id);
      logger.info({ labId: id, destroyedAt: context.destroyedAt }, 'log of a destroyed lab was pruned: its time is over');
    }
  };
  const look = (): void => void prune().catch((err: unknown) => logger.warn({ err }, 'logs of destroyed labs could not be pruned, it is tried again'));
  const first = setTimeout(look, FIRST_LOOK_MS).unref();
  const timer = setInterval(look, LOOK_EVERY_MS).unref();
  return {
    stop() {
      clearTimeout(first);
      clearInterval(timer);
    },
  };
}
