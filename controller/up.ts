// Makes the controller run: starts the parent when none lives, wakes what was given up, waits until all answers.
import { controllerStatus } from './controller-status.ts';
import type { ControllerStatus } from './controller-status.ts';
import { ControllerError } from './controller-error.ts';
import { isGoneWithin } from './end-process.ts';
import { readEndpoint, readExternalNats } from './endpoint.ts';
import { stopController } from './down.ts';
import { startHost, untilJoined } from './join-host.ts';
import { readListen, writeListen } from './listen.ts';
import type { Listen } from './listen.ts';
import { makeStateDir } from './parent.ts';
import { readLivingParent } from './parent-record.ts';
import { signalProcess } from './process-identity.ts';
import { readVersion } from './read-version.ts';
import { parentCommand, startParent } from './start-parent.ts';
import { stateDir } from './state-dir.ts';
import type { StateDir } from './state-dir.ts';
import { hasSystemd, isUnitActive } from './systemd-unit.ts';
import { untilAnswers, untilHostJoined } from './until-answers.ts';

export type UpStep = 'runs-already' | 'parent-replaced' | 'parent-started' | 'unit-started' | 'nats-answers' | 'supervisor-answers' | 'host-joined' | 'stopped-to-listen-elsewhere';

export type UpOptions = {
  readonly home: string;
  /** Environment of the parent; that of this process when absent. */
  readonly env?: NodeJS.ProcessEnv;
  readonly deadlineMs?: number;
  readonly onProgress?: (step: UpStep) => void;
  /** `install` writes and starts the systemd unit where there is systemd (`labwright up`); `keep`, the default, uses one that is there. */
  readonly unit?: 'install' | 'keep';
  /** Where the embedded NATS server is to listen from now on; as before when absent. */
  readonly listen?: Listen;
  /** Command of the parent; the real one when absent. */
  readonly parentCommand?: readonly [string, ...string[]];
};

const DEADLINE_MS = 60_000;
const RELEASE_MS = 20_000;

/** Returns when NATS and the supervisor answer. Idempotent: what runs is left alone, only what was given up is tried again.
 *  @throws {ControllerError} `parent-died`, `process-failed` (with the last lines of its log), `not-ready` (deadline; retryable),
 *  `systemd-failed`, `other-nats-in-use`, `external-nats-incomplete`, `empty-secret`. */
export const ensureController = async (options: UpOptions): Promise<ControllerStatus> => {
  const dir = stateDir(options.home);
  const report = options.onProgress ?? ((): void => undefined);
  const unit = options.unit ?? 'keep';
  const sinceMs = Date.now();
  if ((await readEndpoint(dir))?.kind === 'host') return await ensureHost(dir, options);
  await refuseOtherNats(dir, options.env ?? process.env);
  if (options.listen !== undefined) await listenAt(dir, options.listen, report);
  const endAt = performance.now() + (options.deadlineMs ?? DEADLINE_MS);
  let kept = await keepOrRelease(dir, unit, report);
  for (;;) {
    const started = kept
      ? undefined
      : await startParent(dir, { env: options.env ?? process.env, unit, command: options.parentCommand ?? parentCommand(dir.home) });
    if (started !== undefined) report(started.by === 'unit' ? 'unit-started' : 'parent-started');
    const end = await untilAnswers({ dir, sinceMs, started, endAt, onNats: () => report('nats-answers') });
    if (end === 'answered') break;
    // It lived when we looked and died since, or the one that held the lock did: start one of ours.
    kept = false;
  }
  report('supervisor-answers');
  // A deploy waits for the host by itself; a person who asked for the controller wants to see it whole.
  if (unit === 'install' && (await untilHostJoined(dir, endAt))) report('host-joined');
  return controllerStatus(dir);
};

/** A machine that joined a controller elsewhere: its host-actor alone is started. */
const ensureHost = async (dir: StateDir, options: UpOptions): Promise<ControllerStatus> => {
  const endpoint = await readEndpoint(dir);
  if (endpoint === undefined || options.unit !== 'install' || options.listen !== undefined) {
    throw new ControllerError('is-host', `This machine is host ${endpoint?.hostId ?? ''} of the controller at ${endpoint?.url ?? ''}: labs are deployed there. To keep labs of its own here, set LABWRIGHT_HOME to another directory, or run \`labwright host leave\` first.`);
  }
  await startHost(dir, options);
  options.onProgress?.('parent-started');
  await untilJoined(dir, endpoint, performance.now() + (options.deadlineMs ?? DEADLINE_MS));
  options.onProgress?.('host-joined');
  return await controllerStatus(dir);
};

/** A server cannot be told to listen elsewhere while it runs: the controller is stopped and started, labs go on meanwhile. */
const listenAt = async (dir: StateDir, listen: Listen, report: (step: UpStep) => void): Promise<void> => {
  if ((await readExternalNats(process.env)) !== undefined || (await readEndpoint(dir))?.kind === 'external') {
    throw new ControllerError('other-nats-in-use', 'This controller uses an external NATS server: where that one listens is decided there.');
  }
  if (JSON.stringify(await readListen(dir)) === JSON.stringify(listen)) return;
  await makeStateDir(dir);
  if ((await readLivingParent(dir)) !== undefined) {
    await stopController({ home: dir.home });
    report('stopped-to-listen-elsewhere');
  }
  await writeListen(dir, listen);
};

const refuseOtherNats = async (dir: StateDir, env: NodeJS.ProcessEnv): Promise<void> => {
  const wanted = await readExternalNats(env);
  if (wanted === undefined || (await readLivingParent(dir)) === undefined) return;
  const used = await readEndpoint(dir);
  if (used === undefined || used.url === wanted.url) return;
  throw new ControllerError(
    'other-nats-in-use',
    `The running controller uses the ${used.kind} NATS at ${used.url}, LABWRIGHT_NATS_URL names ${wanted.url}. Run \`labwright down\` first: each NATS has labs of its own.`,
  );
};

/** True when a living parent is to be kept; one that is to give way has gone, and its processes go on for the next one. */
const keepOrRelease = async (dir: StateDir, unit: 'install' | 'keep', report: (step: UpStep) => void): Promise<boolean> => {
  const parent = await readLivingParent(dir);
  if (parent === undefined) return false;
  const old = parent.version !== (await readVersion());
  const outsideUnit = unit === 'install' && process.getuid?.() === 0 && (await hasSystemd()) && !(await isUnitActive());
  if (unit === 'install' && (old || outsideUnit)) {
    signalProcess(parent.identity, 'SIGUSR2');
    await isGoneWithin(parent.identity, RELEASE_MS);
    report('parent-replaced');
    return false;
  }
  signalProcess(parent.identity, 'SIGHUP');
  report('runs-already');
  return true;
};
