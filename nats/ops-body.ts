// The text of a request or answer of the ops API, packed by gzip when large.
import { gunzipSync } from 'node:zlib';

const GZIP_MAGIC = [0x1f, 0x8b] as const;

/** Text of a body. The first two bytes tell a packed one, for JSON never begins so. */
export function bodyText(bytes: Uint8Array): string {
  const packed = bytes[0] === GZIP_MAGIC[0] && bytes[1] === GZIP_MAGIC[1];
  return new TextDecoder().decode(packed ? gunzipSync(bytes) : bytes);
}
