// Stops the controller and leaves all labs running.
import { access } from 'node:fs/promises';
import { dirname } from 'node:path';
import { adoptProcess } from './adopt-process.ts';
import { ControllerError } from './controller-error.ts';
import { endProcess, isGoneWithin } from './end-process.ts';
import { findLockHolders, tryLock } from './file-lock.ts';
import { NATS_SERVER } from './nats-server-spec.ts';
import { readLivingParent } from './parent-record.ts';
import { signalProcess } from './process-identity.ts';
import { readProcessRecord, writeProcessRecord } from './process-record.ts';
import { processLockPath, processRecordPath, stateDir } from './state-dir.ts';
import type { StateDir } from './state-dir.ts';
import { isUnitActive, stopUnit } from './systemd-unit.ts';

export type DownOptions = {
  readonly home: string;
  readonly deadlineMs?: number;
};

/** `orphans`: no parent lived, its processes were stopped one by one. */
export type DownOutcome = 'stopped' | 'orphans-stopped' | 'nothing-ran';

const DEADLINE_MS = 60_000;
const STOP_GRACE_MS = 10_000;
const STOP_ORDER = ['host-actor', 'supervisor', NATS_SERVER] as const;

/** Returns when host-actor, supervisor and nats-server are gone, in this order. Nothing there is success.
 *  @throws {ControllerError} `stop-failed` (retryable), `systemd-failed`. */
export const stopController = async (options: DownOptions): Promise<DownOutcome> => {
  const dir = stateDir(options.home);
  const parent = await readLivingParent(dir);
  if (parent === undefined) return stopOrphans(dir);
  if (await isUnitActive()) await stopUnit();
  signalProcess(parent.identity, 'SIGTERM');
  if (await isGoneWithin(parent.identity, options.deadlineMs ?? DEADLINE_MS)) {
    await stopOrphans(dir);
    return 'stopped';
  }
  throw new ControllerError('stop-failed', `The controller's parent (process ${parent.identity.pid}) did not end in time. Log: ${dir.parentLog}`, {
    retryable: true,
  });
};

// Under the parent's lock, so that no parent starts what is being stopped.
const stopOrphans = async (dir: StateDir): Promise<DownOutcome> => {
  const there = await readProcessRecord(dir.parentRecord);
  if (there === undefined) return 'nothing-ran';
  const lock = await tryLock(dir.parentLock);
  if (lock === undefined) throw new ControllerError('stop-failed', 'Another command is starting or stopping this controller.', { retryable: true });
  try {
    let stopped = 0;
    for (const name of STOP_ORDER) stopped += (await stopOrphan(dir, name)) ? 1 : 0;
    return stopped > 0 ? 'orphans-stopped' : 'nothing-ran';
  } finally {
    await lock.close();
  }
};

const stopOrphan = async (dir: StateDir, name: string): Promise<boolean> => {
  const recordPath = processRecordPath(dir, name);
  const record = await readProcessRecord(recordPath);
  if (record === undefined) return false;
  const lockPath = name === NATS_SERVER ? dir.natsStoreLock : processLockPath(dir, name);
  // Without its directory nobody can hold the lock.
  const lock = await access(dirname(lockPath)).then(() => tryLock(lockPath), () => undefined);
  if (lock !== undefined) await lock.close();
  if (lock !== undefined || (await findLockHolders(lockPath)).length === 0) return false;
  const adoption = await adoptProcess({ name, lockPath, recordPath }, record).catch((error: unknown) => {
    // A stranger's process is not ours to stop.
    if (error instanceof ControllerError && error.code === 'locked-by-stranger') return undefined;
    throw error;
  });
  if (adoption === undefined) return false;
  await endProcess(adoption.identity, { name, stopGraceMs: STOP_GRACE_MS });
  await writeProcessRecord(recordPath, { name, state: 'stopped', restarts: 0, deaths: [] });
  return true;
};
