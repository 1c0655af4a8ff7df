// Tar archives as the engine gives and takes them: a few plain files, in memory. Pure.
import type { ContainerFile } from '../provider.ts';

const BLOCK = 512;
/** Offset and length of the fields of a header. Source: POSIX.1-2001, ustar. */
const FIELD = { name: [0, 100], mode: [100, 8], uid: [108, 8], gid: [116, 8], size: [124, 12], mtime: [136, 12], checksum: [148, 8], type: [156, 1], magic: [257, 8] } as const;
type Field = keyof typeof FIELD;

/** An archive of the files, below the folder that it is unpacked in. @throws {RangeError} a path of more than 100 bytes. */
export function packFiles(files: readonly ContainerFile[]): Buffer {
  const parts = files.flatMap((file) => [headerOf(file), file.bytes, Buffer.alloc(-file.bytes.length & (BLOCK - 1))]);
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

/** The first member of an archive, or undefined when that is no plain file. */
export function firstFile(archive: Buffer): Omit<ContainerFile, 'path'> | undefined {
  for (let at = 0; at + BLOCK <= archive.length;) {
    const header = archive.subarray(at, at + BLOCK);
    const size = octal(header, 'size');
    const type = text(header, 'type');
    const bytes = archive.subarray(at + BLOCK, at + BLOCK + size);
    // Further attributes of the member that follows.
    if (type !== 'x' && type !== 'g') return type === '0' || type === '' ? { mode: octal(header, 'mode') & 0o777, uid: octal(header, 'uid'), gid: octal(header, 'gid'), bytes } : undefined;
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return undefined;
}

function headerOf({ path, mode, uid, gid, bytes }: ContainerFile): Buffer {
  const header = Buffer.alloc(BLOCK);
  const name = path.replace(/^\/+/, '');
  if (Buffer.byteLength(name) > FIELD.name[1]) throw new RangeError(`path ${path} is too long for an archive`);
  const put = (field: Field, value: string): void => void header.write(value, FIELD[field][0], 'utf8');
  const putOctal = (field: Field, value: number): void => put(field, `${value.toString(8).padStart(FIELD[field][1] - 1, '0')}\0`);
  put('name', name);
  for (const [field, value] of [['mode', mode], ['uid', uid], ['gid', gid], ['size', bytes.length], ['mtime', 0]] as const) putOctal(field, value);
  put('type', '0');
  put('magic', 'ustar\u{0}00');
  put('checksum', ' '.repeat(FIELD.checksum[1]));
  put('checksum', `${header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `);
  return header;
}

function text(header: Buffer, field: Field): string {
  const [start, length] = FIELD[field];
  return header.toString('utf8', start, start + length).split('\0')[0] ?? '';
}

const octal = (header: Buffer, field: Field): number => Number.parseInt(text(header, field).trim() || '0', 8);
