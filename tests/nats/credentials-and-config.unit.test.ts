// Keys, credentials and the text of the server's configuration.
import { nkeys } from '@nats-io/transport-node';
import { describe, expect, it } from 'vitest';
import { HostId } from '../../machines/vocabulary/ids.ts';
import { authenticatorOf, parseCredentials } from '../../nats/credentials.ts';
import { isUserPublicKey, newUserSeed, userKeyOf } from '../../nats/nkey.ts';
import { mayAnswerTo } from '../../nats/roles.ts';
import { renderServerConfig } from '../../nats/server-config.ts';

const encoder = new TextEncoder();

describe('user key', () => {
  it('is the same as the client library makes of the seed, and signs alike', () => {
    const seed = newUserSeed();
    const library = nkeys.fromSeed(encoder.encode(seed));
    const key = userKeyOf(seed);
    expect(key?.publicKey).toBe(library.getPublicKey());
    expect(library.verify(encoder.encode('nonce'), Buffer.from(key?.signNonce('nonce') ?? '', 'base64url'))).toBe(true);
    expect(isUserPublicKey(key?.publicKey ?? '')).toBe(true);
  });

  it('reads the seeds of the client library', () => {
    const pair = nkeys.createUser();
    expect(userKeyOf(new TextDecoder().decode(pair.getSeed()))?.publicKey).toBe(pair.getPublicKey());
  });

  it('is refused when a letter is wrong or it is of another kind', () => {
    const seed = newUserSeed();
    const wrong = seed.slice(0, 20) + (seed[20] === 'A' ? 'B' : 'A') + seed.slice(21);
    expect(userKeyOf(wrong)).toBeUndefined();
    expect(userKeyOf(new TextDecoder().decode(nkeys.createAccount().getSeed()))).toBeUndefined();
    expect(isUserPublicKey('U'.repeat(56))).toBe(false);
  });
});

describe('credentials', () => {
  it('are an nkey seed, a user with password, or a .creds file', () => {
    const seed = newUserSeed();
    expect(parseCredentials(`${seed}\n`, 'file')).toEqual({ kind: 'nkey', seed });
    expect(parseCredentials('{"user":"u","password":"p"}', 'file')).toEqual({ kind: 'password', user: 'u', password: 'p' });
    expect(parseCredentials('-----BEGIN NATS USER JWT-----\nx', 'file')).toMatchObject({ kind: 'creds' });
  });

  it.each([['', 'credentials-missing'], [' \n', 'credentials-missing'], ['{"user":"u","password":""}', 'credentials-invalid'], ['hello', 'credentials-invalid']])('A01: %j is refused: %s', (text, code) => {
    expect(() => parseCredentials(text, '/creds/host.nk')).toThrow(expect.objectContaining({ code, retryable: false, message: expect.stringContaining('/creds/host.nk') }));
  });

  it('A01: no secret stands in an error', () => {
    const damaged = `${newUserSeed()}X`;
    expect(() => authenticatorOf({ kind: 'nkey', seed: damaged })).toThrow('nkey seed is damaged (wrong form or checksum)');
    expect(() => parseCredentials(damaged, '/creds/host.nk')).toThrow(expect.objectContaining({ message: expect.not.stringContaining(damaged.slice(2, 20)) }));
  });
});

describe('server configuration', () => {
  const publicKey = userKeyOf(newUserSeed())?.publicKey ?? '';
  const settings = { serverName: 'lw', port: -1, portsFileDir: '/run/lw', storeDir: '/var/lib/lw "x"' };

  it('A01: is not made without users, or with a key that is none', () => {
    expect(() => renderServerConfig({ ...settings, users: [] })).toThrow(expect.objectContaining({ code: 'no-users' }));
    expect(() => renderServerConfig({ ...settings, users: [{ role: { role: 'operator' }, publicKey: '' }] })).toThrow(expect.objectContaining({ code: 'user-key-invalid' }));
  });

  it('is on loopback, loses nothing acknowledged, and quotes what it is given', () => {
    const text = renderServerConfig({ ...settings, users: [{ role: { role: 'operator' }, publicKey }] });
    expect(text).toContain('host: "127.0.0.1"');
    expect(text).toContain('sync_interval: always');
    expect(text).toContain('store_dir: "/var/lib/lw \\"x\\""');
    expect(text).not.toContain('no_auth_user');
  });

  it('puts each host into an account of its own that takes its own subjects alone', () => {
    const text = renderServerConfig({ ...settings, users: ['A', 'B'].map((name) => ({ role: { role: 'host', hostId: HostId.parse(name) }, publicKey })) });
    const ofA = text.slice(text.indexOf('"LW_HOST_A": {'), text.indexOf('"LW_HOST_B": {'));
    expect(ofA).toContain('host-A');
    expect(ofA).not.toMatch(/host-B|lw\.v1\.\w+\.B/);
    expect(ofA).not.toContain('jetstream');
  });
});

describe('reply subject', () => {
  it.each([
    ['_R_.abc', true], ['_INBOX.abc.1', true], ['_INBOX_operator.x', true], ['_INBOX_viewer.x', true],
    [undefined, false], ['', false], ['$JS.API.STREAM.DELETE.LW_LOG', false], ['lw.v1.log.lab', false], ['_INBOX_host_A.x', false], ['_INBOX_supervisor.x', false], ['_INBOXES.x', false],
  ])('%s may be answered: %s', (reply, expected) => {
    expect(mayAnswerTo(reply)).toBe(expected);
  });
});
