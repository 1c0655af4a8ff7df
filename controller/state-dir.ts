// Where everything of one installation lies: one state directory, its paths as plain data.
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

/** Environment that decides the place; a part of `process.env`. */
export type HomeEnv = {
  readonly LABWRIGHT_HOME?: string | undefined;
  readonly XDG_STATE_HOME?: string | undefined;
  readonly HOME?: string | undefined;
};

export type StateDir = {
  readonly home: string;
  readonly hostIdentity: string;
  readonly endpoint: string;
  readonly credentialsDir: string;
  readonly runDir: string;
  readonly logDir: string;
  readonly parentLock: string;
  readonly parentRecord: string;
  readonly parentLog: string;
  readonly natsDir: string;
  readonly natsConfig: string;
  readonly natsListen: string;
  readonly natsStore: string;
  readonly natsStoreLock: string;
  readonly supervisorDir: string;
  readonly hostActorDir: string;
  /** Made by Node; may be removed at any time. */
  readonly compiledCode: string;
};

/** The state directory of this user: LABWRIGHT_HOME, else /var/lib/labwright for root, else XDG. Absolute. */
export const resolveHome = (env: HomeEnv, uid: number): string => {
  if (env.LABWRIGHT_HOME) return resolve(env.LABWRIGHT_HOME);
  if (uid === 0) return '/var/lib/labwright';
  // XDG base directory specification: a relative value is to be ignored.
  const xdg = env.XDG_STATE_HOME;
  if (xdg && isAbsolute(xdg)) return join(xdg, 'labwright');
  return join(env.HOME ?? homedir(), '.local', 'state', 'labwright');
};

/** All paths below one state directory; makes nothing. */
export const stateDir = (home: string): StateDir => ({
  home,
  hostIdentity: join(home, 'host-identity.json'),
  endpoint: join(home, 'endpoint.json'),
  credentialsDir: join(home, 'credentials'),
  runDir: join(home, 'run'),
  logDir: join(home, 'log'),
  parentLock: join(home, 'run', 'parent.lock'),
  parentRecord: join(home, 'run', 'parent.json'),
  parentLog: join(home, 'log', 'parent.log'),
  natsDir: join(home, 'nats'),
  natsConfig: join(home, 'nats', 'server.conf'),
  natsListen: join(home, 'nats', 'listen.json'),
  natsStore: join(home, 'nats', 'store'),
  // Inside the store's own parent, so that a copied or linked home meets the same lock.
  natsStoreLock: join(home, 'nats', 'store.lock'),
  supervisorDir: join(home, 'supervisor'),
  hostActorDir: join(home, 'host-actor'),
  compiledCode: join(home, 'compiled-code'),
});

/** Record of one process: pid, start time, restarts, last failure. */
export const processRecordPath = (dir: StateDir, name: string): string => join(dir.runDir, `${name}.json`);

/** Lock that one process holds as long as it lives. */
export const processLockPath = (dir: StateDir, name: string): string => join(dir.runDir, `${name}.lock`);

/** Log file of one process; bounded, the older half is `<file>.1`. */
export const processLogPath = (dir: StateDir, name: string): string => join(dir.logDir, `${name}.log`);
