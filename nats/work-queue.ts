// Orders from the supervisor to hosts: durable, once for each message id, redelivered until the host has them on its disk.
import type { NatsConnection } from '@nats-io/transport-node';
import type { z } from 'zod';
import type { HostId } from '../machines/vocabulary/ids.ts';
import type { Consuming } from './batch-queue.ts';
import { consumeBatches, publishBatch } from './batch-queue.ts';
import type { PublishOptions } from './publish-acked.ts';
import { hostConsumer, WORK_STREAM } from './streams.ts';
import { HOST_JETSTREAM_PREFIX, subjectToken, workSubject } from './subjects.ts';

/**
 * Sends orders to a host; resolves when the server stored them, whether the host is there or not.
 * @param msgId - derived from the log entry that caused them, so that a repeat within two minutes is stored once
 * @throws {TransportError} see `publishBatch`.
 */
export async function publishOrders<T>(nc: NatsConnection, hostId: HostId, orders: readonly T[], msgId: string, options?: PublishOptions): Promise<void> {
  await publishBatch(nc, { subject: workSubject(hostId), items: orders, msgId: `${subjectToken(hostId)}/${msgId}` }, options);
}

export interface OrderHandling<T> {
  readonly schema: z.ZodType<T>;
  /**
   * Gets all orders that wait, in the order they were sent. Resolve once they are safe on the host's disk: that
   * acknowledges them. After a crash before that they come again, so each is known by its id.
   */
  handle(orders: readonly T[]): Promise<void>;
  onProblem(error: unknown): void;
  /** Told when all that waited has been handled, at once when nothing did; may be told again. */
  onCaughtUp?(): void;
  /** Calls of `handle` at the same time; 1 by default, which keeps the order. */
  readonly parallel?: number;
}

/** Consumes one host's orders until stopped; needs `ensureHostConsumer` (by the supervisor), and waits for it. */
export function consumeOrders<T>(nc: NatsConnection, hostId: HostId, handling: OrderHandling<T>): Consuming {
  return consumeBatches(nc, {
    stream: WORK_STREAM,
    consumer: hostConsumer(hostId),
    // The usual prefix is for a server without our accounts.
    apiPrefixes: [HOST_JETSTREAM_PREFIX, '$JS.API'],
    schema: handling.schema,
    maxMessages: 256,
    parallel: handling.parallel ?? 1,
    handle: async (messages) => await handling.handle(messages.flatMap((message) => message.items)),
    onProblem: (error) => handling.onProblem(error),
    onCaughtUp: () => handling.onCaughtUp?.(),
  });
}
