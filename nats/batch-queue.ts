// One way of a durable queue: batches of items published once, and consumed with what waits together handed over together.
import { setTimeout as delay } from 'node:timers/promises';
import type { Consumer, ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import { jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { headers } from '@nats-io/transport-node';
import { z } from 'zod';
import { decodeBody, encodeBody, ENCODING_HEADER } from './codec.ts';
import { serverFeatures } from './connect.ts';
import { watchConnection } from './connection-watch.ts';
import { MessageInvalidError, TransportError } from './errors.ts';
import type { PublishOptions } from './publish-acked.ts';
import { publishAcked } from './publish-acked.ts';
import { inFlightLimit } from './read-stream.ts';
import { ACK_WAIT_MS } from './streams.ts';

export interface BatchMessage<T> {
  readonly items: readonly T[];
  readonly subject: string;
  /** Sequence in the stream. */
  readonly seq: number;
  readonly redelivered: boolean;
}

export interface ConsumeBatches<T> {
  readonly stream: string;
  readonly consumer: string;
  /** Under which prefixes the JetStream API may be found in this account, tried in turn; the usual one when absent. */
  readonly apiPrefixes?: readonly string[];
  readonly schema: z.ZodType<T>;
  /** Done before the first message is taken; tried again while it rejects. */
  readonly prepare?: () => Promise<void>;
  /** Most messages in one call of `handle`. */
  readonly maxMessages: number;
  /** Calls of `handle` at the same time, begun in the order of the queue; with 1 each ends before the next begins. */
  readonly parallel: number;
  /**
   * Its resolve acknowledges the messages, but for those whose sequence it gives back (they come again after a while); its
   * reject gives all of them back. May see a message twice after a crash.
   */
  handle(messages: readonly BatchMessage<T>[]): Promise<GivenBack | void>;
  /**
   * Told of an item that the schema refuses (the others of its message are handled), of a message that is no list of items
   * (taken out of the queue), of a `handle` or `prepare` that rejected, and of a consumer that is missing.
   */
  onProblem(error: unknown): void;
  /** Told when all that waited has been handled, at once when nothing did; may be told again. */
  onCaughtUp?(): void;
}

/** Sequences of messages that are somebody else's to handle. */
export type GivenBack = ReadonlySet<number>;

export interface Consuming {
  /** Takes no more, waits for the running handlers, gives the rest back to the queue. */
  stop(): Promise<void>;
}

/** When a message that was given back comes again. */
const GIVEN_BACK_MS = 2_000;

/**
 * Publishes items in one message, or in few when they are too large for one; acknowledged, and once for each `msgId`.
 * @param batch.msgId - unique in the stream; the same id means the same items
 * @throws {TransportError} as `publishAcked`; `message-too-large` when a single item is.
 */
export async function publishBatch<T>(nc: NatsConnection, batch: { subject: string; items: readonly T[]; msgId: string }, options?: PublishOptions): Promise<void> {
  const publisher = { nc, js: jetstream(nc), watch: watchConnection(nc) };
  const { maxPayload } = serverFeatures(nc);
  const parts = splitBySize(batch.items, Math.floor(maxPayload / 2));
  for (const [index, items] of parts.entries()) {
    const body = await encodeBody(items, { maxPayload, where: batch.subject });
    const header = headers();
    if (body.encoding !== 'json') header.set(ENCODING_HEADER, body.encoding);
    const msgId = index === 0 ? batch.msgId : `${batch.msgId}#${index}`;
    await publishAcked(publisher, { subject: batch.subject, bytes: body.bytes, msgId, headers: header }, options);
  }
}

/** Splits by the size of the items' JSON, the same way each time for the same items. */
export function splitBySize<T>(items: readonly T[], maxBytes: number): readonly (readonly T[])[] {
  const parts: T[][] = [];
  let current: T[] = [];
  let size = 0;
  for (const item of items) {
    const bytes = Buffer.byteLength(JSON.stringify(item)) + 1;
    if (current.length > 0 && size + bytes > maxBytes) {
      parts.push(current);
      current = [];
      size = 0;
    }
    current.push(item);
    size += bytes;
  }
  if (current.length > 0) parts.push(current);
  return parts;
}

/** Begins to consume and goes on through reconnects until `stop`; waits for a consumer that is not there yet. */
export function consumeBatches<T>(nc: NatsConnection, options: ConsumeBatches<T>): Consuming {
  const loop = new BatchLoop(nc, options);
  const running = loop.run();
  return {
    async stop() {
      loop.stop();
      await running;
    },
  };
}

class BatchLoop<T> {
  readonly #nc: NatsConnection;
  readonly #options: ConsumeBatches<T>;
  readonly #waiting: JsMsg[] = [];
  readonly #unsettled = new Set<JsMsg>();
  readonly #handlers = new Set<Promise<void>>();
  #messages: ConsumerMessages | undefined;
  #stopped = false;
  /** Messages become batches one batch after another, so that batches begin in the order of the queue. */
  #collecting = false;

  constructor(nc: NatsConnection, options: ConsumeBatches<T>) {
    this.#nc = nc;
    this.#options = options;
  }

  stop(): void {
    this.#stopped = true;
    this.#messages?.stop();
  }

  async run(): Promise<void> {
    const inProgress = setInterval(() => {
      for (const message of this.#unsettled) message.working();
    }, ACK_WAIT_MS / 3);
    try {
      await this.#prepare();
      while (!this.#stopped && !this.#nc.isClosed()) {
        const consumer = await this.#findConsumer();
        if (consumer === undefined) continue;
        if ((await consumer.info(true)).num_pending === 0) this.#options.onCaughtUp?.();
        await this.#pull(consumer);
      }
      await Promise.all(this.#handlers);
    } finally {
      clearInterval(inProgress);
      if (!this.#nc.isClosed()) for (const message of this.#unsettled) message.nak();
    }
  }

  async #prepare(): Promise<void> {
    while (!this.#stopped && !this.#nc.isClosed()) {
      try {
        await this.#options.prepare?.();
        return;
      } catch (error) {
        this.#options.onProblem(error);
        await delay(250);
      }
    }
  }

  async #findConsumer(): Promise<Consumer | undefined> {
    const { stream, consumer, apiPrefixes = ['$JS.API'] } = this.#options;
    let cause: unknown;
    for (const apiPrefix of apiPrefixes) {
      try {
        return await jetstream(this.#nc, { apiPrefix }).consumers.get(stream, consumer);
      } catch (error) {
        cause ??= error;
      }
    }
    if (this.#stopped || this.#nc.isClosed()) return undefined;
    this.#options.onProblem(new TransportError('streams-not-ready', { message: `consumer ${consumer} of ${stream} is not there (yet); trying again`, retryable: true, cause }));
    await delay(250);
    return undefined;
  }

  async #pull(consumer: Consumer): Promise<void> {
    // bind: after a reconnect it pulls again at once, instead of asking for consumer info, which a host may be refused.
    this.#messages = await consumer.consume({
      bind: true,
      ...inFlightLimit(this.#nc),
      idle_heartbeat: 1_000,
      callback: (message) => {
        this.#waiting.push(message);
        this.#unsettled.add(message);
        this.#startHandlers();
      },
    });
    if (this.#stopped) this.#messages.stop();
    const ended = await this.#messages.closed();
    if (ended instanceof Error && !this.#stopped) {
      this.#options.onProblem(ended);
      await delay(250);
    }
  }

  #startHandlers(): void {
    while (!this.#stopped && !this.#collecting && this.#waiting.length > 0 && this.#handlers.size < this.#options.parallel) {
      const handler = this.#handleWaiting().finally(() => {
        this.#handlers.delete(handler);
        this.#startHandlers();
      });
      this.#handlers.add(handler);
    }
  }

  async #handleWaiting(): Promise<void> {
    this.#collecting = true;
    // One turn of the loop later all that came in one read of the socket waits together.
    const taken = this.#waiting.splice(0, 1);
    await Promise.resolve();
    taken.push(...this.#waiting.splice(0, this.#options.maxMessages - 1));
    const valid: [JsMsg, BatchMessage<T>][] = [];
    for (const message of taken) {
      const batch = await this.#decode(message);
      if (batch !== undefined) valid.push([message, batch]);
    }
    const handled = valid.length === 0 ? undefined : this.#options.handle(valid.map(([, batch]) => batch));
    this.#collecting = false;
    this.#startHandlers();
    try {
      const givenBack = (await handled) ?? new Set();
      for (const [message, { seq }] of valid) this.#settle(message, (settled) => (givenBack.has(seq) ? settled.nak(GIVEN_BACK_MS) : settled.ack()));
    } catch (error) {
      this.#options.onProblem(error);
      for (const [message] of valid) this.#settle(message, (settled) => settled.nak(500));
      await delay(100);
    }
  }

  async #decode(message: JsMsg): Promise<BatchMessage<T> | undefined> {
    const where = `${message.subject} (sequence ${message.seq})`;
    try {
      const raw = await decodeBody(z.array(z.unknown()), message.data, message.headers?.get(ENCODING_HEADER) ?? '', { where });
      const items = raw.flatMap((item, index) => this.#check(item, `${where}, item ${index}`));
      if (items.length > 0 || raw.length === 0) return { items, subject: message.subject, seq: message.seq, redelivered: message.redelivered };
    } catch (error) {
      this.#options.onProblem(error);
    }
    this.#settle(message, (settled) => settled.term('not valid'));
    return undefined;
  }

  #check(item: unknown, where: string): T[] {
    const checked = this.#options.schema.safeParse(item);
    if (checked.success) return [checked.data];
    const issues = checked.error.issues.map((issue) => ({ path: issue.path.map(String).join('.'), message: issue.message }));
    this.#options.onProblem(new MessageInvalidError(where, issues, checked.error));
    return [];
  }

  #settle(message: JsMsg, answer: (message: JsMsg) => void): void {
    this.#unsettled.delete(message);
    if (!this.#nc.isClosed()) answer(message);
    if (message.info.pending === 0) this.#options.onCaughtUp?.();
  }
}
