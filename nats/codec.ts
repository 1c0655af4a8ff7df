// Bytes <-> validated message: JSON, compressed when large, by reference to the object store when larger than a message may be.
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { z } from 'zod';
import { MessageInvalidError, TransportError } from './errors.ts';

const gzipAsync = promisify(gzip);
const gunzipAsync = promisify(gunzip);

/** Header that names the body's encoding; absent means plain JSON, so that any client can read and write small messages. */
export const ENCODING_HEADER = 'Lw-Encoding';
export const COMPRESS_ABOVE_BYTES = 512 * 1024;
/** Room that subject and headers take out of the server's max_payload. */
const ENVELOPE_BYTES = 4 * 1024;

export type BodyEncoding = 'json' | 'gzip' | 'blob';

export interface Body {
  readonly bytes: Uint8Array;
  readonly encoding: BodyEncoding;
}

/** Where bodies go that no message can carry; content is addressed by its sha256. */
export interface BlobStore {
  put(sha256: string, bytes: Uint8Array): Promise<void>;
  /** @throws {TransportError} `nats-refused` when the blob is not there. */
  get(sha256: string): Promise<Uint8Array>;
  /** Absent is success. */
  remove(sha256: string): Promise<void>;
}

const BlobReference = z.object({ sha256: z.string().length(64), bytes: z.number().int().nonnegative() });

export interface EncodeOptions {
  /** The server's max_payload, in bytes. */
  readonly maxPayload: number;
  readonly compressAboveBytes?: number;
  readonly blobs?: BlobStore;
  /** Named in errors. */
  readonly where: string;
}

/**
 * Encodes a value as the body of a message: JSON; gzip above `compressAboveBytes` (512 KiB); when that is still more than a
 * message may carry, the gzip is put in `blobs` first and the body is its reference.
 * @throws {TransportError} `message-too-large` when there is no blob store.
 */
export async function encodeBody(value: unknown, options: EncodeOptions): Promise<Body> {
  const json = new TextEncoder().encode(JSON.stringify(value));
  const limit = options.maxPayload - ENVELOPE_BYTES;
  const compressAbove = Math.min(options.compressAboveBytes ?? COMPRESS_ABOVE_BYTES, limit);
  if (json.length <= compressAbove) return { bytes: json, encoding: 'json' };
  const packed = await gzipAsync(json, { level: 1 });
  if (packed.length <= limit) return { bytes: packed, encoding: 'gzip' };
  if (options.blobs === undefined) {
    throw new TransportError('message-too-large', {
      message: `message for ${options.where} has ${packed.length} bytes compressed, the server takes ${limit}; raise max_payload or send less at once`,
      retryable: false,
      details: { bytes: packed.length, limit },
    });
  }
  const sha256 = createHash('sha256').update(packed).digest('hex');
  await options.blobs.put(sha256, packed);
  return { bytes: new TextEncoder().encode(JSON.stringify({ sha256, bytes: packed.length })), encoding: 'blob' };
}

/**
 * Decodes and validates the body of a message.
 * @param encoding - value of the encoding header; empty = JSON
 * @throws {MessageInvalidError} with every fault of the content.
 */
export async function decodeBody<T>(schema: z.ZodType<T>, bytes: Uint8Array, encoding: string, at: { where: string; blobs?: BlobStore | undefined }): Promise<T> {
  return parseJson(schema, await plainBytes(bytes, encoding, at), at.where);
}

async function plainBytes(bytes: Uint8Array, encoding: string, at: { where: string; blobs?: BlobStore | undefined }): Promise<Uint8Array> {
  switch (encoding) {
    case '':
    case 'json':
      return bytes;
    case 'gzip':
      return await gunzipAsync(bytes).catch((cause: unknown) => {
        throw new MessageInvalidError(at.where, [{ path: '', message: 'is not gzip' }], cause);
      });
    case 'blob': {
      if (at.blobs === undefined) throw new MessageInvalidError(at.where, [{ path: '', message: 'refers to a blob where none is allowed' }]);
      const reference = parseJson(BlobReference, bytes, at.where);
      const packed = await at.blobs.get(reference.sha256);
      if (createHash('sha256').update(packed).digest('hex') !== reference.sha256) {
        throw new MessageInvalidError(at.where, [{ path: '', message: `blob ${reference.sha256} is damaged` }]);
      }
      return await gunzipAsync(packed);
    }
    default:
      throw new MessageInvalidError(at.where, [{ path: '', message: `has unknown encoding ${encoding}` }]);
  }
}

/** Parses JSON bytes against a schema. @throws {MessageInvalidError} with every fault. */
export function parseJson<T>(schema: z.ZodType<T>, bytes: Uint8Array, where: string): T {
  let raw: unknown;
  try {
    raw = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new MessageInvalidError(where, [{ path: '', message: `is not JSON (${bytes.length} bytes)` }], cause);
  }
  const result = schema.safeParse(raw);
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => ({ path: issue.path.map(String).join('.'), message: issue.message }));
  throw new MessageInvalidError(where, issues, result.error);
}
