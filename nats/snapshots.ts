// One snapshot a lab in a KV bucket: packed, checked, large ones by reference to the object store.
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { jetstream } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
import type { LabId } from '../machines/vocabulary/ids.ts';
import { LabId as LabIdSchema } from '../machines/vocabulary/ids.ts';
import { openBlobStore } from './blob-store.ts';
import { bodyText } from './ops-body.ts';
import { serverFeatures } from './connect.ts';
import { readStream } from './read-stream.ts';
import { SNAPSHOT_BUCKET } from './streams.ts';
import { fromSubjectToken, subjectToken } from './subjects.ts';

const pack = promisify(gzip);
/** Room that subject and headers take out of a message. */
const ENVELOPE_BYTES = 4 * 1024;
/** Where the bucket keeps its values; a value without this header stands, one with it tells of its removal. */
const KEYS = `$KV.${SNAPSHOT_BUCKET}.`;
const REMOVAL_HEADER = 'KV-Operation';
const Reference = z.object({ blob: z.string().length(64) });

export interface SnapshotStore<T> {
  save(lab: LabId, snapshot: T): Promise<void>;
  /** Every snapshot that is readable and of its form; the others are left out, since the log is enough without them. */
  load(): Promise<Map<LabId, T>>;
  remove(lab: LabId): Promise<void>;
}

/** Opens the bucket; the streams must be there (`ensureStreams`). */
export async function openSnapshots<T>(nc: NatsConnection, schema: z.ZodType<T>): Promise<SnapshotStore<T>> {
  const bucket = await new Kvm(nc).open(SNAPSHOT_BUCKET);
  const blobs = openBlobStore(nc);
  /** The blob that each lab's snapshot refers to: the next one takes its place. */
  const blobOf = new Map<LabId, string>();
  const put = async (lab: LabId, bytes: Uint8Array | string, blob: string | undefined): Promise<void> => {
    await bucket.put(subjectToken(lab), bytes);
    const previous = blobOf.get(lab);
    if (blob === undefined) blobOf.delete(lab);
    else blobOf.set(lab, blob);
    if (previous !== undefined && previous !== blob) await blobs.remove(previous);
  };
  const read = async (lab: LabId, bytes: Uint8Array): Promise<T | null> => {
    try {
      const direct: unknown = JSON.parse(bodyText(bytes));
      const reference = Reference.safeParse(direct);
      if (reference.success) blobOf.set(lab, reference.data.blob);
      const value: unknown = reference.success ? JSON.parse(bodyText(await blobs.get(reference.data.blob))) : direct;
      const parsed = schema.safeParse(value);
      return parsed.success ? parsed.data : null;
    } catch {
      return null;
    }
  };
  return {
    async save(lab, snapshot) {
      const packed = await pack(JSON.stringify(snapshot), { level: 1 });
      if (packed.length <= serverFeatures(nc).maxPayload - ENVELOPE_BYTES) {
        await put(lab, packed, undefined);
        return;
      }
      const blob = createHash('sha256').update(packed).digest('hex');
      await blobs.put(blob, packed);
      await put(lab, JSON.stringify({ blob }), blob);
    },
    async load() {
      const labs = new Map<LabId, T>();
      // As a stream, not as a watch of its keys: a thousand labs are there in a third of the time.
      for await (const message of readStream(nc, jetstream(nc), { stream: `KV_${SNAPSHOT_BUCKET}`, subject: `${KEYS}>`, from: 1 })) {
        const lab = LabIdSchema.parse(fromSubjectToken(message.subject.slice(KEYS.length)));
        const snapshot = message.headers?.has(REMOVAL_HEADER) === true ? null : await read(lab, message.data);
        if (snapshot === null) labs.delete(lab);
        else labs.set(lab, snapshot);
      }
      return labs;
    },
    async remove(lab) {
      await bucket.purge(subjectToken(lab));
      const blob = blobOf.get(lab);
      blobOf.delete(lab);
      if (blob !== undefined) await blobs.remove(blob);
    },
  };
}
