// Files of a lab that travel: what the source of a bind holds, named by content, for hosts that do not have it.
import { z } from 'zod';

export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
export type Sha256 = z.infer<typeof Sha256>;

/** Bytes of one piece in which a file travels; the last one is shorter. */
export const CHUNK_BYTES = 256 * 1024;

/** Relative to the source, empty for the source itself; it cannot lead out of it. */
const path = z.string().refine((text) => text === '' || text.split('/').every((part) => part !== '' && part !== '.' && part !== '..'), 'leads out of its source');
const entry = { path, mode: z.number().int().min(0).max(0o777), uid: z.number().int().nonnegative(), gid: z.number().int().nonnegative() };

/** `chunks`: digests of the pieces of a file that is larger than one; else the file is its only piece. */
export const CarriedFile = z.discriminatedUnion('is', [
  z.object({ is: z.literal('folder'), ...entry }),
  z.object({ is: z.literal('file'), ...entry, sha256: Sha256, chunks: z.array(Sha256).min(2).optional() }),
]);
export type CarriedFile = z.infer<typeof CarriedFile>;

/** A file, or a folder with all in it, folders before what they hold; `source` is its absolute path where it was read. */
export const CarriedSource = z.object({ source: z.string(), entries: z.array(CarriedFile).min(1) });
export type CarriedSource = z.infer<typeof CarriedSource>;

/** Digests of the pieces of a file, in order. */
export const chunksOf = (file: Extract<CarriedFile, { is: 'file' }>): readonly Sha256[] => file.chunks ?? [file.sha256];
