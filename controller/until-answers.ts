// Waits until NATS and the supervisor answer, or says with the last printed lines why they never will.
import { setTimeout as delay } from 'node:timers/promises';
import { askSupervisor } from './ask-supervisor.ts';
import { readProcessStatus } from './controller-status.ts';
import type { ProcessStatus } from './controller-status.ts';
import { ControllerError } from './controller-error.ts';
import { readEndpoint } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { readLastLines } from './log-file.ts';
import { NATS_SERVER } from './nats-server-spec.ts';
import { EXIT_CODE_HELD } from './parent-program.ts';
import { readLivingParent } from './parent-record.ts';
import type { StartedParent } from './start-parent.ts';
import { processLogPath, processRecordPath } from './state-dir.ts';
import type { StateDir } from './state-dir.ts';

export type UntilAnswersOptions = {
  readonly dir: StateDir;
  /** Value of `performance.now()` at which to give up. */
  readonly endAt: number;
  /** Failures recorded before this time are not of this start. */
  readonly sinceMs: number;
  readonly started: StartedParent | undefined;
  readonly onNats: () => void;
};

const POLL_MS = 50;
const ASK_MS = 500;
const ALL = [NATS_SERVER, 'supervisor', 'host-actor'];

/** Returns when the supervisor answered, or when the parent on which we waited is gone and another must be started.
 *  @throws {ControllerError} `parent-died`, `process-failed` (both with last lines), `not-ready` (retryable). */
export const untilAnswers = async (options: UntilAnswersOptions): Promise<'answered' | 'parent-gone'> => {
  const { dir, endAt, started } = options;
  let exit: number | null | undefined;
  if (started?.by === 'spawn') {
    void started.exit.then((code) => {
      exit = code;
    });
  }
  let heard: 'nothing' | 'nats' = 'nothing';
  for (;;) {
    const living = await readLivingParent(dir);
    // An endpoint without a parent may be an old one, which names an address that is no longer true.
    const answer = living === undefined ? undefined : await ask(await readEndpoint(dir));
    if (answer?.natsVersion !== undefined && heard === 'nothing') {
      heard = 'nats';
      options.onNats();
    }
    if (answer?.supervisorAnswers === true) return 'answered';
    if (living === undefined && (started === undefined || exit === EXIT_CODE_HELD)) return 'parent-gone';
    if (living === undefined && exit !== undefined) throw await parentDied(options, exit);
    await refuseFailed(options);
    if (performance.now() > endAt) throw await notReady(dir, answer?.natsFault);
    await delay(POLL_MS);
  }
};

/** Waits until the supervisor lists this host; false when it does not in the time, or when it lists no hosts at all. */
export const untilHostJoined = async (dir: StateDir, endAt: number): Promise<boolean> => {
  const endpoint = await readEndpoint(dir);
  if (endpoint === undefined) return false;
  while (performance.now() < endAt) {
    const hosts = hostsIn((await askSupervisor(endpoint, ASK_MS)).supervisor);
    if (hosts === undefined) return false;
    if (hosts.includes(endpoint.hostId)) return true;
    await delay(POLL_MS);
  }
  return false;
};

/** Ids of the joined hosts in the answer to `status`. */
const hostsIn = (answer: unknown): string[] | undefined => {
  if (typeof answer !== 'object' || answer === null || !('hosts' in answer) || !Array.isArray(answer.hosts)) return undefined;
  const hosts: readonly unknown[] = answer.hosts;
  return hosts.flatMap((one) =>
    typeof one === 'object' && one !== null && 'host' in one && typeof one.host === 'string' && 'state' in one && one.state === 'joined' ? [one.host] : [],
  );
};

const ask = async (endpoint: Endpoint | undefined) => (endpoint === undefined ? undefined : askSupervisor(endpoint, ASK_MS));

const parentDied = async ({ dir, started }: UntilAnswersOptions, exit: number | null): Promise<ControllerError> => {
  const lines = await readLastLines(dir.parentLog, started?.by === 'spawn' ? started.logFromByte : 0, 5);
  const said = lines.length === 0 ? 'it wrote nothing' : lines.join('\n');
  return new ControllerError('parent-died', `The controller's parent ended with ${exit ?? 'no exit code'} (log: ${dir.parentLog}):\n${said}`, { details: { lines } });
};

const refuseFailed = async ({ dir, sinceMs }: UntilAnswersOptions): Promise<void> => {
  for (const one of await readAll(dir)) {
    if (one.state !== 'failed' || one.failure === undefined || one.failure.atMs < sinceMs) continue;
    throw new ControllerError('process-failed', `${describe(dir, one)}\nRemove the cause, then run \`labwright up\`, which tries again.`, { details: { process: one } });
  }
};

const notReady = async (dir: StateDir, natsFault: string | undefined): Promise<ControllerError> => {
  const states = (await readAll(dir)).map((one) => describe(dir, one));
  const fault = natsFault === undefined ? [] : [`NATS: ${natsFault}`];
  return new ControllerError('not-ready', ['The controller does not answer in time.', ...fault, ...states].join('\n'), { retryable: true });
};

const readAll = async (dir: StateDir): Promise<ProcessStatus[]> => Promise.all(ALL.map((name) => readProcessStatus(name, processRecordPath(dir, name))));

const describe = (dir: StateDir, one: ProcessStatus): string => {
  const why = one.failure === undefined ? '' : `: ${[one.failure.reason, ...one.failure.lastLines].join('\n  ')}`;
  return `${one.name} is ${one.state} (log: ${processLogPath(dir, one.name)})${why}`;
};
