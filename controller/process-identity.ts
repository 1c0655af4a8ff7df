// Which process this is, so that a reused pid is never taken for it: pid, start time, boot.
import { readFileSync } from 'node:fs';

/** Source: proc_pid_stat(5), field 22 starttime, in clock ticks since boot. */
export type ProcessIdentity = {
  readonly pid: number;
  readonly startTicks: number;
  readonly bootId: string;
};

export type ProcessUse = {
  readonly cpuSeconds: number;
  readonly rssMiB: number;
};

// USER_HZ is 100 on every Linux that Node runs on (include/uapi/asm-generic/param.h).
const TICKS_PER_SECOND = 100;

type Stat = { readonly state: string; readonly startTicks: number; readonly cpuTicks: number };

/** Identity of a living process; undefined when there is none or only its zombie is left. */
export const readProcessIdentity = (pid: number): ProcessIdentity | undefined => {
  const stat = readStat(pid);
  return stat === undefined ? undefined : { pid, startTicks: stat.startTicks, bootId: readBootId() };
};

/** True while exactly this process lives: same pid, same start, same boot, not a zombie. */
export const isAlive = (identity: ProcessIdentity): boolean => {
  const now = readProcessIdentity(identity.pid);
  return now !== undefined && now.startTicks === identity.startTicks && now.bootId === identity.bootId;
};

/** Processor time and memory used by a living process; undefined when it is gone. */
export const readProcessUse = (identity: ProcessIdentity): ProcessUse | undefined => {
  if (!isAlive(identity)) return undefined;
  const stat = readStat(identity.pid);
  const status = readText(`/proc/${identity.pid}/status`);
  if (stat === undefined || status === undefined) return undefined;
  const rssKiB = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  return { cpuSeconds: stat.cpuTicks / TICKS_PER_SECOND, rssMiB: Math.round(rssKiB / 102.4) / 10 };
};

/** Sends a signal only when exactly this process still lives; says whether it was sent. */
export const signalProcess = (identity: ProcessIdentity, signal: NodeJS.Signals): boolean => {
  if (!isAlive(identity)) return false;
  try {
    return process.kill(identity.pid, signal);
  } catch {
    return false;
  }
};

/** Id of the running boot of this kernel. */
export const readBootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

const readStat = (pid: number): Stat | undefined => {
  const text = readText(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The command may hold spaces and brackets; the fields begin after the last bracket, with field 3.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const state = fields[0] ?? 'X';
  if (state === 'Z' || state === 'X') return undefined;
  return {
    state,
    startTicks: Number(fields[19]),
    cpuTicks: Number(fields[11]) + Number(fields[12]),
  };
};

const readText = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};
