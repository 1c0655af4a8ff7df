// Reads a stream in order and goes on with what comes, without end and through reconnects.
import { setTimeout as delay } from 'node:timers/promises';
import type { ConsumerMessages, JetStreamClient, JsMsg } from '@nats-io/jetstream';
import { DeliverPolicy } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { watchConnection } from './connection-watch.ts';
import type { ReadRange } from './read-stream.ts';
import { inFlightLimit } from './read-stream.ts';

const AGAIN_MS = 100;

export interface FollowedStream {
  readonly messages: AsyncIterable<JsMsg>;
  /** Sequence of the last message that was dealt with: the one before it was asked for the next. */
  readonly seq: number;
  stop(): void;
}

/** Begins at once; each message comes once, in the order of the stream. Ends with `stop` or with the connection. */
export function followStream(nc: NatsConnection, js: JetStreamClient, range: ReadRange): FollowedStream {
  const cursor = { seq: range.from - 1 };
  let stopped = false;
  let current: ConsumerMessages | undefined;
  // What was on its way when the connection went is asked for again, after what was dealt with.
  const stopListening = watchConnection(nc).onReconnect(() => current?.stop());
  async function* messages(): AsyncGenerator<JsMsg, void, void> {
    while (!stopped && !nc.isClosed()) {
      try {
        current = await open(nc, js, { ...range, from: cursor.seq + 1 });
        for await (const message of current) {
          if (stopped) return;
          yield message;
          cursor.seq = message.seq;
        }
      } catch {
        // No server, no stream leader: the next try tells.
      }
      await watchConnection(nc).whenConnected();
      await delay(AGAIN_MS);
    }
  }
  return {
    messages: messages(),
    get seq() {
      return cursor.seq;
    },
    stop() {
      stopped = true;
      stopListening();
      current?.stop();
    },
  };
}

async function open(nc: NatsConnection, js: JetStreamClient, range: ReadRange): Promise<ConsumerMessages> {
  const consumer = await js.consumers.get(range.stream, {
    filter_subjects: range.subject, inactive_threshold: 60_000, deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Math.max(range.from, 1),
  });
  const messages = await consumer.consume({ ...inFlightLimit(nc), idle_heartbeat: 1_000 });
  void stopWhenSilent(messages);
  return messages;
}

async function stopWhenSilent(messages: ConsumerMessages): Promise<void> {
  for await (const status of messages.status()) if (status.type === 'heartbeats_missed') messages.stop();
}
