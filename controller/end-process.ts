// Ends one process: asks, waits, then forces; exactly that process, never one that inherited its pid.
import { setTimeout as delay } from 'node:timers/promises';
import { ControllerError } from './controller-error.ts';
import { isAlive, signalProcess } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

const POLL_MS = 20;
const KILL_WAIT_MS = 5_000;

export type EndOptions = {
  readonly name: string;
  /** From SIGTERM to SIGKILL. */
  readonly stopGraceMs: number;
};

/** SIGTERM, then after the grace time SIGKILL; returns when it is gone. Gone already is success.
 *  @throws {ControllerError} `stop-failed` (retryable) when it outlives SIGKILL by 5 s. */
export const endProcess = async (identity: ProcessIdentity, options: EndOptions): Promise<void> => {
  signalProcess(identity, 'SIGTERM');
  if (await isGoneWithin(identity, options.stopGraceMs)) return;
  signalProcess(identity, 'SIGKILL');
  if (await isGoneWithin(identity, KILL_WAIT_MS)) return;
  throw new ControllerError('stop-failed', `${options.name} (process ${identity.pid}) is still there ${KILL_WAIT_MS} ms after SIGKILL; it hangs in the kernel.`, {
    retryable: true,
    details: { pid: identity.pid },
  });
};

/** Waits until exactly this process is gone; false when it still lives at the end of the time. */
export const isGoneWithin = async (identity: ProcessIdentity, ms: number): Promise<boolean> => {
  const endAt = performance.now() + ms;
  while (isAlive(identity)) {
    if (performance.now() >= endAt) return false;
    await delay(POLL_MS);
  }
  return true;
};
