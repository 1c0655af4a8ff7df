// Reads what a stream holds now, in order, fast, to its end; through reconnects, and never more at once than a connection bears.
import { setTimeout as delay } from 'node:timers/promises';
import type { Consumer, ConsumerMessages, JetStreamClient, JsMsg } from '@nats-io/jetstream';
import { DeliverPolicy } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { watchConnection } from './connection-watch.ts';
import { serverFeatures } from './connect.ts';
import { TransportError } from './errors.ts';

/** The client's default of 100 halves the speed. */
const MESSAGES_AT_ONCE = 5_000;
/** A server cuts a connection off to which it has more than 64 MiB to write. */
const BYTES_AT_ONCE = 16 * 1024 * 1024;
const ATTEMPTS = 20;

export interface ReadRange {
  readonly stream: string;
  readonly subject: string;
  /** First stream sequence to read. */
  readonly from: number;
}

type InFlight = { readonly max_messages: number } | { readonly max_bytes: number };

interface Cursor {
  /** Sequence of the last message that was handed on. */
  seq: number;
}

/** So much in flight that a consumer of messages of any size neither starves nor has its connection cut off. */
export function inFlightLimit(nc: NatsConnection): { readonly max_bytes: number } {
  return { max_bytes: Math.max(BYTES_AT_ONCE, serverFeatures(nc).maxPayload * 2) };
}

/**
 * Yields the messages that are there when it is called, and those that arrive while it reads; then it ends.
 * @throws {TransportError} `nats-unavailable` (retryable) when the server does not let it read for a minute or so.
 */
export async function* readStream(nc: NatsConnection, js: JetStreamClient, range: ReadRange): AsyncGenerator<JsMsg, void, void> {
  const cursor: Cursor = { seq: range.from - 1 };
  let limit: InFlight | undefined;
  for (let isEnd = false; !isEnd; ) {
    const consumer = await openConsumer(nc, js, range, cursor);
    const { num_pending: waiting } = await consumer.info(true);
    try {
      if (waiting === 0) return;
      // When the first consumer did not come through, messages may be larger than they look: fewer at once.
      limit = limit === undefined ? await firstLimit(nc, js, { stream: range.stream, waiting }) : inFlightLimit(nc);
      const messages = await consumer.consume({ ...limit, idle_heartbeat: 1_000 });
      isEnd = yield* readWhileSpeaking(consumer, messages, cursor);
    } finally {
      // It vanishes by itself after inactivity; deleting it only frees the server earlier.
      if (!nc.isClosed()) await consumer.delete().catch(() => false);
    }
    if (nc.isClosed()) throw new TransportError('connection-closed', { message: `the connection to NATS was closed while stream ${range.stream} was read`, retryable: false });
  }
}

/** Returns whether the last message was read; if not, the consumer fell silent and another one shows what is left. */
async function* readWhileSpeaking(consumer: Consumer, messages: ConsumerMessages, cursor: Cursor): AsyncGenerator<JsMsg, boolean, void> {
  void stopWhenSilent(consumer, messages);
  try {
    for await (const message of messages) {
      yield message;
      cursor.seq = message.seq;
      if (message.info.pending === 0) return true;
    }
    return false;
  } finally {
    messages.stop();
  }
}

/**
 * A purge may have taken away the last message, which would have ended the loop; a connection that was cut off may have
 * swallowed messages that the server counts as delivered. Neither shows in the consumer itself.
 */
async function stopWhenSilent(consumer: Consumer, messages: ConsumerMessages): Promise<void> {
  for await (const status of messages.status()) {
    if (status.type !== 'heartbeat' && status.type !== 'heartbeats_missed') continue;
    const info = await consumer.info().catch(() => undefined);
    // What was read and waits to be handed on is not silence.
    if (info?.num_pending === 0 && messages.getPending() === 0) messages.stop();
  }
}

async function firstLimit(nc: NatsConnection, js: JetStreamClient, of: { stream: string; waiting: number }): Promise<InFlight> {
  if (of.waiting <= 100) return inFlightLimit(nc);
  const manager = await js.jetstreamManager(false);
  const { state } = await manager.streams.info(of.stream);
  const meanBytes = state.bytes / Math.max(state.messages, 1);
  return meanBytes * MESSAGES_AT_ONCE < BYTES_AT_ONCE ? { max_messages: MESSAGES_AT_ONCE } : inFlightLimit(nc);
}

async function openConsumer(nc: NatsConnection, js: JetStreamClient, range: ReadRange, cursor: Cursor): Promise<Consumer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await js.consumers.get(range.stream, {
        filter_subjects: range.subject, inactive_threshold: 60_000, deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Math.max(cursor.seq + 1, 1),
      });
    } catch (cause) {
      if (nc.isClosed() || attempt === ATTEMPTS) {
        throw new TransportError('nats-unavailable', { message: `stream ${range.stream} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, retryable: true, cause });
      }
      await watchConnection(nc).whenConnected();
      await delay(Math.min(50 * attempt, 500));
    }
  }
}
