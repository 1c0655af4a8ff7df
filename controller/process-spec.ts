// One process that the parent keeps alive, as data: what to run, where its lock and log lie, how it is stopped.
import { DEFAULT_RESTART_POLICY } from './restart-policy.ts';
import type { RestartPolicy } from './restart-policy.ts';
import { processLockPath, processLogPath, processRecordPath } from './state-dir.ts';
import type { StateDir } from './state-dir.ts';

export type ProcessCommand = {
  readonly file: string;
  /** Seen by every user of the machine: never a secret. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly version: string;
};

export type ProcessSpec = {
  readonly name: string;
  readonly lockPath: string;
  readonly logPath: string;
  readonly recordPath: string;
  readonly maxLogBytes: number;
  /** From SIGTERM to SIGKILL. */
  readonly stopGraceMs: number;
  readonly restart: RestartPolicy;
  /** A running process of another version is started anew when it is adopted. */
  readonly version?: string;
  /** Makes what the process needs and says what to run; called before each start, never for an adoption. */
  readonly prepare: () => Promise<ProcessCommand>;
  /** Resolves when the process serves, so that the next one may start; called after a start and an adoption. */
  readonly untilServing?: (signal: AbortSignal) => Promise<void>;
};

/** A spec with the usual places and limits; `rest` says what is special. */
export const processSpec = (
  dir: StateDir,
  name: string,
  rest: Pick<ProcessSpec, 'prepare'> & Partial<ProcessSpec>,
): ProcessSpec => ({
  name,
  lockPath: processLockPath(dir, name),
  logPath: processLogPath(dir, name),
  recordPath: processRecordPath(dir, name),
  maxLogBytes: 16 * 1024 * 1024,
  stopGraceMs: 10_000,
  restart: DEFAULT_RESTART_POLICY,
  ...rest,
});
