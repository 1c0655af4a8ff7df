// Observations from hosts to the supervisor: durable, so that nothing a host saw is lost while the supervisor is away.
import type { NatsConnection } from '@nats-io/transport-node';
import type { z } from 'zod';
import { HostId } from '../machines/vocabulary/ids.ts';
import type { Consuming, GivenBack } from './batch-queue.ts';
import { consumeBatches, publishBatch } from './batch-queue.ts';
import type { PublishOptions } from './publish-acked.ts';
import { OBSERVATION_CONSUMER, OBSERVATION_STREAM, renewReportConsumer } from './streams.ts';
import { lastTokenName, observationSubject, subjectToken } from './subjects.ts';

/**
 * Sends reports of a host; resolves when the server stored them.
 * @param msgId - unique for the host; a repeat within two minutes is stored once
 * @throws {TransportError} see `publishBatch`.
 */
export async function publishReports<T>(nc: NatsConnection, hostId: HostId, reports: readonly T[], msgId: string, options?: PublishOptions): Promise<void> {
  await publishBatch(nc, { subject: observationSubject(hostId), items: reports, msgId: `${subjectToken(hostId)}/${msgId}` }, options);
}

export interface ReceivedReport<T> {
  /** Taken from the subject, which the server lets only this host use: trust this one, not the content. */
  readonly hostId: HostId;
  readonly report: T;
  /** Sequence in the stream; may come again after a crash. */
  readonly seq: number;
  /** When the stream was made (epoch ms): sequences of another one begin again. */
  readonly streamBorn: number;
  readonly redelivered: boolean;
}

export interface ReportHandling<T> {
  readonly schema: z.ZodType<T>;
  /**
   * Gets all reports that wait, in the order they came. Resolve once what they mean is in the log: that acknowledges them, but
   * for messages whose `seq` is given back, which come again in a while: for whoever they concern.
   */
  handle(reports: readonly ReceivedReport<T>[]): Promise<GivenBack | void>;
  /** An item that the schema refuses, a message that is none, a `handle` that rejected. */
  onProblem(error: unknown): void;
  /** Most messages in one call; 500 by default. */
  readonly maxMessages?: number;
  /** Calls of `handle` at the same time, begun in the order of the queue; 1 by default. */
  readonly parallel?: number;
}

/** Consumes the observations of all hosts until stopped, from the oldest on that nobody acknowledged: whoever took it before is no more. */
export function consumeReports<T>(nc: NatsConnection, handling: ReportHandling<T>): Consuming {
  let streamBorn = 0;
  return consumeBatches(nc, {
    prepare: async () => {
      ({ streamBorn } = await renewReportConsumer(nc));
    },
    stream: OBSERVATION_STREAM,
    consumer: OBSERVATION_CONSUMER,
    schema: handling.schema,
    maxMessages: handling.maxMessages ?? 500,
    parallel: handling.parallel ?? 1,
    handle: async (messages) => {
      const reports = messages.flatMap((message) =>
        message.items.map((report) => ({ hostId: HostId.parse(lastTokenName(message.subject)), report, seq: message.seq, streamBorn, redelivered: message.redelivered })));
      return await handling.handle(reports);
    },
    onProblem: (error) => handling.onProblem(error),
  });
}
