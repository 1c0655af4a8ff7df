// Typed client of the ops API: requests with checked answers, and a lab's state followed without a gap.
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { errors } from '@nats-io/transport-node';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { z } from 'zod';
import type { LabId } from '../machines/vocabulary/ids.ts';
import type { Notice } from '../machines/vocabulary/lab-view.ts';
import { serverFeatures } from './connect.ts';
import { watchConnection } from './connection-watch.ts';
import { OpsRequestError, TransportError } from './errors.ts';
import { openNoticeInbox } from './notice-inbox.ts';
import { againHeaders, STEPPED_DOWN, STOPPING } from './ops-again.ts';
import { bodyText } from './ops-body.ts';
import { OPS, OpsFailure } from './ops-contract.ts';
import type { OpsRequest, OpsResponse, OpsVerb } from './ops-contract.ts';
import { opsSubject } from './subjects.ts';
import { SupervisorGoneError, untilGone } from './until-gone.ts';
import { watchLab, watchLabs } from './watch-labs.ts';
import type { Watched } from './watch-labs.ts';

export type RequestOptions = {
  readonly lab?: LabId;
  readonly timeoutMs?: number;
  /** How long a request with a commandId is sent again while nobody answers; 10,000 by default. */
  readonly patienceMs?: number;
};

export type OpsClient = {
  /** @throws {OpsRequestError} */
  request<V extends OpsVerb>(verb: V, request: OpsRequest<V>, options?: RequestOptions): Promise<OpsResponse<V>>;
  /** First the present state, then each change folded into it, in order and without a gap. Ends with the signal. */
  watch(lab: LabId, signal: AbortSignal): AsyncGenerator<Watched, void, void>;
  /** The same of all labs, or of one that need not be there yet. */
  watchAll(signal: AbortSignal, only?: LabId): AsyncGenerator<Watched, void, void>;
  /** News of all labs as they come, with no state before them; what comes while the connection is away is lost. */
  notices(signal: AbortSignal, lab?: LabId): AsyncGenerator<Notice, void, void>;
};

const TIMEOUT_MS = 30_000;
const PATIENCE_MS = 10_000;
const RETRY_EVERY_MS = 200;
/** Room that subject and headers take out of a message. */
const ENVELOPE_BYTES = 4 * 1024;
const PACK_ABOVE_BYTES = 256 * 1024;

export function createOpsClient(nc: NatsConnection): OpsClient {
  const request: OpsClient['request'] = async (verb, body, options = {}) => await ask(nc, verb, body, options);
  return {
    request,
    watch: (lab, signal) => watchLab({ nc, ask: request, signal }, lab),
    watchAll: (signal, only) => watchLabs({ nc, ask: request, signal }, only),
    notices: (signal, lab) => notices(nc, signal, lab),
  };
}

async function ask<V extends OpsVerb>(nc: NatsConnection, verb: V, request: OpsRequest<V>, options: RequestOptions): Promise<OpsResponse<V>> {
  const reply = await send(nc, verb, request, options);
  const answer = readAnswer(verb, reply);
  const schema: z.ZodType<OpsResponse<V>> = OPS[verb].response as never;
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new OpsRequestError({ code: 'invalid-answer', message: `answer to ${verb} is not of its form (other version?): ${parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`, retryable: false, details: {} });
}

/**
 * A request with a commandId is sent again as soon as it is known that whoever had it is gone (the connection, or the supervisor),
 * and while nobody answers: twice is as once. A question is asked again when the connection is back. What a supervisor that ends had
 * is asked of the next one, unless it must not be done twice.
 */
async function send<V extends OpsVerb>(nc: NatsConnection, verb: V, request: OpsRequest<V>, options: RequestOptions): Promise<Msg> {
  const text = JSON.stringify(request);
  const body = text.length > PACK_ABOVE_BYTES ? gzipSync(text) : text;
  checkSize(nc, verb, body);
  const patienceMs = isOnce(request) ? (options.patienceMs ?? PATIENCE_MS) : 0;
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const lostUntil = performance.now() + (OPS[verb].kind === 'read' ? timeoutMs : patienceMs);
  let giveUpAt: number | undefined;
  let wasLost = false;
  for (;;) {
    try {
      const reply = (again = false) => nc.request(opsSubject(OPS[verb].kind, verb, options.lab), body, { timeout: timeoutMs, ...(again ? { headers: againHeaders() } : {}) });
      if (isOnce(request)) return unlessElsewhere(await untilGone(nc, reply, 'throw'));
      if (OPS[verb].kind === 'read') return unlessElsewhere(await untilGone(nc, reply, 'again'));
      return await watchConnection(nc).orDisconnect(reply());
    } catch (cause) {
      const failure = unanswered(nc, verb, cause);
      wasLost ||= (failure.code === 'connection-lost' && OPS[verb].kind === 'read') || failure.code === STOPPING || failure.code === STEPPED_DOWN;
      // After a loss whoever answers may come back a little later than we do.
      giveUpAt ??= performance.now() + (wasLost ? Math.max(patienceMs, Math.min(timeoutMs, PATIENCE_MS)) : patienceMs);
      if (!failure.retryable || nc.isClosed() || performance.now() >= (failure.code === 'connection-lost' ? Math.max(lostUntil, giveUpAt) : giveUpAt)) throw new OpsRequestError(failure, { cause });
      // What is sent without a connection is lost.
      if (failure.code === 'connection-lost') await within(watchConnection(nc).whenConnected(), Math.max(lostUntil, giveUpAt) - performance.now());
      else await delay(RETRY_EVERY_MS);
    }
  }
}

async function within(what: Promise<void>, ms: number): Promise<void> {
  const waiting = new AbortController();
  await Promise.race([what, delay(Math.max(ms, 0), undefined, { signal: waiting.signal }).catch(() => undefined)]);
  waiting.abort();
}

function checkSize(nc: NatsConnection, verb: OpsVerb, body: string | Uint8Array): void {
  const bytes = Buffer.byteLength(body);
  const { maxPayload } = serverFeatures(nc);
  if (bytes <= maxPayload - ENVELOPE_BYTES) return;
  throw new OpsRequestError({ code: 'too-large', message: `request to ${verb} has ${bytes} bytes compressed, the server takes ${maxPayload}: raise its max_payload`, retryable: false, details: { bytes, maxPayload } });
}

/** Sent again, it is done no second time. */
const isOnce = (request: object): boolean => 'commandId' in request && request.commandId !== undefined;

/** Another supervisor is to be asked: the one that had it ends, or stood still. */
class AskAnotherError extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** @throws {AskAnotherError}. */
function unlessElsewhere(reply: Msg): Msg {
  const code = reply.headers?.get('Nats-Service-Error') ?? '';
  if (code === STOPPING || code === STEPPED_DOWN) throw new AskAnotherError(code);
  return reply;
}

function readAnswer(verb: OpsVerb, reply: Msg): unknown {
  const answer: unknown = JSON.parse(bodyText(reply.data));
  if (!reply.headers?.get('Nats-Service-Error-Code')) return answer;
  const failure = OpsFailure.safeParse(typeof answer === 'object' && answer !== null && 'error' in answer ? answer.error : undefined);
  throw new OpsRequestError(failure.success ? failure.data : { code: 'invalid-answer', message: `${verb} failed: ${reply.headers.get('Nats-Service-Error')}`, retryable: false, details: {} });
}

function unanswered(nc: NatsConnection, verb: OpsVerb, cause: unknown): OpsFailure {
  const failure = (code: string, why: string, retryable: boolean): OpsFailure => ({ code, message: `${verb} was not answered: ${why}`, retryable, details: {} });
  const inner = cause instanceof errors.RequestError ? cause.cause : cause;
  if (inner instanceof errors.PermissionViolationError) return failure('forbidden', 'these credentials do not permit it', false);
  if (cause instanceof errors.NoRespondersError || (cause instanceof errors.RequestError && cause.isNoResponders())) return failure('no-responders', 'no supervisor is there. See `labwright status`', true);
  if (cause instanceof AskAnotherError) return failure(cause.code, 'the supervisor that had it ends, or does not own the lab. See `labwright status`', true);
  if (cause instanceof SupervisorGoneError) return failure('no-responders', 'the supervisor that had it is gone. See `labwright status`', true);
  if (cause instanceof TransportError && cause.code === 'nats-unavailable' && !nc.isClosed()) return failure('connection-lost', 'the connection to NATS was lost. See `labwright status`', true);
  if (cause instanceof errors.TimeoutError) return failure('timeout', 'the supervisor did not answer in time. See `labwright status`', true);
  return failure('connection-closed', `${cause instanceof Error ? cause.message : String(cause)}. See \`labwright status\``, true);
}

async function* notices(nc: NatsConnection, signal: AbortSignal, lab?: LabId): AsyncGenerator<Notice, void, void> {
  const inbox = openNoticeInbox(nc, signal, lab);
  try {
    for (;;) {
      const next = await inbox.next(Number.POSITIVE_INFINITY);
      if (next === 'end') return;
      if (next !== 'silence') yield next;
    }
  } finally {
    inbox.close();
  }
}
