// Streams, buckets and consumers as data, and the idempotent making of them.
import { randomUUID } from 'node:crypto';
import type { ConsumerConfig, JetStreamManager, StreamConfig } from '@nats-io/jetstream';
import { AckPolicy, DeliverPolicy, DiscardPolicy, JetStreamApiCodes, JetStreamApiError, jetstreamManager, ReplayPolicy, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { Objm } from '@nats-io/obj';
import type { NatsConnection } from '@nats-io/transport-node';
import { nanos } from '@nats-io/transport-node';
import type { HostId } from '../machines/vocabulary/ids.ts';
import { TransportError } from './errors.ts';
import { subjectToken, SUBJECT_ROOT, workSubject } from './subjects.ts';

const INCARNATION_KEY = 'lw.incarnation';
const STREAM_NAME_IN_USE = 10058;

export const LOG_STREAM = 'LW_LOG';
export const CLAIMS_STREAM = 'LW_CLAIMS';
export const WORK_STREAM = 'LW_WORK';
export const OBSERVATION_STREAM = 'LW_OBS';
export const OBSERVATION_CONSUMER = 'supervisor';
export const SNAPSHOT_BUCKET = 'lw_snapshots';
export const HOST_BUCKET = 'lw_hosts';
export const BLOB_BUCKET = 'lw_blobs';
/** Apart from the other blobs, which hosts must not read: those are whole labs. */
export const FILE_BUCKET = 'lw_files';

type StreamSettings = Partial<StreamConfig> & { readonly name: string; readonly subjects: string[] };

/** No log is bounded by count, size or age: it is the only truth. Orders and observations go when acknowledged; of claims the last one counts. */
export const STREAM_SETTINGS: readonly StreamSettings[] = [
  {
    name: LOG_STREAM,
    description: 'Labwright: the event log, one subject a lab; the only truth',
    subjects: [`${SUBJECT_ROOT}.log.*`],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    // No entry can be taken out; a destroyed lab's subject as a whole can be pruned, by the supervisor alone.
    deny_delete: true,
    deny_purge: false,
    allow_direct: true,
    duplicate_window: nanos(120_000),
  },
  {
    name: CLAIMS_STREAM,
    description: 'Labwright: what each lab holds of what all labs share; derived from the log, one message a lab',
    subjects: [`${SUBJECT_ROOT}.claims.*`],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    max_msgs_per_subject: 1,
    duplicate_window: nanos(120_000),
  },
  {
    name: WORK_STREAM,
    description: 'Labwright: orders to hosts, kept until acknowledged',
    subjects: [`${SUBJECT_ROOT}.work.*`],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    duplicate_window: nanos(120_000),
  },
  {
    name: OBSERVATION_STREAM,
    description: 'Labwright: observations of hosts, kept until acknowledged',
    subjects: [`${SUBJECT_ROOT}.obs.*`],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    duplicate_window: nanos(120_000),
  },
];

/** Short, because a consumer that died holds its messages for so long; whoever works longer says so in between. */
export const ACK_WAIT_MS = 3_000;

const QUEUE_CONSUMER: Partial<ConsumerConfig> = {
  ack_policy: AckPolicy.Explicit,
  ack_wait: nanos(ACK_WAIT_MS),
  deliver_policy: DeliverPolicy.All,
  replay_policy: ReplayPolicy.Instant,
  max_deliver: -1,
  max_ack_pending: 2_000,
};

export interface StreamsReady {
  /** Made once with the log stream: another value means another log. */
  readonly incarnation: string;
}

/**
 * Makes whatever is missing of streams, buckets and the supervisor's consumer, and brings settings up to date.
 * @param options.replicas - copies in a cluster, 1 by default; existing streams keep theirs
 * @throws {TransportError} `streams-not-ready` (retryable) when the server has no JetStream (yet) or refuses.
 */
export async function ensureStreams(nc: NatsConnection, options: { readonly replicas?: number } = {}): Promise<StreamsReady> {
  const replicas = options.replicas ?? 1;
  try {
    const manager = await jetstreamManager(nc, { timeout: 10_000 });
    const kvm = new Kvm(nc);
    await Promise.all([
      ...STREAM_SETTINGS.map(async (settings) => await ensureStream(manager, settings, replicas)),
      ...[SNAPSHOT_BUCKET, HOST_BUCKET].map(async (bucket) => await kvm.create(bucket, { history: 1, storage: StorageType.File, replicas })),
      new Objm(nc).create(BLOB_BUCKET, { storage: StorageType.File, replicas, description: 'Labwright: bodies larger than a message, by sha256' }),
      new Objm(nc).create(FILE_BUCKET, { storage: StorageType.File, replicas, description: 'Labwright: files of labs on their way to hosts, in pieces by sha256' }),
    ]);
    await ensureReportConsumer(manager);
    return { incarnation: await readIncarnation(manager) };
  } catch (cause) {
    if (cause instanceof TransportError) throw cause;
    throw notReady('streams and buckets', cause);
  }
}

/**
 * Makes the supervisors' consumer of reports anew: all that is not acknowledged comes again at once, in its order, also what somebody
 * took who is no more. Who else still consumes goes on with the new one. @throws {TransportError} `streams-not-ready` (retryable).
 */
export async function renewReportConsumer(nc: NatsConnection): Promise<{ readonly streamBorn: number }> {
  try {
    const manager = await jetstreamManager(nc, { checkAPI: false });
    await manager.consumers.delete(OBSERVATION_STREAM, OBSERVATION_CONSUMER).catch((error: unknown) => {
      if (!hasApiCode(error, JetStreamApiCodes.ConsumerNotFound)) throw error;
    });
    await ensureReportConsumer(manager);
    return { streamBorn: Date.parse((await manager.streams.info(OBSERVATION_STREAM)).created) };
  } catch (cause) {
    throw notReady('consumer of reports', cause);
  }
}

/** Makes the durable consumer of one host's orders; a host may not make its own. @throws {TransportError} `streams-not-ready`. */
export async function ensureHostConsumer(nc: NatsConnection, hostId: HostId): Promise<void> {
  const manager = await jetstreamManager(nc, { checkAPI: false });
  await ensureConsumer(manager, WORK_STREAM, hostConsumer(hostId), workSubject(hostId)).catch((cause: unknown) => {
    throw notReady(`consumer of host ${hostId}`, cause);
  });
}

/** Removes a host's consumer and the orders that wait for it: for a host that will not come back. */
export async function removeHostConsumer(nc: NatsConnection, hostId: HostId): Promise<void> {
  const manager = await jetstreamManager(nc, { checkAPI: false });
  await manager.consumers.delete(WORK_STREAM, hostConsumer(hostId)).catch((error: unknown) => {
    if (!hasApiCode(error, JetStreamApiCodes.ConsumerNotFound)) throw notReady(`consumer of host ${hostId}`, error);
  });
  await manager.streams.purge(WORK_STREAM, { filter: workSubject(hostId) });
}

/** Name of the durable consumer of one host. */
export function hostConsumer(hostId: HostId): string {
  return `host-${subjectToken(hostId)}`;
}

async function ensureStream(manager: JetStreamManager, settings: StreamSettings, replicas: number): Promise<void> {
  const present = await manager.streams.info(settings.name).catch((error: unknown) => {
    if (hasApiCode(error, JetStreamApiCodes.StreamNotFound)) return undefined;
    throw error;
  });
  if (present !== undefined) {
    const metadata = present.config.metadata ?? {};
    if (!isAsWanted(present.config, settings)) await manager.streams.update(settings.name, { ...settings, metadata });
    return;
  }
  const metadata = settings.name === LOG_STREAM ? { [INCARNATION_KEY]: randomUUID() } : {};
  await manager.streams.add({ ...settings, num_replicas: replicas, metadata }).catch((error: unknown) => {
    // Another supervisor made it between our two calls, with its own incarnation: that one counts.
    if (!hasApiCode(error, STREAM_NAME_IN_USE)) throw error;
  });
}

function isAsWanted(present: StreamConfig, settings: StreamSettings): boolean {
  const changeable: readonly (keyof StreamConfig)[] = ['description', 'subjects', 'discard', 'duplicate_window'];
  return changeable.every((key) => JSON.stringify(present[key]) === JSON.stringify(settings[key]));
}

async function readIncarnation(manager: JetStreamManager): Promise<string> {
  const { config } = await manager.streams.info(LOG_STREAM);
  const incarnation = config.metadata?.[INCARNATION_KEY];
  if (incarnation !== undefined) return incarnation;
  throw new TransportError('streams-not-ready', {
    message: `stream ${LOG_STREAM} was not made by Labwright: it bears no incarnation. Remove it, or use another NATS account`,
    retryable: false,
  });
}

const ensureReportConsumer = async (manager: JetStreamManager): Promise<void> => await ensureConsumer(manager, OBSERVATION_STREAM, OBSERVATION_CONSUMER, `${SUBJECT_ROOT}.obs.*`);

async function ensureConsumer(manager: JetStreamManager, stream: string, name: string, filter: string): Promise<void> {
  // Adding one that is there with these settings is success; other settings are updated by the same call.
  await manager.consumers.add(stream, { ...QUEUE_CONSUMER, durable_name: name, filter_subject: filter });
}

function hasApiCode(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code;
}

function notReady(what: string, cause: unknown): TransportError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new TransportError('streams-not-ready', { message: `NATS ${what} could not be made: ${why}`, retryable: true, cause });
}
