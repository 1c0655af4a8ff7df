// The small parent: takes the installation's lock, keeps its processes alive in order, and stops them in reverse order.
import { mkdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { ControllerError } from './controller-error.ts';
import { tryLock } from './file-lock.ts';
import type { FileLock } from './file-lock.ts';
import { KeptProcess } from './kept-process.ts';
import { boundLog } from './log-file.ts';
import { PARENT_NAME } from './parent-record.ts';
import { readProcessIdentity } from './process-identity.ts';
import { writeProcessRecord } from './process-record.ts';
import type { ProcessSpec } from './process-spec.ts';
import type { StateDir } from './state-dir.ts';

const LOCK_TRIES = 20;
const LOCK_PAUSE_MS = 100;
const SERVING_WAIT_MS = 60_000;
const LOG_CHECK_MS = 5_000;
const MAX_PARENT_LOG_BYTES = 4 * 1024 * 1024;

export type ParentOptions = {
  readonly dir: StateDir;
  readonly version: string;
  readonly log: Logger;
  /** Called once the lock is held, so that two parents never make credentials or ports at once. */
  readonly makeSpecs: (onNatsMoved: () => void) => Promise<readonly ProcessSpec[]>;
};

/** How a parent came to its end: `held` = another parent has the lock. */
export type ParentEnd = 'held' | 'stopped' | 'released';

export type ParentOrder = 'stop' | 'release' | 'retry';

/** Makes the directories of an installation; those that hold secrets are for their owner only. */
export const makeStateDir = async (dir: StateDir): Promise<void> => {
  await mkdir(dir.home, { recursive: true, mode: 0o755 });
  for (const path of [dir.credentialsDir, dir.runDir, dir.logDir, dir.natsDir]) {
    await mkdir(path, { recursive: true, mode: 0o700 });
  }
};

/** Runs until an order ends it. `orders` yields what signals ask for.
 *  @throws {ControllerError} from `makeSpecs` or the lock. */
export const runParent = async (options: ParentOptions, orders: AsyncIterable<ParentOrder>): Promise<ParentEnd> => {
  await makeStateDir(options.dir);
  const lock = await takeParentLock(options.dir);
  if (lock === undefined) return 'held';
  try {
    return await keepAll(options, orders);
  } finally {
    await lock.close();
  }
};

const keepAll = async (options: ParentOptions, orders: AsyncIterable<ParentOrder>): Promise<ParentEnd> => {
  const { dir, log } = options;
  await writeOwnRecord(options, 'starting');
  const kept: KeptProcess[] = [];
  const specs = await options.makeSpecs(() => {
    for (const one of kept.slice(1)) one.renew();
  });
  kept.push(...specs.map((spec) => new KeptProcess(spec, log)));
  const over = new AbortController();
  const started = startInOrder(kept, over.signal, log).then(async () => {
    if (!over.signal.aborted) await writeOwnRecord(options, 'running');
  });
  const bounded = boundOwnLog(dir, over.signal);
  const end = await obey(orders, kept);
  over.abort();
  log.info({ end }, 'parent ends');
  await started;
  await bounded;
  await endAll(kept.toReversed(), end);
  await writeOwnRecord(options, 'stopped');
  return end;
};

const endAll = async (kept: readonly KeptProcess[], end: 'stopped' | 'released'): Promise<void> => {
  const failures: unknown[] = [];
  // One that cannot be ended must not keep the others running.
  for (const one of kept) await (end === 'stopped' ? one.stop() : one.release()).catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
};

const obey = async (orders: AsyncIterable<ParentOrder>, kept: readonly KeptProcess[]): Promise<'stopped' | 'released'> => {
  for await (const order of orders) {
    if (order === 'stop') return 'stopped';
    if (order === 'release') return 'released';
    for (const one of kept) one.retry();
  }
  return 'stopped';
};

const startInOrder = async (kept: readonly KeptProcess[], signal: AbortSignal, log: Logger): Promise<void> => {
  for (const one of kept) {
    if (signal.aborted) return;
    await one.start();
    if (one.spec.untilServing === undefined || one.record.state === 'failed') continue;
    // The others reconnect by themselves: one that serves late or never must not keep them from their care.
    const limit = AbortSignal.any([signal, AbortSignal.timeout(SERVING_WAIT_MS)]);
    await one.spec.untilServing(limit).catch((err: unknown) => {
      if (!signal.aborted) log.warn({ err, process: one.spec.name }, 'process does not serve yet');
    });
  }
};

// A command that looks whether a parent lives may hold the lock for a moment; so may one that stops a dead parent's children.
const takeParentLock = async (dir: StateDir): Promise<FileLock | undefined> => {
  for (let attempt = 0; attempt < LOCK_TRIES; attempt += 1) {
    const lock = await tryLock(dir.parentLock);
    if (lock !== undefined) return lock;
    await delay(LOCK_PAUSE_MS);
  }
  return undefined;
};

const writeOwnRecord = async (options: ParentOptions, state: 'starting' | 'running' | 'stopped'): Promise<void> => {
  const identity = readProcessIdentity(process.pid);
  if (identity === undefined) throw new ControllerError('not-ready', '/proc does not show this process; it must be mounted.');
  const about = { name: PARENT_NAME, state, restarts: 0, deaths: [], version: options.version };
  const sinceMs = Date.now() - Math.round(process.uptime() * 1_000);
  await writeProcessRecord(options.dir.parentRecord, state === 'stopped' ? about : { ...about, identity, sinceMs });
};

const boundOwnLog = async (dir: StateDir, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    await boundLog(dir.parentLog, MAX_PARENT_LOG_BYTES).catch(() => undefined);
    await delay(LOG_CHECK_MS, undefined, { signal }).catch(() => undefined);
  }
};
