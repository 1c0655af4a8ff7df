// A host's question for a piece of a file by its digest, and its answer: the bytes as they are; and a piece that a host hands over.
import { createHash } from 'node:crypto';
import { errors, headers } from '@nats-io/transport-node';
import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { Sha256 } from '../machines/vocabulary/carried-file.ts';
import { HostId } from '../machines/vocabulary/ids.ts';
import { TransportError } from './errors.ts';
import { inboxPrefixOf } from './roles.ts';
import { fileSubject, lastTokenName } from './subjects.ts';

export const FileQuestion = z.object({ sha256: Sha256 });
/** On a message whose body is a piece that the host hands over: its digest. */
export const FILE_GIVEN_HEADER = 'Lw-Given';
/** On an answer without bytes: why; `absent` or `unreadable`, `not-asked` or `damaged`. */
export const FILE_REFUSED_HEADER = 'Lw-Refused';

/** A supervisor that died is known for dead within seconds; then another one answers. */
const TIMEOUT_MS = 3_000;
const ATTEMPTS = 5;
/** Whoever answers may learn a moment later that the host was asked for it. */
const GIVE_AGAIN_MS = 300;
const GIVE_ATTEMPTS = 10;

/** Fetches a piece of a file. @throws {TransportError} `nats-refused` (not retryable) where the installation does not hold it; `nats-unavailable` (retryable). */
export async function askForFile(nc: NatsConnection, hostId: HostId, sha256: Sha256): Promise<Uint8Array> {
  const reply = await request(nc, fileSubject(hostId), { body: JSON.stringify({ sha256 }), what: `piece ${sha256} could not be asked for` });
  const refused = reply.headers?.get(FILE_REFUSED_HEADER);
  if (refused === 'absent') throw new TransportError('nats-refused', { message: `piece ${sha256} is not held by the installation any more: deploy the lab again`, retryable: false });
  if (refused) throw new TransportError('nats-unavailable', { message: `piece ${sha256} could not be read: ${refused}`, retryable: true });
  if (createHash('sha256').update(reply.data).digest('hex') !== sha256) throw new TransportError('nats-unavailable', { message: `piece ${sha256} came damaged (${reply.data.length} bytes)`, retryable: true });
  return reply.data;
}

/** Hands a piece over, of at most CHUNK_BYTES; taken only from a host that is asked to save a node just now. @throws {TransportError} `nats-refused` (not retryable), `nats-unavailable` (retryable). */
export async function giveFile(nc: NatsConnection, hostId: HostId, bytes: Uint8Array): Promise<Sha256> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const head = headers();
  head.set(FILE_GIVEN_HEADER, sha256);
  for (let attempt = 1; ; attempt += 1) {
    const reply = await request(nc, fileSubject(hostId), { body: bytes, head, what: `piece ${sha256} could not be handed over` });
    const refused = reply.headers?.get(FILE_REFUSED_HEADER);
    if (!refused) return sha256;
    if (refused !== 'not-asked' || attempt === GIVE_ATTEMPTS) throw new TransportError('nats-refused', { message: `piece ${sha256} was not taken: ${refused}`, retryable: false });
    await delay(GIVE_AGAIN_MS);
  }
}

type Sent = { readonly body: string | Uint8Array; readonly head?: MsgHdrs; readonly what: string };

async function request(nc: NatsConnection, subject: string, sent: Sent, attempt = 1): Promise<Msg> {
  try {
    return await nc.request(subject, sent.body, { timeout: TIMEOUT_MS, ...(sent.head ? { headers: sent.head } : {}) });
  } catch (cause) {
    if (cause instanceof errors.TimeoutError && attempt < ATTEMPTS) return await request(nc, subject, sent, attempt + 1);
    throw new TransportError('nats-unavailable', { message: `${sent.what}: ${cause instanceof Error ? cause.message : String(cause)}`, retryable: true, cause });
  }
}

/** Says whether the supervisor may answer there: over an account's border, or to an inbox of the host that the subject names. */
export function mayHearFiles(subject: string, reply: string | undefined): boolean {
  const host = HostId.safeParse(lastTokenName(subject));
  if (reply === undefined || !host.success) return false;
  return ['_R_', inboxPrefixOf({ role: 'host', hostId: host.data })].some((prefix) => reply.startsWith(`${prefix}.`));
}
