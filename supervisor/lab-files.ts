// Pieces of labs' files between the one who deploys and the hosts, and from host to host: taken in, given out by digest, removed when no lab names them.
import { createHash } from 'node:crypto';
import { headers } from '@nats-io/transport-node';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import type { LabState } from '../machines/evolve/lab-state.ts';
import { chunksOf, CHUNK_BYTES } from '../machines/vocabulary/carried-file.ts';
import type { CarriedSource } from '../machines/vocabulary/carried-file.ts';
import { Sha256 } from '../machines/vocabulary/carried-file.ts';
import type { NodePlan } from '../machines/vocabulary/lab-plan.ts';
import type { NodeSpec } from '../machines/vocabulary/lab-spec.ts';
import { FILE_GIVEN_HEADER, FILE_REFUSED_HEADER, FileQuestion, mayHearFiles } from '../nats/file-question.ts';
import { openFileStore } from '../nats/file-store.ts';
import type { FileStore } from '../nats/file-store.ts';
import { fileSubject, lastTokenName } from '../nats/subjects.ts';
import { OpsError } from './ops-error.ts';

export type LabFiles = {
  /** Those that a deploy cannot count on: absent, or so old that the next sweep might take them. */
  missing(digests: readonly Sha256[]): Promise<Sha256[]>;
  /** @throws {OpsError} `invalid-request` where a piece is not what its digest says. */
  put(pieces: readonly { readonly sha256: Sha256; readonly base64: string }[]): Promise<void>;
  stop(): void;
};

/** A deploy names what it has put within this time. */
const GRACE_MS = 3_600_000;
const SWEEP_EVERY_MS = 3_600_000;

export type LabFilesParts = {
  readonly logger: Logger;
  readonly now: () => number;
  /** All labs there are, whoever owns them. */
  readonly labs: () => Promise<readonly LabState[]>;
  /** Whether it is ours to answer: every supervisor hears every question, so that one which is paused holds none back. */
  readonly isOurs: () => boolean;
};

/** Answers hosts until stopped. */
export function serveLabFiles(nc: NatsConnection, parts: LabFilesParts): LabFiles {
  const { logger, now } = parts;
  const store = openFileStore(nc);
  const subscription = nc.subscribe(fileSubject(), {
    callback: (error, message) => {
      if (error === null && parts.isOurs()) void answer(message, store, parts);
      else if (error !== null) logger.error({ err: error }, 'questions for files cannot be heard');
    },
  });
  const sweepNow = async (): Promise<number> => (parts.isOurs() ? await sweep(store, { before: now() - GRACE_MS, labs: await parts.labs() }) : 0);
  const sweeper = setInterval(() => void sweepNow().then(
    (removed) => removed > 0 && logger.info({ removed }, 'files that no lab names were removed'),
    (err: unknown) => logger.warn({ err }, 'files that no lab names could not be removed'),
  ), SWEEP_EVERY_MS);
  sweeper.unref();
  return {
    async missing(digests) {
      const times = await Promise.all(digests.map(async (digest) => await store.putAt(digest)));
      return digests.filter((_digest, index) => (times[index] ?? 0) < now() - GRACE_MS / 2);
    },
    async put(pieces) {
      for (const { sha256, base64 } of pieces) {
        const bytes = Buffer.from(base64, 'base64');
        const fault = faultOf(bytes, sha256);
        if (fault !== null) throw new OpsError('invalid-request', `piece ${sha256} ${fault}`);
        await store.put(sha256, bytes);
      }
    },
    stop() {
      subscription.unsubscribe();
      clearInterval(sweeper);
    },
  };
}

function faultOf(bytes: Uint8Array, sha256: string): string | null {
  if (bytes.length > CHUNK_BYTES) return `has ${bytes.length} bytes, at most ${CHUNK_BYTES} are taken`;
  return createHash('sha256').update(bytes).digest('hex') === sha256 ? null : 'is not what its digest says';
}

/** Removes pieces that were put before and that no lab names; resolves with their number. */
export async function sweep(store: FileStore, { before, labs }: { before: number; labs: readonly LabState[] }): Promise<number> {
  const named = new Set(labs.flatMap(digestsOf));
  const old = (await store.list()).filter(({ sha256, putAt }) => !named.has(sha256) && putAt < before);
  for (const { sha256 } of old) await store.remove(sha256);
  return old.length;
}

function digestsOf(state: LabState): string[] {
  if (state.lab.value === 'destroyed') return [];
  const records = Object.values(state.nodes);
  const standing = records.flatMap((record) => [record, ...(record.next ? [record.next] : [])]);
  const specs: NodeSpec[] = [...(state.spec?.nodes ?? []), ...standing.map(({ spec }) => spec)];
  const plans: NodePlan[] = [...Object.values(state.plan?.nodes ?? {}), ...standing.map(({ plan }) => plan)];
  const sources: CarriedSource[] = [...specs.flatMap(({ files = [] }) => files), ...plans.flatMap(({ saved = [] }) => saved), ...records.flatMap(({ save }) => save?.files ?? [])];
  return sources.flatMap(({ entries }) => entries.flatMap((entry) => (entry.is === 'file' ? chunksOf(entry) : [])));
}

/** Whoever can name a digest was told it by an order, or knows the content already. */
async function answer(message: Msg, store: FileStore, { logger, labs }: LabFilesParts): Promise<void> {
  if (!mayHearFiles(message.subject, message.reply)) {
    logger.warn({ subject: message.subject, reply: message.reply }, 'question for a file asks for an answer to a place that is no inbox of its host, left alone');
    return;
  }
  try {
    const given = message.headers?.get(FILE_GIVEN_HEADER);
    if (given) {
      await takeGiven(message, store, { sha256: Sha256.parse(given), labs: await labs() });
      return;
    }
    const { sha256 } = FileQuestion.parse(message.json());
    const bytes = await store.get(sha256);
    if (bytes === null) refuse(message, 'absent');
    else message.respond(bytes);
  } catch (err) {
    logger.warn({ err, subject: message.subject }, 'question for a file could not be answered');
    refuse(message, 'unreadable');
  }
}

/** Only while a node of the host is being saved: a host has nothing else to keep here. */
async function takeGiven(message: Msg, store: FileStore, { sha256, labs }: { sha256: Sha256; labs: readonly LabState[] }): Promise<void> {
  const host = lastTokenName(message.subject);
  const isAsked = labs.some(({ pending }) => Object.values(pending).some((effect) => effect.type === 'node.save' && effect.host === host));
  if (!isAsked) refuse(message, 'not-asked');
  else if (faultOf(message.data, sha256) !== null) refuse(message, 'damaged');
  else {
    await store.put(sha256, message.data);
    message.respond();
  }
}

function refuse(message: Msg, why: string): void {
  const head = headers();
  head.set(FILE_REFUSED_HEADER, why);
  message.respond('', { headers: head });
}
