// The object store for bodies that no message can carry, addressed by content.
import { Objm } from '@nats-io/obj';
import type { ObjectStore } from '@nats-io/obj';
import type { NatsConnection } from '@nats-io/transport-node';
import type { BlobStore } from './codec.ts';
import { TransportError } from './errors.ts';
import { BLOB_BUCKET } from './streams.ts';

/** Opens the object store; nothing is asked of the server before the first blob. */
export function openBlobStore(nc: NatsConnection): BlobStore {
  let opened: Promise<ObjectStore> | undefined;
  const store = async (): Promise<ObjectStore> => {
    opened ??= new Objm(nc).open(BLOB_BUCKET);
    try {
      return await opened;
    } catch (error) {
      opened = undefined;
      throw error;
    }
  };
  return {
    async put(sha256, bytes) {
      try {
        const bucket = await store();
        const present = await bucket.info(sha256);
        if (present !== null && !present.deleted && present.size === bytes.length) return;
        await bucket.putBlob({ name: sha256 }, bytes);
      } catch (cause) {
        throw new TransportError('nats-unavailable', { message: `blob ${sha256} (${bytes.length} bytes) could not be stored`, retryable: true, cause });
      }
    },
    async remove(sha256) {
      const bucket = await store();
      const present = await bucket.info(sha256);
      if (present !== null && !present.deleted) await bucket.delete(sha256);
    },
    async get(sha256) {
      const blob = await (await store()).getBlob(sha256);
      if (blob !== null) return blob;
      throw new TransportError('nats-refused', { message: `blob ${sha256} is not in the object store ${BLOB_BUCKET}`, retryable: false, details: { sha256 } });
    },
  };
}
