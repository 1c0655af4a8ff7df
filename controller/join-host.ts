// Makes this machine a host of a controller elsewhere: checks that both fit, writes identity and credentials, starts the host-actor, waits until it counts.
import { hostname } from 'node:os';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HOST_PROTOCOL, protocolMismatch } from '../machines/vocabulary/host-protocol.ts';
import { credentialsName } from '../nats/roles.ts';
import { ControllerError } from './controller-error.ts';
import { readProcessStatus } from './controller-status.ts';
import { readEndpoint, writeEndpoint } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import type { HostBundle } from './host-bundle.ts';
import { helloOf, helloWith } from './host-hello.ts';
import { claimHostIdentity, readHostIdentity, readMachineId } from './host-identity.ts';
import { readLivingParent } from './parent-record.ts';
import { signalProcess } from './process-identity.ts';
import { readVersion } from './read-version.ts';
import { parentCommand, startParent } from './start-parent.ts';
import { processLogPath, processRecordPath, stateDir } from './state-dir.ts';
import type { StateDir } from './state-dir.ts';
import { stopController } from './down.ts';
import { writeAtomically } from './write-atomically.ts';

export type JoinStep = 'controller-answers' | 'configured' | 'host-actor-started' | 'host-joined';

export type JoinOptions = {
  readonly home: string;
  readonly bundle: HostBundle;
  readonly env?: NodeJS.ProcessEnv;
  readonly deadlineMs?: number;
  readonly onProgress?: (step: JoinStep) => void;
  /** `install` writes the systemd unit where there is systemd. */
  readonly unit?: 'install' | 'keep';
  readonly parentCommand?: readonly [string, ...string[]];
};

const DEADLINE_MS = 60_000;
const HELLO_MS = 3_000;
const POLL_MS = 250;

/** Returns when the supervisor counts this host as joined. Idempotent; with another invitation for the same host its secret is replaced.
 *  @throws {ControllerError} `is-controller`, `is-host`, `other-identity`, `incompatible`, `name-in-use`, `host-not-ready` (retryable); {ConnectError}. */
export const joinHost = async (options: JoinOptions): Promise<Endpoint> => {
  const { bundle } = options;
  const dir = stateDir(options.home);
  const endAt = performance.now() + (options.deadlineMs ?? DEADLINE_MS);
  const before = await refuseOtherLife(dir, bundle);
  await refuseMisfit(bundle, before);
  options.onProgress?.('controller-answers');
  // What it was told at its start no longer holds.
  if (before !== undefined) await stopController({ home: options.home });
  await mkdir(dir.credentialsDir, { recursive: true, mode: 0o700 });
  await claimHostIdentity(dir, { hostname: hostname(), machineId: await readMachineId() }, bundle.hostId);
  await writeAtomically(join(dir.credentialsDir, `${credentialsName({ role: 'host', hostId: bundle.hostId })}.nk`), `${bundle.credentials.trim()}\n`, 0o600);
  const endpoint: Endpoint = { kind: 'host', url: bundle.url, credentials: dir.credentialsDir, hostId: bundle.hostId };
  await writeEndpoint(dir, endpoint);
  options.onProgress?.('configured');
  await startHost(dir, options);
  options.onProgress?.('host-actor-started');
  await untilJoined(dir, endpoint, endAt);
  options.onProgress?.('host-joined');
  return endpoint;
};

/** Starts the parent of a host that has joined; one that runs is woken. */
export const startHost = async (dir: StateDir, options: Pick<JoinOptions, 'env' | 'unit' | 'parentCommand'>): Promise<void> => {
  const living = await readLivingParent(dir);
  if (living !== undefined) {
    signalProcess(living.identity, 'SIGHUP');
    return;
  }
  // The address and the secret of a NATS that this shell knows are those of a controller, not of this host.
  const { LABWRIGHT_NATS_URL: _url, LABWRIGHT_NATS_CREDS: _creds, ...env } = options.env ?? process.env;
  await startParent(dir, { env, unit: options.unit ?? 'keep', command: options.parentCommand ?? parentCommand(dir.home) });
};

/** Waits until the supervisor says that this host has joined. @throws {ControllerError} `incompatible`; `host-not-ready` (retryable) with what is known. */
export const untilJoined = async (dir: StateDir, endpoint: Endpoint, endAt: number): Promise<void> => {
  let heard = 'nothing was heard of the supervisor';
  for (;;) {
    const answer = await helloOf(endpoint, HELLO_MS).catch((error: unknown) => {
      heard = error instanceof Error ? error.message : String(error);
      return undefined;
    });
    if (answer?.refusal !== undefined) throw new ControllerError('incompatible', answer.refusal);
    if (answer !== undefined) heard = `the supervisor says: ${answer.state}${answer.problem === undefined ? '' : ` (${answer.problem})`}`;
    const actor = await readProcessStatus('host-actor', processRecordPath(dir, 'host-actor'));
    if (actor.state === 'running' && answer !== undefined && ['joined', 'cordoned', 'draining'].includes(answer.state)) return;
    if (performance.now() > endAt || actor.state === 'failed') {
      const why = actor.failure === undefined ? '' : `\n${[actor.failure.reason, ...actor.failure.lastLines].join('\n  ')}`;
      throw new ControllerError('host-not-ready', `Host ${endpoint.hostId} has not joined: ${heard}; its host-actor is ${actor.state} (log: ${processLogPath(dir, 'host-actor')})${why}`, { retryable: true });
    }
    await delay(POLL_MS);
  }
};

/** A machine is a controller, or the host of one controller, under one name. */
const refuseOtherLife = async (dir: StateDir, bundle: HostBundle): Promise<Endpoint | undefined> => {
  const before = await readEndpoint(dir);
  if (before !== undefined && before.kind !== 'host') {
    throw new ControllerError('is-controller', `${dir.home} is the state directory of a controller (labs are kept there). To make this machine a host of another one, destroy its labs, run \`labwright down\` and remove ${dir.endpoint}; or set LABWRIGHT_HOME to another directory.`);
  }
  if (before !== undefined && before.hostId !== bundle.hostId) {
    throw new ControllerError('is-host', `This machine is host ${before.hostId} of the controller at ${before.url}. Run \`labwright host leave\` first, or ask for an invitation for that name (labwright host token --host-id ${before.hostId}).`);
  }
  const identity = await readHostIdentity(dir);
  if (identity !== undefined && identity.hostId !== bundle.hostId) {
    throw new ControllerError('other-identity', `This machine is known as host ${identity.hostId}; what labs made here bears that name. Ask for an invitation for it: labwright host token --host-id ${identity.hostId} (or remove ${dir.hostIdentity}, if nothing of labs is left here: it becomes a new host).`);
  }
  return before;
};

const refuseMisfit = async (bundle: HostBundle, before: Endpoint | undefined): Promise<void> => {
  const version = await readVersion();
  const own = { protocol: HOST_PROTOCOL, version };
  const misfit = protocolMismatch('the controller', bundle, own) ?? majorMismatch(bundle.version, version);
  if (misfit !== undefined) throw new ControllerError('incompatible', misfit, { details: { controller: { protocol: bundle.protocol, version: bundle.version }, host: own } });
  const answer = await helloWith(bundle, HELLO_MS);
  if (answer === undefined) throw new ControllerError('host-not-ready', `NATS at ${bundle.url} lets this host in, but no supervisor answers there: see \`labwright status\` on the controller.`, { retryable: true });
  const refusal = answer.refusal ?? protocolMismatch('the controller', answer, own) ?? majorMismatch(answer.version, version);
  if (refusal !== undefined) throw new ControllerError('incompatible', refusal, { details: { controller: { protocol: answer.protocol, version: answer.version }, host: own } });
  if (before === undefined && ['joined', 'cordoned', 'draining'].includes(answer.state)) {
    throw new ControllerError('name-in-use', `Another machine speaks as host ${bundle.hostId} at this moment. Each host needs a name and an invitation of its own: labwright host token.`);
  }
};

const majorOf = (version: string): string => version.split('.')[0] ?? '';

const majorMismatch = (controller: string, host: string): string | undefined =>
  majorOf(controller) === majorOf(host) ? undefined : `the controller is version ${controller}, this host ${host}: their first numbers must be equal. Install version ${controller} here`;
