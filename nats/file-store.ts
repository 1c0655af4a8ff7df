// The object store for pieces of labs' files, by sha256; apart from that of large bodies, which are whole labs.
import { Objm } from '@nats-io/obj';
import type { ObjectStore } from '@nats-io/obj';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Sha256 } from '../machines/vocabulary/carried-file.ts';
import { FILE_BUCKET } from './streams.ts';

export type FileStore = {
  /** When it was put, epoch milliseconds; undefined where it is not there. */
  putAt(sha256: Sha256): Promise<number | undefined>;
  /** One that is there is put anew. */
  put(sha256: Sha256, bytes: Uint8Array): Promise<void>;
  get(sha256: Sha256): Promise<Uint8Array | null>;
  list(): Promise<{ readonly sha256: string; readonly putAt: number }[]>;
  remove(sha256: string): Promise<void>;
};

/** Opens the store at the first use, and again after a failure. */
export function openFileStore(nc: NatsConnection): FileStore {
  let opened: Promise<ObjectStore> | undefined;
  const bucket = async (): Promise<ObjectStore> => {
    opened ??= new Objm(nc).open(FILE_BUCKET);
    return await opened.catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
  };
  return {
    async putAt(sha256) {
      const info = await (await bucket()).info(sha256);
      return info === null || info.deleted ? undefined : Date.parse(info.mtime);
    },
    put: async (sha256, bytes) => void (await (await bucket()).putBlob({ name: sha256 }, bytes)),
    get: async (sha256) => await (await bucket()).getBlob(sha256),
    list: async () => (await (await bucket()).list()).filter((one) => !one.deleted).map(({ name, mtime }) => ({ sha256: name, putAt: Date.parse(mtime) })),
    remove: async (sha256) => void (await (await bucket()).delete(sha256)),
  };
}
