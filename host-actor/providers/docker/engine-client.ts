// The one connection to the engine: every call has a deadline, a place in the line, and errors with a code.
import Docker from 'dockerode';
import { ProviderError } from '../provider-error.ts';
import type { ProviderErrorDetails } from '../provider-error.ts';
import type { VerbOptions } from '../provider.ts';
import { CallLimiter, engineCallsAtOnce } from './call-limiter.ts';
import { EnginePace } from './engine-pace.ts';

export const defaultDeadlineMs = 60_000;
const CREATES_SHARE = 0.25;
/** Places that creates leave free even where nothing else waits: a start that comes soon begins at once. */
const LEFT_FREE = 2;

/** `change` makes, starts and removes containers, in few places, of which `create` takes a share, and what nobody else needs just now:
 *  to start what was just made is a tenth cheaper than to make all and then start all. The others would hold those back and have lines of their own: `read`, `long` (pull, stop with grace) and `exec`. */
export type CallLane = 'create' | 'change' | 'read' | 'long' | 'exec';

export interface EngineCall extends VerbOptions {
  /** What the call does, on what: first words of its error. */
  readonly what: string;
  readonly lane?: CallLane;
}

export class EngineClient {
  /** Of the lanes `change` and `create`: the others look, wait or repair. */
  readonly pace: Pick<EnginePace, 'now'>;
  readonly #docker: Docker;
  readonly #lanes: Readonly<Record<Exclude<CallLane, 'create'>, CallLimiter>>;
  readonly #creates = new CallLimiter(() => this.#createsAtOnce());
  /** Calls in the lane `change` itself, those that wait included. */
  #changes = 0;
  readonly #deadlineMs: number;

  constructor(options: { socketPath?: string | undefined; deadlineMs?: number | undefined; pace?: Pick<EnginePace, 'now'> } = {}) {
    this.pace = options.pace ?? new EnginePace();
    // An explicit empty host keeps a DOCKER_HOST of the environment from overruling the socket.
    this.#docker = new Docker({ socketPath: options.socketPath ?? '/var/run/docker.sock', host: undefined });
    const lane = (most: number) => new CallLimiter(() => most);
    this.#lanes = { change: new CallLimiter(() => this.pace.now.atOnce), read: lane(engineCallsAtOnce), long: lane(engineCallsAtOnce), exec: lane(16) };
    this.#deadlineMs = options.deadlineMs ?? defaultDeadlineMs;
  }

  /** Runs one call. The deadline counts from when it gets its place.
   *  @throws {ProviderError} `engine-timeout`, `engine-unreachable` (retryable), `cancelled`, `engine-failed`; an error that the engine answered keeps its HTTP status in `details.status`. */
  async call<T>(call: EngineCall, run: (docker: Docker, signal: AbortSignal) => Promise<T>): Promise<T> {
    const own = new AbortController();
    try {
      return await this.#inLine(call, async () => {
        const deadlineMs = call.deadlineMs ?? this.#deadlineMs;
        const timer = setTimeout(() => own.abort(new DeadlinePassed(deadlineMs)), deadlineMs);
        const both = call.signal === undefined ? own.signal : AbortSignal.any([call.signal, own.signal]);
        try {
          return await settleAtAbort(run(this.#docker, both), both);
        } finally {
          clearTimeout(timer);
        }
      });
    } catch (error) {
      throw toProviderError(call, error, own.signal);
    }
  }

  #createsAtOnce(): number {
    const { atOnce } = this.pace.now;
    return Math.max(1, Math.floor(atOnce * CREATES_SHARE), atOnce - this.#changes - LEFT_FREE);
  }

  async #inLine<T>({ lane = 'change', signal }: EngineCall, task: () => Promise<T>): Promise<T> {
    if (lane === 'create') return await this.#creates.run(signal, async () => await this.#lanes.change.run(signal, task));
    if (lane !== 'change') return await this.#lanes[lane].run(signal, task);
    this.#changes += 1;
    try {
      return await this.#lanes.change.run(signal, task);
    } finally {
      this.#changes -= 1;
      this.#creates.admitWaiting();
    }
  }

  /** A stream without a deadline (engine events); ends with the signal. Takes no place in a line. */
  open<T>(run: (docker: Docker) => Promise<T>): Promise<T> {
    return run(this.#docker);
  }
}

/** HTTP status of an error that the engine answered, else undefined. */
export function engineStatus(error: unknown): number | undefined {
  if (error instanceof ProviderError) {
    const status = error.details['status'];
    return typeof status === 'number' ? status : undefined;
  }
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : undefined;
}

/** The engine's own words of an error, without the client library's decoration. */
export function engineText(error: unknown): string {
  if (error instanceof ProviderError) {
    const text = error.details['engine'];
    return typeof text === 'string' ? text : error.message;
  }
  if (!(error instanceof Error)) return String(error);
  if ('json' in error && typeof error.json === 'object' && error.json !== null && 'message' in error.json) {
    const text = error.json.message;
    if (typeof text === 'string') return text.trim();
  }
  return error.message.replace(/^\(HTTP code \d+\) [^-]* - /, '').trim();
}

class DeadlinePassed extends Error {
  constructor(deadlineMs: number) {
    super(`no answer within ${deadlineMs} ms`);
  }
}

/** The library leaves a request that was cut off at an unlucky moment pending for ever; this one always settles. */
async function settleAtAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    work.catch(() => {});
  }
}

function toProviderError(call: EngineCall, error: unknown, deadline: AbortSignal): ProviderError {
  if (error instanceof ProviderError) return error;
  if (call.signal?.aborted === true) return new ProviderError('cancelled', `${call.what} was cancelled`, { cause: error });
  if (deadline.aborted) {
    return new ProviderError('engine-timeout', `${call.what} failed: the engine gave ${engineText(deadline.reason)}; look at the engine's own log and at the load of the host`, { retryable: true, cause: error });
  }
  const status = engineStatus(error);
  const engine = engineText(error);
  if (status === undefined && isConnectionError(error)) {
    return new ProviderError('engine-unreachable', `${call.what} failed: the engine does not answer (${engine}); start it, or see that its socket is there`, { retryable: true, cause: error });
  }
  const details: ProviderErrorDetails = status === undefined ? { engine } : { engine, status };
  return new ProviderError('engine-failed', `${call.what} failed: ${engine}`, { retryable: status === undefined || status >= 500, details, cause: error });
}

function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return ['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE', 'EACCES', 'ETIMEDOUT'].includes(String(error.code));
}
