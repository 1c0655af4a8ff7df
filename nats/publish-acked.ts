// Publishes into a stream until the outcome is known: the only way anything durable is written.
import { setTimeout as delay } from 'node:timers/promises';
import type { JetStreamClient, JetStreamPublishOptions } from '@nats-io/jetstream';
import { JetStreamApiError, JetStreamError } from '@nats-io/jetstream';
import type { MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import { errors } from '@nats-io/transport-node';
import type { ConnectionWatch } from './connection-watch.ts';
import { TransportError } from './errors.ts';

export interface AckedMessage {
  readonly subject: string;
  readonly bytes: Uint8Array;
  /** Unique in its stream; makes every retry harmless. */
  readonly msgId: string;
  readonly headers?: MsgHdrs;
  /** Last sequence on the subject that the writer knows; anything else there is a conflict. */
  readonly expectedSeq?: number;
  /** The same for the whole stream. */
  readonly expectedStreamSeq?: number;
}

export interface PublishOptions {
  readonly signal?: AbortSignal | undefined;
  /** After so long without an answer `nats-unavailable` is thrown; 60,000 by default. The same call may then be made again. */
  readonly patienceMs?: number | undefined;
}

export type PublishOutcome =
  | { readonly outcome: 'stored'; readonly seq: number }
  /** The server has a message with this id, at this sequence, from the duplicate window. */
  | { readonly outcome: 'duplicate'; readonly seq: number }
  | { readonly outcome: 'conflict' };

export interface Publisher {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly watch: ConnectionWatch;
}

/** Server error numbers (server/errors.json): wrong last sequence, the same without the number, same id being written now. */
const WRONG_LAST_SEQUENCE = 10071;
const WRONG_LAST_SEQUENCE_UNKNOWN = 10164;
const DUPLICATE_IN_PROCESS = 10158;
const ATTEMPT_MS = 5_000;

/**
 * Publishes with acknowledgement; a timeout or a lost connection leads to the same message again, with the same id.
 * @throws {TransportError} `nats-unavailable` (retryable, outcome unknown), `nats-refused` (permission, limits), `connection-closed`.
 */
export async function publishAcked(to: Publisher, message: AckedMessage, options: PublishOptions = {}): Promise<PublishOutcome> {
  const giveUpAt = performance.now() + (options.patienceMs ?? 60_000);
  for (let attempt = 0; ; attempt += 1) {
    options.signal?.throwIfAborted();
    try {
      await whenConnected(to, giveUpAt);
      const ack = await to.watch.orDisconnect(to.js.publish(message.subject, message.bytes, publishOptions(message)));
      return { outcome: ack.duplicate === true ? 'duplicate' : 'stored', seq: ack.seq };
    } catch (error) {
      if (isConflict(error)) return { outcome: 'conflict' };
      if (!isTransient(to.nc, error)) throw refused(message, error);
      if (performance.now() >= giveUpAt) throw unavailable(message, error);
      await delay(Math.min(50 * 2 ** attempt, 1_000));
    }
  }
}

async function whenConnected(to: Publisher, giveUpAt: number): Promise<void> {
  if (to.watch.isConnected) return;
  const waiting = new AbortController();
  const patience = delay(Math.max(giveUpAt - performance.now(), 0), undefined, { signal: waiting.signal }).catch(() => undefined);
  await Promise.race([to.watch.whenConnected(), patience]);
  waiting.abort();
}

function publishOptions(message: AckedMessage): Partial<JetStreamPublishOptions> {
  return {
    msgID: message.msgId,
    timeout: ATTEMPT_MS,
    ...(message.headers === undefined ? {} : { headers: message.headers }),
    ...(message.expectedSeq === undefined ? {} : { expect: { lastSubjectSequence: message.expectedSeq } }),
    ...(message.expectedStreamSeq === undefined ? {} : { expect: { lastSequence: message.expectedStreamSeq } }),
  };
}

function isConflict(error: unknown): boolean {
  return error instanceof JetStreamApiError && (error.code === WRONG_LAST_SEQUENCE || error.code === WRONG_LAST_SEQUENCE_UNKNOWN);
}

function isTransient(nc: NatsConnection, error: unknown): boolean {
  if (nc.isClosed()) return false;
  if (error instanceof JetStreamApiError) return error.status === 503 || error.code === DUPLICATE_IN_PROCESS;
  if (error instanceof errors.PermissionViolationError) return false;
  if (error instanceof errors.RequestError && error.cause instanceof errors.PermissionViolationError) return false;
  // What is left: no answer in time, connection lost, no responder yet (the stream is being recovered), odd replies.
  return error instanceof errors.TimeoutError || error instanceof errors.RequestError || error instanceof errors.ConnectionError || error instanceof JetStreamError || isJetStreamAway(error) || isDisconnected(error);
}

function isJetStreamAway(error: unknown): boolean {
  return error instanceof Error && error.name === 'JetStreamNotEnabled';
}

function isDisconnected(error: unknown): boolean {
  return error instanceof TransportError && error.code === 'nats-unavailable';
}

function refused(message: AckedMessage, cause: unknown): TransportError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const closed = cause instanceof errors.ClosedConnectionError || cause instanceof errors.DrainingConnectionError;
  return new TransportError(closed ? 'connection-closed' : 'nats-refused', {
    message: `publish of ${message.msgId} to ${message.subject} was refused: ${why}`,
    retryable: false,
    details: { subject: message.subject, msgId: message.msgId },
    cause,
  });
}

function unavailable(message: AckedMessage, cause: unknown): TransportError {
  return new TransportError('nats-unavailable', {
    message: `publish of ${message.msgId} to ${message.subject} got no answer; whether it was stored is unknown, the same call may be made again`,
    retryable: true,
    details: { subject: message.subject, msgId: message.msgId },
    cause,
  });
}
