// What people wish for each host, in a bucket that all supervisors share: written with the expected revision, heard by all.
import { Kvm } from '@nats-io/kv';
import type { KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
import { EpochMs, HostId } from '../machines/vocabulary/ids.ts';
import { HOST_BUCKET } from './streams.ts';
import { fromSubjectToken, subjectToken } from './subjects.ts';

export const HostWishRecord = z.object({ v: z.literal(1), wish: z.enum(['open', 'cordoned', 'draining']), firstSeenAt: EpochMs,
  /** What the host last spoke, so that a supervisor of another version knows it before it says a word. */
  protocol: z.number().int().optional() });
export type HostWishRecord = z.infer<typeof HostWishRecord>;

export type HostWishes = {
  /** Changes what is kept of a host; a change that somebody else made meanwhile is read first. */
  change(host: HostId, change: (before: HostWishRecord | undefined) => HostWishRecord): Promise<void>;
  forget(host: HostId): Promise<void>;
  /** First all that is kept, then each change; null = the host was forgotten. Ends with `stop`. */
  follow(heard: (host: HostId, record: HostWishRecord | null) => void): Promise<{ readonly done: Promise<void>; stop(): void }>;
};

/** Opens the bucket; the streams must be there (`ensureStreams`). */
export async function openHostWishes(nc: NatsConnection): Promise<HostWishes> {
  const kv = await new Kvm(nc).open(HOST_BUCKET);
  return {
    change: async (host, change) => await changeKept(kv, subjectToken(host), change),
    forget: async (host) => await kv.purge(subjectToken(host)),
    async follow(heard) {
      const entries = await kv.watch();
      const done = (async () => {
        for await (const entry of entries) {
          const kept = entry.operation === 'PUT' ? HostWishRecord.safeParse(entry.json()) : null;
          if (kept === null || kept.success) heard(HostId.parse(fromSubjectToken(entry.key)), kept?.data ?? null);
        }
      })();
      return { done, stop: () => entries.stop() };
    },
  };
}

async function changeKept(kv: KV, key: string, change: (before: HostWishRecord | undefined) => HostWishRecord): Promise<void> {
  for (;;) {
    const entry = await kv.get(key);
    const before = entry?.operation === 'PUT' ? HostWishRecord.parse(entry.json()) : undefined;
    const after = JSON.stringify(change(before));
    if (after === JSON.stringify(before)) return;
    try {
      if (entry) await kv.update(key, after, entry.revision);
      else await kv.create(key, after);
      return;
    } catch (error) {
      if ((await kv.get(key))?.revision === entry?.revision) throw error;
    }
  }
}
