// Credentials of one role: an nkey seed, a user with password, or a NATS .creds file; read, checked and turned into an authenticator.
import { readFile } from 'node:fs/promises';
import type { Authenticator } from '@nats-io/transport-node';
import { credsAuthenticator, usernamePasswordAuthenticator } from '@nats-io/transport-node';
import { z } from 'zod';
import { ConnectError } from './errors.ts';
import { userKeyOf } from './nkey.ts';

export type Credentials =
  | { readonly kind: 'nkey'; readonly seed: string }
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  | { readonly kind: 'creds'; readonly text: string };

const PasswordFile = z.object({ user: z.string().min(1), password: z.string().min(1) });

/** Reads a credentials file. @throws {ConnectError} `credentials-missing`, `credentials-invalid` (neither holds the secret). */
export async function readCredentials(path: string): Promise<Credentials> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new ConnectError('credentials-missing', { message: `credentials file ${path} cannot be read`, retryable: false, details: { path }, cause });
  });
  return parseCredentials(text, path);
}

/** Recognises an nkey seed, a `.creds` file or `{"user","password"}`. Empty content is refused: nothing of ours runs without credentials. */
export function parseCredentials(text: string, where: string): Credentials {
  const trimmed = text.trim();
  if (trimmed === '') throw new ConnectError('credentials-missing', { message: `${where} is empty: Labwright never connects without credentials`, retryable: false });
  if (trimmed.includes('BEGIN NATS USER JWT')) return { kind: 'creds', text: trimmed };
  if (/^SU[A-Z2-7]{56}$/.test(trimmed)) return { kind: 'nkey', seed: trimmed };
  const password = PasswordFile.safeParse(jsonOrUndefined(trimmed));
  if (password.success) return { kind: 'password', ...password.data };
  throw new ConnectError('credentials-invalid', {
    message: `${where} holds neither an nkey user seed (SU...), nor a .creds file, nor {"user","password"} with both set`,
    retryable: false,
  });
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What the client hands to the server. @throws {ConnectError} `credentials-missing` when a secret is empty. */
export function authenticatorOf(credentials: Credentials): Authenticator {
  switch (credentials.kind) {
    case 'creds':
      return credsAuthenticator(new TextEncoder().encode(credentials.text));
    case 'password':
      if (credentials.user === '' || credentials.password === '') {
        throw new ConnectError('credentials-missing', { message: 'user or password is empty: Labwright never connects without credentials', retryable: false });
      }
      return usernamePasswordAuthenticator(credentials.user, credentials.password);
    case 'nkey':
      return nkeyAuthenticator(credentials.seed);
  }
}

function nkeyAuthenticator(seed: string): Authenticator {
  if (seed === '') throw new ConnectError('credentials-missing', { message: 'nkey seed is empty: Labwright never connects without credentials', retryable: false });
  const key = userKeyOf(seed);
  if (key === undefined) throw new ConnectError('credentials-invalid', { message: 'nkey seed is damaged (wrong form or checksum)', retryable: false });
  return (nonce) => ({ nkey: key.publicKey, sig: nonce === undefined ? '' : key.signNonce(nonce) });
}
