// Finds the process that holds a lock and makes sure that it is the one this installation started.
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { ControllerError } from './controller-error.ts';
import { findLockHolders } from './file-lock.ts';
import { isAlive, readProcessIdentity } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';
import type { ProcessRecord } from './process-record.ts';
import type { ProcessSpec } from './process-spec.ts';

/** Environment variable that marks a process as ours; its value is the spec's record path, unique to home and name. */
export const MARK_VARIABLE = 'LABWRIGHT_PROCESS';

/** `known`: it is the very process of the record, so its history holds. */
export type Adoption = { readonly identity: ProcessIdentity; readonly known: boolean };

/** The living holder of the spec's lock, by pid and start time of the record, else by the mark in its environment
 *  (its parent died before it wrote the record).
 *  @throws {ControllerError} `locked-by-stranger` (retryable) when the holder is not ours. */
export const adoptProcess = async (spec: Pick<ProcessSpec, 'name' | 'lockPath' | 'recordPath'>, record: ProcessRecord): Promise<Adoption> => {
  const holders = await findSteadyHolders(spec.lockPath);
  const recorded = record.identity;
  if (recorded !== undefined && holders.includes(recorded.pid) && isAlive(recorded)) {
    return { identity: recorded, known: true };
  }
  for (const pid of holders) {
    const identity = readProcessIdentity(pid);
    if (identity !== undefined && (await bearsMark(pid, spec.recordPath))) return { identity, known: false };
  }
  throw new ControllerError(
    'locked-by-stranger',
    `${spec.name}: lock ${spec.lockPath} is held by ${holders.length === 0 ? 'a process that cannot be seen' : `process ${holders.join(', ')}`}, ` +
      'which this controller did not start. Two of them must not share one store: stop that process, or use another LABWRIGHT_HOME.',
    { retryable: true, details: { lockPath: spec.lockPath, holders } },
  );
};

// Whoever only tries the lock holds it for a moment: look until a real holder shows.
const findSteadyHolders = async (lockPath: string): Promise<number[]> => {
  for (let look = 0; look < 5; look += 1) {
    const holders = await findLockHolders(lockPath);
    if (holders.length > 0) return holders;
    await delay(50);
  }
  return [];
};

const bearsMark = async (pid: number, mark: string): Promise<boolean> => {
  const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
  return environment.split('\0').includes(`${MARK_VARIABLE}=${mark}`);
};
