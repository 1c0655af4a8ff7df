// OpenSSH's known_hosts: whether a server's key is known, unknown, another one than before, or revoked. Source: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT.
import { createHash, createHmac } from 'node:crypto';

export type HostKeyVerdict = 'known' | 'unknown' | 'changed' | 'revoked';

type Entry = { readonly marker: string; readonly names: string; readonly type: string; readonly key: string };

/** Name under which a server stands in the file. */
export const knownName = (host: string, port: number): string => (port === 22 ? host : `[${host}]:${port}`);

/** Judges a key (as it came over the wire) by the texts of the files. */
export const judgeHostKey = (texts: readonly string[], name: string, key: Buffer): HostKeyVerdict => {
  const mine = entriesOf(texts, name);
  const offered = key.toString('base64');
  if (mine.some((entry) => entry.marker === '@revoked' && entry.key === offered)) return 'revoked';
  const plain = mine.filter((entry) => entry.marker === '');
  if (plain.some((entry) => entry.key === offered)) return 'known';
  // A server has a key of each type; one of a type that is not written down yet is unknown, not changed.
  return plain.some((entry) => entry.type === keyType(key)) ? 'changed' : 'unknown';
};

/** Types of the keys that are known of a server: asked for first, so that it shows one of these. */
export const knownTypes = (texts: readonly string[], name: string): string[] => [...new Set(entriesOf(texts, name).filter((entry) => entry.marker === '').map((entry) => entry.type))];

/** `SHA256:...` as ssh-keygen -l prints it. */
export const fingerprintOf = (key: Buffer): string => `SHA256:${createHash('sha256').update(key).digest('base64').replaceAll('=', '')}`;

/** Type in a key: its first field. */
export const keyType = (key: Buffer): string => key.subarray(4, 4 + key.readUInt32BE(0)).toString('latin1');

/** The line that makes a key known. */
export const knownLine = (name: string, key: Buffer): string => `${name} ${keyType(key)} ${key.toString('base64')}`;

const entriesOf = (texts: readonly string[], name: string): Entry[] =>
  texts.flatMap((text) => text.split('\n')).flatMap((line) => {
    const words = line.trim().split(/\s+/);
    const marker = words[0]?.startsWith('@') ? (words.shift() ?? '') : '';
    const [names, type, key] = words;
    if (names === undefined || names.startsWith('#') || type === undefined || key === undefined || !matches(names, name)) return [];
    return [{ marker, names, type, key }];
  });

const matches = (names: string, name: string): boolean => {
  const hashed = /^\|1\|([^|]+)\|([^|]+)$/.exec(names);
  if (hashed) return createHmac('sha1', Buffer.from(hashed[1] ?? '', 'base64')).update(name).digest('base64') === hashed[2];
  const patterns = names.split(',');
  const fits = (pattern: string): boolean => new RegExp(`^${pattern.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')}$`, 'i').test(name);
  return !patterns.some((pattern) => pattern.startsWith('!') && fits(pattern.slice(1))) && patterns.some((pattern) => !pattern.startsWith('!') && fits(pattern));
};
