// NATS user keys by the runtime's own Ed25519: the client library's pure JS takes 30 ms a signature, a tenth of a short command.
import type { KeyObject } from 'node:crypto';
import { createPrivateKey, createPublicKey, randomBytes, sign } from 'node:crypto';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
/** DER prefix of an Ed25519 private key (RFC 8410); the 32 bytes of the seed follow. */
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');
/** nkeys prefix bytes: user `U`, seed `S` (the latter shares its second byte with the kind of key). */
const PREFIX_USER = 20 << 3;
const PREFIX_SEED = 18 << 3;

export interface UserKey {
  /** `U...`: what the server's configuration holds. */
  readonly publicKey: string;
  /** Signs the server's nonce; base64url. */
  signNonce(nonce: string): string;
}

/** A new random user seed (`SU...`): the secret. */
export function newUserSeed(): string {
  const head = Buffer.from([PREFIX_SEED | (PREFIX_USER >> 5), (PREFIX_USER & 31) << 3]);
  return encodeChecked(Buffer.concat([head, randomBytes(32)]));
}

/** The key pair of a user seed, or undefined when the text is no user seed or its checksum is wrong. */
export function userKeyOf(seed: string): UserKey | undefined {
  if (!/^SU[A-Z2-7]{56}$/.test(seed)) return undefined;
  const payload = decodeChecked(seed);
  if (payload === undefined) return undefined;
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, payload.subarray(2)]), format: 'der', type: 'pkcs8' });
  return {
    publicKey: encodeChecked(Buffer.concat([Buffer.from([PREFIX_USER]), rawPublicKey(key)])),
    signNonce: (nonce) => sign(null, Buffer.from(nonce), key).toString('base64url'),
  };
}

/** Says whether a text is a user's public key with a right checksum. */
export function isUserPublicKey(text: string): boolean {
  return /^U[A-Z2-7]{55}$/.test(text) && decodeChecked(text) !== undefined;
}

function rawPublicKey(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
}

function encodeChecked(payload: Buffer): string {
  const crc = crc16(payload);
  const bytes = Buffer.concat([payload, Buffer.from([crc & 0xff, crc >> 8])]);
  let text = '';
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = ((buffer << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(buffer >> bits) & 31] ?? '';
    }
  }
  return bits > 0 ? text + (ALPHABET[(buffer << (5 - bits)) & 31] ?? '') : text;
}

function decodeChecked(text: string): Buffer | undefined {
  const bytes: number[] = [];
  let buffer = 0;
  let bits = 0;
  for (const char of text) {
    buffer = ((buffer << 5) | ALPHABET.indexOf(char)) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((buffer >> bits) & 0xff);
    }
  }
  const all = Buffer.from(bytes);
  const payload = all.subarray(0, -2);
  return crc16(payload) === all.readUInt16LE(all.length - 2) ? payload : undefined;
}

/** CRC-16/XMODEM, as nkeys uses it. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = ((crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021) & 0xffff;
  }
  return crc;
}
