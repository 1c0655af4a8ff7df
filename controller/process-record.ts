// What the parent writes down about each process it keeps, so that any later parent or command can read it.
import { readFile } from 'node:fs/promises';
import type { ProcessIdentity } from './process-identity.ts';
import type { Death } from './restart-policy.ts';
import { writeAtomically } from './write-atomically.ts';

export type ProcessState = 'starting' | 'running' | 'backoff' | 'failed' | 'stopped';

export type ProcessFailure = {
  readonly atMs: number;
  readonly reason: string;
  readonly lastLines: readonly string[];
};

export type ProcessRecord = {
  readonly name: string;
  readonly state: ProcessState;
  readonly identity?: ProcessIdentity;
  /** Start of this process, epoch ms; kept over an adoption. */
  readonly sinceMs?: number;
  readonly restarts: number;
  /** Deaths inside the restart window; they outlive the parent, so its own death buys no new attempts. */
  readonly deaths: readonly Death[];
  readonly retryAtMs?: number;
  readonly failure?: ProcessFailure;
  readonly version?: string;
};

/** Writes a record; readers see the old or the new one. */
export const writeProcessRecord = async (path: string, record: ProcessRecord): Promise<void> =>
  writeAtomically(path, `${JSON.stringify(record, undefined, 2)}\n`, 0o600);

/** Reads a record; undefined when there is none or it cannot be understood (then the locks tell the truth). */
export const readProcessRecord = async (path: string): Promise<ProcessRecord | undefined> => {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : parseProcessRecord(text);
};

/** The record in this text, or undefined. */
export const parseProcessRecord = (text: string): ProcessRecord | undefined => {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

const STATES: readonly string[] = ['starting', 'running', 'backoff', 'failed', 'stopped'];

const isRecord = (value: unknown): value is ProcessRecord =>
  isObject(value) &&
  typeof value['name'] === 'string' &&
  typeof value['state'] === 'string' &&
  STATES.includes(value['state']) &&
  typeof value['restarts'] === 'number' &&
  Array.isArray(value['deaths']) &&
  value['deaths'].every(isDeath) &&
  (value['identity'] === undefined || isIdentity(value['identity'])) &&
  (value['sinceMs'] === undefined || typeof value['sinceMs'] === 'number') &&
  (value['retryAtMs'] === undefined || typeof value['retryAtMs'] === 'number') &&
  (value['failure'] === undefined || isFailure(value['failure'])) &&
  (value['version'] === undefined || typeof value['version'] === 'string');

const isIdentity = (value: unknown): boolean =>
  isObject(value) &&
  typeof value['pid'] === 'number' &&
  typeof value['startTicks'] === 'number' &&
  typeof value['bootId'] === 'string';

const isFailure = (value: unknown): boolean =>
  isObject(value) &&
  typeof value['atMs'] === 'number' &&
  typeof value['reason'] === 'string' &&
  Array.isArray(value['lastLines']) &&
  value['lastLines'].every((line) => typeof line === 'string');

const isDeath = (value: unknown): boolean =>
  isObject(value) && typeof value['atMs'] === 'number' && typeof value['livedMs'] === 'number';

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
