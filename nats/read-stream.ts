// Reads what a stream holds now, in order, fast, to its end.
import type { Consumer, ConsumerMessages, JetStreamClient, JsMsg, OrderedConsumerOptions } from '@nats-io/jetstream';
import { DeliverPolicy } from '@nats-io/jetstream';

/** The client's default of 100 halves the speed. */
const MESSAGES_AT_ONCE = 5_000;

export interface ReadRange {
  readonly stream: string;
  readonly subject: string;
  /** First stream sequence to read, or only the last message of each subject. */
  readonly from: number | 'last-per-subject';
}

/** Yields the messages that are there when it is called, and those that arrive while it reads; then it ends. */
export async function* readStream(js: JetStreamClient, range: ReadRange): AsyncGenerator<JsMsg, void, void> {
  const consumer = await js.consumers.get(range.stream, orderedOptions(range));
  const { num_pending: waiting } = await consumer.info(true);
  if (waiting === 0) {
    await discard(consumer);
    return;
  }
  const messages = await consumer.consume({ max_messages: MESSAGES_AT_ONCE, idle_heartbeat: 1_000 });
  void endWhenDrained(consumer, messages);
  try {
    for await (const message of messages) {
      yield message;
      if (message.info.pending === 0) break;
    }
  } finally {
    messages.stop();
    await discard(consumer);
  }
}

function orderedOptions(range: ReadRange): Partial<OrderedConsumerOptions> {
  const start = range.from === 'last-per-subject'
    ? { deliver_policy: DeliverPolicy.LastPerSubject }
    : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Math.max(range.from, 1) };
  return { filter_subjects: range.subject, inactive_threshold: 60_000, ...start };
}

/** A purge while we read takes the last message away, whose `pending: 0` would have ended the loop. */
async function endWhenDrained(consumer: Consumer, messages: ConsumerMessages): Promise<void> {
  for await (const status of messages.status()) {
    if (status.type !== 'heartbeat' && status.type !== 'heartbeats_missed') continue;
    const info = await consumer.info().catch(() => undefined);
    if (info?.num_pending === 0) messages.stop();
  }
}

async function discard(consumer: Consumer): Promise<void> {
  // It vanishes by itself after inactivity; deleting it only frees the server earlier.
  await consumer.delete().catch(() => false);
}
