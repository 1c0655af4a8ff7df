// Bodies of messages: plain, compressed, by reference; and what is wrong with one that is refused.
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { BlobStore } from '../../nats/codec.ts';
import { decodeBody, encodeBody } from '../../nats/codec.ts';

const Any = z.object({ text: z.string() });
const where = 'lw.v1.log.x';

function memoryBlobs(): BlobStore & { readonly held: Map<string, Uint8Array> } {
  const held = new Map<string, Uint8Array>();
  return {
    held,
    put: async (sha256, bytes) => void (await Promise.resolve(held.set(sha256, bytes))),
    remove: async (sha256) => void (await Promise.resolve(held.delete(sha256))),
    get: async (sha256) => await Promise.resolve(held.get(sha256) ?? new Uint8Array()),
  };
}

describe('codec', () => {
  it('gives back what it was given, at any size and limit', async () => {
    await fc.assert(fc.asyncProperty(fc.string({ maxLength: 4_000, unit: 'grapheme' }), fc.integer({ min: 4_300, max: 9_000 }), fc.integer({ min: 10, max: 4_000 }), async (text, maxPayload, compressAboveBytes) => {
      const blobs = memoryBlobs();
      const body = await encodeBody({ text }, { maxPayload, compressAboveBytes, blobs, where });
      expect(body.bytes.length).toBeLessThanOrEqual(maxPayload);
      expect(await decodeBody(Any, body.bytes, body.encoding, { where, blobs })).toEqual({ text });
    }), { numRuns: 50 });
  });

  it('is plain JSON while small, so that any client reads it', async () => {
    const body = await encodeBody({ text: 'a' }, { maxPayload: 1_000_000, where });
    expect([body.encoding, new TextDecoder().decode(body.bytes)]).toEqual(['json', '{"text":"a"}']);
  });

  it('stores the same large body once', async () => {
    const blobs = memoryBlobs();
    const large = { text: randomBytes(50_000).toString('hex') };
    for (let time = 0; time < 2; time += 1) expect((await encodeBody(large, { maxPayload: 20_000, blobs, where })).encoding).toBe('blob');
    expect(blobs.held.size).toBe(1);
  });

  it('refuses what is too large where no blob may be used, saying how large', async () => {
    await expect(encodeBody({ text: randomBytes(50_000).toString('hex') }, { maxPayload: 20_000, where })).rejects.toMatchObject({ code: 'message-too-large', retryable: false, details: { limit: 20_000 - 4_096 } });
  });

  it.each([
    ['no JSON', 'x', 'json', [{ path: '', message: 'is not JSON (1 bytes)' }]],
    ['another form', '{"text":1}', '', [{ path: 'text', message: 'Invalid input: expected string, received number' }]],
    ['no gzip', '{}', 'gzip', [{ path: '', message: 'is not gzip' }]],
    ['an unknown encoding', '{}', 'zip', [{ path: '', message: 'has unknown encoding zip' }]],
    ['a blob where none may be', '{}', 'blob', [{ path: '', message: 'refers to a blob where none is allowed' }]],
  ])('refuses %s with every fault', async (_, text, encoding, issues) => {
    await expect(decodeBody(Any, new TextEncoder().encode(text), encoding, { where })).rejects.toMatchObject({ code: 'message-invalid', issues, message: expect.stringContaining(where) });
  });

  it('refuses a blob that is not what its name says', async () => {
    const blobs = memoryBlobs();
    const body = await encodeBody({ text: randomBytes(50_000).toString('hex') }, { maxPayload: 20_000, blobs, where });
    for (const name of blobs.held.keys()) blobs.held.set(name, new Uint8Array([1, 2, 3]));
    await expect(decodeBody(Any, body.bytes, body.encoding, { where, blobs })).rejects.toMatchObject({ code: 'message-invalid', issues: [{ message: expect.stringContaining('is damaged') }] });
  });
});
