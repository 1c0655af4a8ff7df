// The supervisor process: reads its configuration, connects, resumes, serves the ops API, ends on a signal.
import { flushCompileCache } from 'node:module';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { connectNats, serverFeatures } from '../nats/connect.ts';
import { watchConnection } from '../nats/connection-watch.ts';
import { readCredentials } from '../nats/credentials.ts';
import { readDurability } from '../nats/durability.ts';
import { LOG_REDACTION } from '../nats/log-redaction.ts';
import type { OpsFailure } from '../nats/ops-contract.ts';
import { serveOps } from '../nats/ops-services.ts';
import { inboxPrefixOf } from '../nats/roles.ts';
import { boundRepeats } from './bound-repeats.ts';
import { readConfig } from './config.ts';
import { SteppedDownError } from './lab-actor.ts';
import { serveLabFiles } from './lab-files.ts';
import { watchLoop } from './loop-watch.ts';
import { OpsError } from './ops-error.ts';
import { opsHandlers } from './ops-handlers.ts';
import { routeOps } from './ops-routing.ts';
import { pruneOldLogs } from './prune-old-logs.ts';
import { startSupervisor } from './supervisor.ts';

/** Compiled code is kept for the next start (where NODE_COMPILE_CACHE is set) once the first rush is over: who is killed writes nothing. */
const KEEP_CODE_AFTER_MS = 2_000;

const config = readConfig(process.env);
const logger = pino({ level: config.logLevel, redact: LOG_REDACTION, hooks: { logMethod: boundRepeats(Date.now) }, base: { room: 'supervisor', pid: process.pid } });
const { version } = JSON.parse(await readFile(join(import.meta.dirname, '..', 'package.json'), 'utf8')) as { version: string };
const nc = await connectNats({
  url: config.natsUrl, credentials: await readCredentials(config.credentialsPath), inboxPrefix: inboxPrefixOf({ role: 'supervisor' }), name: 'labwright supervisor',
});
const loop = watchLoop(logger);

const supervisor = await startSupervisor(nc, { logger, now: Date.now, patience: config.patience, leaseMs: config.leaseMs, answerWithinMs: config.answerWithinMs, version });
const files = serveLabFiles(nc, { logger, now: Date.now, labs: async () => (await supervisor.labs()).map((actor) => actor.latest), isOurs: () => supervisor.concerns(undefined, 'files-put') });
const failureOf = (error: unknown): OpsFailure => {
  if (error instanceof OpsError) return { code: error.code, message: error.message, retryable: error.retryable, details: error.details };
  if (error instanceof SteppedDownError) return { code: error.code, message: error.message, retryable: error.retryable, details: {} };
  logger.error({ err: error }, 'request failed');
  return { code: 'internal', message: error instanceof Error ? error.message : String(error), retryable: true, details: {} };
};
const handlers = opsHandlers({ supervisor, nc, files, version, durable: async () => await readDurability({ configPath: config.natsConfigPath, version: serverFeatures(nc).version }), loop, now: Date.now });
// Before the first request can come: who was given one answers it, also when told to end in the same moment.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void end(signal));
const starting = serveOps(nc, {
  version,
  handlers: routeOps(handlers, { supervisor, failureOf }),
  failureOf,
  concerns: (lab, verb) => supervisor.concerns(lab, verb),
  onProblem: ({ verb, reason, err }) => logger.warn({ verb, reason, err }, 'request was not answered'),
});
await starting;
const pruning = pruneOldLogs(supervisor, { keepMs: config.keepDestroyedMs, now: Date.now, logger });
logger.info({ version, supervisor: supervisor.id }, 'supervisor serves');
setTimeout(flushCompileCache, KEEP_CODE_AFTER_MS).unref();

async function end(signal: string): Promise<void> {
  logger.info({ signal }, 'supervisor ends');
  const connection = watchConnection(nc);
  // Without a connection nobody can be told, and nothing can be finished: what was acknowledged is in the log.
  if (connection.isConnected) {
    await connection.orDisconnect(endInOrder()).catch((error: unknown) => logger.warn({ err: error }, 'supervisor could not end in order'));
    await nc.close();
  }
  process.exit(0);
}

async function endInOrder(): Promise<void> {
  await (await starting).stop();
  files.stop();
  pruning.stop();
  await supervisor.stop();
}
