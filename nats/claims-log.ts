// What each lab holds of what all labs share, kept beside the log: a new hold is written only by who has seen all others.
import { randomUUID } from 'node:crypto';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { headers } from '@nats-io/transport-node';
import type { z } from 'zod';
import type { LabId } from '../machines/vocabulary/ids.ts';
import { LabId as LabIdSchema } from '../machines/vocabulary/ids.ts';
import { openBlobStore } from './blob-store.ts';
import { decodeBody, encodeBody, ENCODING_HEADER } from './codec.ts';
import { serverFeatures } from './connect.ts';
import { watchConnection } from './connection-watch.ts';
import { publishAcked } from './publish-acked.ts';
import { readStream } from './read-stream.ts';
import { CLAIMS_STREAM } from './streams.ts';
import { claimsSubject, lastTokenName } from './subjects.ts';

export interface Kept<T> {
  readonly claims: T;
  /** Sequence in the stream. */
  readonly seq: number;
}

/** `all-seen`: nothing was written by anybody since the last `sync`; `same-lab`: nothing about this lab. */
export type ClaimGuard = 'all-seen' | 'same-lab';

export interface ClaimsLog<T> {
  /** As of the last `sync`, and what this process wrote since. */
  kept(): ReadonlyMap<LabId, Kept<T>>;
  /** Reads what others wrote; returns the labs concerned. @throws {TransportError} `nats-unavailable`. */
  sync(): Promise<LabId[]>;
  /** Replaces what is kept of a lab; false when the guard does not hold any more: sync and decide again. @throws {TransportError}. */
  write(lab: LabId, claims: T, guard: ClaimGuard): Promise<boolean>;
}

/** Opens the claims; the streams must be there (`ensureStreams`). What cannot be read of a lab is told and counts as not kept. */
export async function openClaimsLog<T>(nc: NatsConnection, schema: z.ZodType<T>, unreadable: (lab: LabId, error: unknown) => void): Promise<ClaimsLog<T>> {
  const publisher = { nc, js: jetstream(nc), watch: watchConnection(nc) };
  const manager = await jetstreamManager(nc, { checkAPI: false });
  const blobs = openBlobStore(nc);
  const kept = new Map<LabId, Kept<T>>();
  const lastOf = new Map<LabId, number>();
  let seen = 0;
  const take = async (subject: string, message: { seq: number; data: Uint8Array; encoding: string }): Promise<LabId> => {
    const lab = LabIdSchema.parse(lastTokenName(subject));
    lastOf.set(lab, message.seq);
    try {
      kept.set(lab, { seq: message.seq, claims: await decodeBody(schema, message.data, message.encoding, { where: subject, blobs }) });
    } catch (error) {
      kept.delete(lab);
      unreadable(lab, error);
    }
    return lab;
  };
  return {
    kept: () => kept,
    async sync() {
      // A purge takes messages away, never the number of the last one.
      const { last_seq: end } = (await manager.streams.info(CLAIMS_STREAM)).state;
      if (end <= seen) return [];
      const labs: LabId[] = [];
      for await (const message of readStream(nc, publisher.js, { stream: CLAIMS_STREAM, subject: claimsSubject(), from: seen + 1 })) {
        if (message.seq > (lastOf.get(LabIdSchema.parse(lastTokenName(message.subject))) ?? 0)) labs.push(await take(message.subject, { seq: message.seq, data: message.data, encoding: message.headers?.get(ENCODING_HEADER) ?? '' }));
        seen = message.seq;
      }
      seen = Math.max(seen, end);
      return labs;
    },
    async write(lab, claims, guard) {
      const subject = claimsSubject(lab);
      const body = await encodeBody(claims, { maxPayload: serverFeatures(nc).maxPayload, blobs, where: subject });
      const header = headers();
      if (body.encoding !== 'json') header.set(ENCODING_HEADER, body.encoding);
      const expected = guard === 'all-seen' ? { expectedStreamSeq: seen } : { expectedSeq: lastOf.get(lab) ?? 0 };
      const done = await publishAcked(publisher, { subject, bytes: body.bytes, msgId: randomUUID(), headers: header, ...expected });
      if (done.outcome === 'conflict') return false;
      kept.set(lab, { claims, seq: done.seq });
      lastOf.set(lab, done.seq);
      if (done.seq === seen + 1) seen = done.seq;
      return true;
    },
  };
}
