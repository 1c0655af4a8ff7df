// A host's question for a piece of a file by its digest, and its answer: the bytes as they are.
import { createHash } from 'node:crypto';
import { errors } from '@nats-io/transport-node';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
import { Sha256 } from '../machines/vocabulary/carried-file.ts';
import { HostId } from '../machines/vocabulary/ids.ts';
import { TransportError } from './errors.ts';
import { inboxPrefixOf } from './roles.ts';
import { fileSubject, lastTokenName } from './subjects.ts';

export const FileQuestion = z.object({ sha256: Sha256 });
/** On an answer without bytes: why, `absent` or `unreadable`. */
export const FILE_REFUSED_HEADER = 'Lw-Refused';

/** A supervisor that died is known for dead within seconds; then another one answers. */
const TIMEOUT_MS = 3_000;
const ATTEMPTS = 5;

/** Fetches a piece of a file. @throws {TransportError} `nats-refused` (not retryable) where the installation does not hold it; `nats-unavailable` (retryable). */
export async function askForFile(nc: NatsConnection, hostId: HostId, sha256: Sha256): Promise<Uint8Array> {
  const reply = await request(nc, fileSubject(hostId), sha256).catch((cause: unknown) => {
    throw new TransportError('nats-unavailable', { message: `piece ${sha256} could not be asked for: ${cause instanceof Error ? cause.message : String(cause)}`, retryable: true, cause });
  });
  const refused = reply.headers?.get(FILE_REFUSED_HEADER);
  if (refused === 'absent') throw new TransportError('nats-refused', { message: `piece ${sha256} is not held by the installation any more: deploy the lab again`, retryable: false });
  if (refused) throw new TransportError('nats-unavailable', { message: `piece ${sha256} could not be read: ${refused}`, retryable: true });
  if (createHash('sha256').update(reply.data).digest('hex') !== sha256) throw new TransportError('nats-unavailable', { message: `piece ${sha256} came damaged (${reply.data.length} bytes)`, retryable: true });
  return reply.data;
}

async function request(nc: NatsConnection, subject: string, sha256: Sha256, attempt = 1): Promise<Msg> {
  try {
    return await nc.request(subject, JSON.stringify({ sha256 }), { timeout: TIMEOUT_MS });
  } catch (error) {
    if (!(error instanceof errors.TimeoutError) || attempt === ATTEMPTS) throw error;
    return await request(nc, subject, sha256, attempt + 1);
  }
}

/** Says whether the supervisor may answer there: over an account's border, or to an inbox of the host that the subject names. */
export function mayHearFiles(subject: string, reply: string | undefined): boolean {
  const host = HostId.safeParse(lastTokenName(subject));
  if (reply === undefined || !host.success) return false;
  return ['_R_', inboxPrefixOf({ role: 'host', hostId: host.data })].some((prefix) => reply.startsWith(`${prefix}.`));
}
