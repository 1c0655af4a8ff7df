// Starts the parent: by its systemd unit where that is wanted or there, else detached from terminal and caller.
import { spawn } from 'node:child_process';
import { access } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { openLog, readLogSize } from './log-file.ts';
import { makeStateDir } from './parent.ts';
import type { StateDir } from './state-dir.ts';
import { hasSystemd, installUnit, UNIT_PATH } from './systemd-unit.ts';

export type StartParentOptions = {
  readonly env: NodeJS.ProcessEnv;
  /** `install` writes and starts the unit where there is systemd; `keep` uses one that is there. */
  readonly unit: 'install' | 'keep';
  readonly command: readonly [string, ...string[]];
};

/** How it was started; `exit` resolves when a parent that we spawned ends. */
export type StartedParent =
  | { readonly by: 'unit' }
  | { readonly by: 'spawn'; readonly exit: Promise<number | null>; readonly logFromByte: number };

/** Command that runs the parent of this state directory. */
export const parentCommand = (home: string): [string, ...string[]] => [
  process.execPath,
  join(import.meta.dirname, `main${extname(import.meta.filename)}`),
  '--home',
  home,
];

/** Starts it and returns at once; a second one ends by itself, for the first holds the lock.
 *  @throws {ControllerError} `systemd-failed`. */
export const startParent = async (dir: StateDir, options: StartParentOptions): Promise<StartedParent> => {
  await makeStateDir(dir);
  if (await usesUnit(options.unit)) {
    await installUnit({ home: dir.home, command: options.command, env: unitEnv(options.env) });
    return { by: 'unit' };
  }
  const logFromByte = await readLogSize(dir.parentLog);
  const log = await openLog(dir.parentLog);
  try {
    const [file, ...args] = options.command;
    // Not execa: its output must go to a descriptor that is open already.
    const child = spawn(file, args, { cwd: '/', env: options.env, detached: true, stdio: ['ignore', log.fd, log.fd] });
    const exit = new Promise<number | null>((resolve) => {
      child.once('error', () => resolve(null));
      child.once('exit', (code) => resolve(code));
    });
    child.unref();
    return { by: 'spawn', exit, logFromByte };
  } finally {
    await log.close();
  }
};

// A unit that is there belongs to the person's `up`; a mere deploy only uses it.
const usesUnit = async (unit: 'install' | 'keep'): Promise<boolean> => {
  if (process.getuid?.() !== 0 || !(await hasSystemd())) return false;
  return unit === 'install' || access(UNIT_PATH).then(() => true, () => false);
};

/** Settings of `up` that the unit keeps; those which the controller finds out itself are not among them. */
export const PASSED_ON: readonly string[] = [
  'LABWRIGHT_NATS_URL', 'LABWRIGHT_NATS_CREDS', 'LABWRIGHT_NATS_SERVER', 'PATH',
  'LABWRIGHT_UNDERLAY_ADDRESS', 'LABWRIGHT_CAPACITY_CPUS', 'LABWRIGHT_CPU_OVERCOMMIT', 'LABWRIGHT_CAPACITY_MEMORY_MIB', 'LABWRIGHT_CAPACITY_DISK_MIB', 'LABWRIGHT_DOCKER_SOCKET',
  'LABWRIGHT_PLANE', 'LABWRIGHT_OVS_RUN_DIR', 'LABWRIGHT_OVS_SHARED_BRIDGE', 'LABWRIGHT_OVS_VLANS', 'LABWRIGHT_HOSTS_FILE', 'LABWRIGHT_REPAIRS', 'LABWRIGHT_SWEEP_SECONDS',
  'LABWRIGHT_ECHO_EVERY_MS', 'LABWRIGHT_FINGERPRINT_AFTER_SECONDS', 'LABWRIGHT_HOST_LOST_SECONDS', 'LABWRIGHT_ANSWER_SECONDS', 'LABWRIGHT_LEASE_SECONDS',
  'LABWRIGHT_KEEP_DESTROYED_DAYS', 'LABWRIGHT_LOG_LEVEL',
];

const unitEnv = (env: NodeJS.ProcessEnv): Record<string, string> => {
  const found: Record<string, string> = {};
  for (const name of PASSED_ON) {
    const value = env[name];
    if (value) found[name] = value;
  }
  return found;
};
