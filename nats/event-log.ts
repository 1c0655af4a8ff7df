// The event log: appended with expected sequence and entry id, so that one writer wins; read back by lab or as a whole.
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { JetStreamManager, StoredMsg } from '@nats-io/jetstream';
import type { MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import { headers } from '@nats-io/transport-node';
import type { z } from 'zod';
import type { EpochMs, LabId } from '../machines/vocabulary/ids.ts';
import { openBlobStore } from './blob-store.ts';
import { decodeBody, encodeBody, ENCODING_HEADER } from './codec.ts';
import { watchConnection } from './connection-watch.ts';
import { serverFeatures } from './connect.ts';
import { crashPoint } from './crash-point.ts';
import { LogConflictError, TransportError } from './errors.ts';
import type { Publisher, PublishOptions } from './publish-acked.ts';
import { publishAcked } from './publish-acked.ts';
import { followStream } from './follow-stream.ts';
import { readStream } from './read-stream.ts';
import { makeSlots } from './slots.ts';
import { LOG_STREAM } from './streams.ts';
import { labOfLogSubject, logSubject, subjectToken, SUBJECT_ROOT } from './subjects.ts';

/** Marks a message as an entry of ours, and names it; what lacks it is no entry (see `readable`). */
const ENTRY_HEADER = 'Lw-Entry';
/** Larger windows buy only latency. */
const IN_FLIGHT = 256;

export interface Append<T> {
  readonly labId: LabId;
  /** Sequence of the lab's last entry; 0 when it has none. */
  readonly expectedSeq: number;
  /** Never used for another entry: it tells a lost acknowledgement from another writer's entry. */
  readonly entryId: string;
  readonly entry: T;
}

export interface LogRecord<T> {
  readonly labId: LabId;
  /** Sequence in the stream: grows within a lab, with gaps. */
  readonly seq: number;
  readonly entryId: string;
  readonly storedAt: EpochMs;
  readonly entry: T;
}

export interface EventLog<T> {
  /**
   * Appends one entry and resolves with its sequence once it is stored. A lost acknowledgement is resolved inside.
   * @throws {LogConflictError} another writer appended. @throws {TransportError} `nats-unavailable`: outcome unknown, the
   * same call may be made again; `nats-refused`, `connection-closed`.
   */
  append(append: Append<T>, options?: PublishOptions): Promise<number>;
  /** Entries of one lab from a sequence on (default: all), to the present end. @throws {MessageInvalidError}. */
  read(labId: LabId, fromSeq?: number): AsyncIterable<LogRecord<T>>;
  /**
   * The next `count` entries of one lab from a sequence on, which are known to be there: a few are had in less time than
   * `read` needs to begin. @throws {MessageInvalidError}.
   */
  readFew(labId: LabId, fromSeq: number, count: number): AsyncIterable<LogRecord<T>>;
  /** Entries of all labs after a sequence, in the order of the stream, to the present end. @throws {MessageInvalidError}. */
  readAll(afterSeq?: number): AsyncIterable<LogRecord<T>>;
  /**
   * Entries of all labs after a sequence, those to come included: without end, through reconnects, until `stop`. What `options.skip`
   * says of lab, sequence and entry id is left out unread; what cannot be read is told and left out.
   */
  follow(afterSeq: number, options: FollowOptions): Following<T>;
  /** Sequence of the last entry of any lab; 0 in a new log. @throws {TransportError} `nats-unavailable`. */
  endSeq(): Promise<number>;
  /** Sequence of the lab's last entry; 0 when it has none. @throws {TransportError} `nats-unavailable`, as the next two. */
  lastSeq(labId: LabId): Promise<number>;
  /** Labs that have a log, with the number of their entries, sorted by name. */
  listLabs(): Promise<ReadonlyMap<LabId, number>>;
  /** Removes the whole log of a destroyed lab, for good. */
  prune(labId: LabId): Promise<void>;
}

export interface FollowOptions {
  skip(labId: LabId, seq: number, entryId: string): boolean;
  unreadable(labId: LabId, error: unknown): void;
}

export interface Following<T> {
  readonly records: AsyncIterable<LogRecord<T>>;
  /** Sequence up to which all that the stream holds was handed on or left out. */
  readonly seq: number;
  stop(): void;
}

interface Parts<T> {
  readonly schema: z.ZodType<T>;
  readonly publisher: Publisher;
  readonly manager: JetStreamManager;
  readonly blobs: ReturnType<typeof openBlobStore>;
}

/** Opens the log; the streams must be there (`ensureStreams`). At most 256 appends are in flight over all labs. */
export async function openEventLog<T>(nc: NatsConnection, schema: z.ZodType<T>): Promise<EventLog<T>> {
  const parts: Parts<T> = {
    schema,
    publisher: { nc, js: jetstream(nc), watch: watchConnection(nc) },
    manager: await jetstreamManager(nc, { checkAPI: false }),
    blobs: openBlobStore(nc),
  };
  const slots = makeSlots(IN_FLIGHT);
  return {
    append: async (entry, options) => await slots.run(async () => await appendEntry(parts, entry, options)),
    read: (labId, fromSeq) => readRecords(parts, logSubject(labId), fromSeq ?? 1),
    readFew: (labId, fromSeq, count) => readFew(parts, labId, { fromSeq, count }),
    readAll: (afterSeq) => readRecords(parts, `${SUBJECT_ROOT}.log.*`, (afterSeq ?? 0) + 1),
    follow: (afterSeq, options) => follow(parts, afterSeq, options),
    endSeq: async () => await answered('read the end of the log', parts.manager.streams.info(LOG_STREAM).then(({ state }) => state.last_seq)),
    lastSeq: async (labId) => (await lastMessage(parts.manager, labId))?.seq ?? 0,
    listLabs: async () => await answered('list the labs of the log', listLabs(parts.manager)),
    prune: async (labId) => {
      await answered(`prune the log of lab ${labId}`, parts.manager.streams.purge(LOG_STREAM, { filter: logSubject(labId) }));
    },
  };
}

async function appendEntry<T>(parts: Parts<T>, append: Append<T>, options?: PublishOptions): Promise<number> {
  const { nc } = parts.publisher;
  const subject = logSubject(append.labId);
  const body = await encodeBody(append.entry, { maxPayload: serverFeatures(nc).maxPayload, blobs: parts.blobs, where: subject });
  if (body.encoding === 'blob') crashPoint('log/after-blob');
  const mark = headers();
  mark.set(ENTRY_HEADER, append.entryId);
  if (body.encoding !== 'json') mark.set(ENCODING_HEADER, body.encoding);
  const msgId = `${subjectToken(append.labId)}/${append.entryId}`;
  const done = await publishAcked(parts.publisher, { subject, bytes: body.bytes, msgId, headers: mark, expectedSeq: append.expectedSeq }, options);
  if (done.outcome === 'stored') return done.seq;
  // Refused or known: it is ours only if the last message of the subject bears our id (newer servers check the sequence first).
  const last = await lastMessage(parts.manager, append.labId);
  const lastEntryId = last === null ? undefined : entryIdOf(last.header);
  if (last !== null && lastEntryId === append.entryId) return last.seq;
  throw new LogConflictError({ labId: append.labId, expectedSeq: append.expectedSeq, lastSeq: last?.seq ?? 0, lastEntryId, entryId: append.entryId });
}

async function* readRecords<T>(parts: Parts<T>, subject: string, from: number): AsyncGenerator<LogRecord<T>, void, void> {
  for await (const message of readStream(parts.publisher.nc, parts.publisher.js, { stream: LOG_STREAM, subject, from })) {
    const record = await recordOf(parts, message.subject, { seq: message.seq, data: message.data, header: message.headers, time: message.time });
    if (record !== undefined) yield record;
  }
}

async function* readFew<T>(parts: Parts<T>, labId: LabId, range: { fromSeq: number; count: number }): AsyncGenerator<LogRecord<T>, void, void> {
  const subject = logSubject(labId);
  let { fromSeq } = range;
  for (let missing = range.count; missing > 0; missing -= 1) {
    const message = await answered(`read the log of lab ${labId}`, parts.manager.direct.getMessage(LOG_STREAM, { seq: fromSeq, next_by_subj: subject }));
    // A replica may be behind what was counted; a consumer is asked of the leader.
    if (message === null) {
      yield* readRecords(parts, subject, fromSeq);
      return;
    }
    const record = await recordOf(parts, subject, message);
    if (record !== undefined) yield record;
    fromSeq = message.seq + 1;
  }
}

function follow<T>(parts: Parts<T>, afterSeq: number, options: FollowOptions): Following<T> {
  const stream = followStream(parts.publisher.nc, parts.publisher.js, { stream: LOG_STREAM, subject: `${SUBJECT_ROOT}.log.*`, from: afterSeq + 1 });
  async function* records(): AsyncGenerator<LogRecord<T>, void, void> {
    for await (const message of stream.messages) {
      const labId = labOfLogSubject(message.subject);
      const entryId = entryIdOf(message.headers);
      if (labId === undefined || (entryId !== undefined && options.skip(labId, message.seq, entryId))) continue;
      const stored = { seq: message.seq, data: message.data, header: message.headers, time: message.time };
      const record = await recordOf(parts, message.subject, stored).catch((error: unknown) => options.unreadable(labId, error));
      if (record) yield record;
    }
  }
  return {
    records: records(),
    get seq() {
      return stream.seq;
    },
    stop: () => stream.stop(),
  };
}

type Stored = { readonly seq: number; readonly data: Uint8Array; readonly header: MsgHdrs | undefined; readonly time: Date };

async function recordOf<T>(parts: Parts<T>, subject: string, stored: Stored): Promise<LogRecord<T> | undefined> {
  const labId = labOfLogSubject(subject);
  const entryId = entryIdOf(stored.header);
  if (labId === undefined || entryId === undefined) return undefined;
  const encoding = stored.header?.get(ENCODING_HEADER) ?? '';
  const where = `${subject} (sequence ${stored.seq})`;
  const entry = await decodeBody(parts.schema, stored.data, encoding, { where, blobs: parts.blobs });
  return { labId, seq: stored.seq, entryId, storedAt: stored.time.getTime(), entry };
}

// Asked of the stream's leader, not by direct get: a replica may be behind.
async function lastMessage(manager: JetStreamManager, labId: LabId): Promise<StoredMsg | null> {
  return await answered(`read the last entry of lab ${labId}`, manager.streams.getMessage(LOG_STREAM, { last_by_subj: logSubject(labId) }));
}

async function answered<T>(what: string, request: Promise<T>): Promise<T> {
  return await request.catch((cause: unknown) => {
    throw new TransportError('nats-unavailable', { message: `could not ${what}: ${cause instanceof Error ? cause.message : String(cause)}; the same call may be made again`, retryable: true, cause });
  });
}

function entryIdOf(header: MsgHdrs | undefined): string | undefined {
  const id = header?.get(ENTRY_HEADER) ?? '';
  return id === '' ? undefined : id;
}

async function listLabs(manager: JetStreamManager): Promise<ReadonlyMap<LabId, number>> {
  const info = await manager.streams.info(LOG_STREAM, { subjects_filter: `${SUBJECT_ROOT}.log.*` });
  const labs = new Map<LabId, number>();
  for (const subject of Object.keys(info.state.subjects ?? {}).sort()) {
    const labId = labOfLogSubject(subject);
    if (labId !== undefined) labs.set(labId, info.state.subjects?.[subject] ?? 0);
  }
  return labs;
}
