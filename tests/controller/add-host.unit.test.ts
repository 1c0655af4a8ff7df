// What `host add`, `host token` and `up --listen` read: servers, known keys, facts, invitations, addresses.
import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { judgeHostKey, keyType, knownLine, knownName, knownTypes } from '../../controller/add-host/known-hosts.ts';
import { faultsOfServer, readServerFacts } from '../../controller/add-host/server-facts.ts';
import { parseSshTarget } from '../../controller/add-host/ssh-target.ts';
import { decodeBundle, encodeToken } from '../../controller/host-bundle.ts';
import { addressOfUrl, parseListen, reachableUrl, urlOf } from '../../controller/listen.ts';
import { host } from '../support/lab-builders.ts';

const aKey = (type: string, fill: number): Buffer => {
  const [name, body] = [Buffer.from(type), Buffer.alloc(32, fill)];
  const size = (part: Buffer) => Buffer.from([0, 0, 0, part.length]);
  return Buffer.concat([size(name), name, size(body), body]);
};
const [ED1, ED2, RSA] = [aKey('ssh-ed25519', 1), aKey('ssh-ed25519', 2), aKey('ssh-rsa', 3)];

describe('known_hosts', () => {
  const salt = Buffer.from('salt');
  const hashed = `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update('rack2').digest('base64')}`;
  it.each([
    ['a plain name', `rack2 ${keyType(ED1)} ${ED1.toString('base64')}`, 'rack2', ED1, 'known'],
    ['a port', knownLine(knownName('rack2', 2222), ED1), '[rack2]:2222', ED1, 'known'],
    ['another port', knownLine('rack2', ED1), '[rack2]:2222', ED1, 'unknown'],
    ['a hashed name', `${hashed} ssh-ed25519 ${ED1.toString('base64')}`, 'rack2', ED1, 'known'],
    ['a pattern', `*.lab,!bad.lab ssh-ed25519 ${ED1.toString('base64')}`, 'one.lab', ED1, 'known'],
    ['a pattern that excludes', `*.lab,!bad.lab ssh-ed25519 ${ED1.toString('base64')}`, 'bad.lab', ED1, 'unknown'],
    ['a dot is no pattern', `a.lab ssh-ed25519 ${ED1.toString('base64')}`, 'axlab', ED1, 'unknown'],
    ['another key of the type', knownLine('rack2', ED1), 'rack2', ED2, 'changed'],
    ['a key of another type', knownLine('rack2', ED1), 'rack2', RSA, 'unknown'],
    ['a revoked key', `${knownLine('rack2', ED1)}\n@revoked * ssh-ed25519 ${ED1.toString('base64')}`, 'rack2', ED1, 'revoked'],
    ['a certificate authority, which is not used', `@cert-authority ${knownLine('rack2', ED1)}`, 'rack2', ED1, 'unknown'],
    ['comments and damage', '# rack2 ssh-ed25519 x\n\nrack2\n', 'rack2', ED1, 'unknown'],
  ] as const)('%s', (_what, text, name, key, verdict) => {
    expect(judgeHostKey([text], name, key)).toBe(verdict);
  });

  it('says which types of key to ask for', () => {
    expect(knownTypes([`${knownLine('rack2', ED1)}\n${knownLine('rack2', RSA)}\n${knownLine('other', RSA)}`], 'rack2')).toEqual(['ssh-ed25519', 'ssh-rsa']);
  });
});

describe('a server', () => {
  it('is named as for ssh', () => {
    expect(parseSshTarget('root@rack2')).toEqual({ user: 'root', host: 'rack2', port: 22 });
    expect(parseSshTarget('admin@10.0.0.2:2222')).toEqual({ user: 'admin', host: '10.0.0.2', port: 2222 });
    expect(parseSshTarget('root@fd00::2')).toEqual({ user: 'root', host: 'fd00::2', port: 22 });
    expect(parseSshTarget('root@[fd00::2]:2200')).toEqual({ user: 'root', host: 'fd00::2', port: 2200 });
    for (const wrong of ['', 'root@', 'a b', 'root@-oProxyCommand=x', 'rack2:99999', 'root@rack2:x']) expect(() => parseSshTarget(wrong)).toThrow(expect.objectContaining({ code: 'bad-ssh-target' }));
  });

  const facts = readServerFacts('system=Linux\nmachine=x86_64\nuid=1000\nhostname=rack2\nos=Debian GNU/Linux 12\nsudo=yes\napt=/usr/bin/apt-get\nnode=v20.1.0\nengine=\n');
  it('says what it is, and all that keeps it from being a host at once', () => {
    expect(faultsOfServer(facts, 'run')).toEqual([]);
    expect(faultsOfServer(facts, 'skip')).toEqual(['it has Node v20.1.0; 24 or later is needed', 'it has no Docker engine (dockerd)']);
    expect(faultsOfServer({ ...facts, system: 'FreeBSD', machine: 'riscv64', sudo: '', apt: '' }, 'run')).toHaveLength(5);
    expect(() => readServerFacts('This account is not available.')).toThrow(expect.objectContaining({ code: 'server-refused' }));
  });
});

describe('an invitation', () => {
  const bundle = { v: 1, hostId: host('rack2'), url: 'nats://10.0.0.1:4222', credentials: 'SUSECRET', protocol: 1, version: '0.1.0' } as const;
  it('is one line or the same as JSON', () => {
    expect(encodeToken(bundle)).toMatch(/^lwhost1\.[\w-]+$/);
    expect(decodeBundle(` ${encodeToken(bundle)}\n`, 'x')).toEqual(bundle);
    expect(decodeBundle(JSON.stringify(bundle), 'x')).toEqual(bundle);
  });

  it('A01: that is damaged or has no secret is refused without a word of what was in it', () => {
    for (const wrong of ['', 'SUSECRET', encodeToken(bundle).slice(0, 40), JSON.stringify({ ...bundle, credentials: '' }), JSON.stringify({ ...bundle, protocol: 'SUSECRET' })]) {
      expect(() => decodeBundle(wrong, 'standard input')).toThrow(expect.objectContaining({ code: 'bad-bundle', message: expect.not.stringContaining('SUSECRET') }));
    }
  });
});

describe('where NATS listens', () => {
  it('is an address, perhaps with a port', () => {
    expect([parseListen('10.0.0.1'), parseListen('10.0.0.1:4222'), parseListen('fd00::1'), parseListen('[fd00::1]:4222')]).toEqual([{ address: '10.0.0.1' }, { address: '10.0.0.1', port: 4222 }, { address: 'fd00::1' }, { address: 'fd00::1', port: 4222 }]);
    for (const wrong of ['', 'controller.example', '10.0.0.1:0', '10.0.0.1:99999', '10.0.0.1/24']) expect(() => parseListen(wrong)).toThrow(expect.objectContaining({ code: 'bad-listen' }));
    expect(addressOfUrl(urlOf('fd00::1', 4222))).toEqual({ address: 'fd00::1', port: 4222 });
  });

  it('is out of reach of hosts on loopback', async () => {
    expect([await reachableUrl('nats://127.0.0.1:14222', undefined), await reachableUrl('nats://[::1]:14222', undefined), await reachableUrl('nats://10.0.0.1:14222', { address: '10.0.0.1' })]).toEqual([undefined, undefined, 'nats://10.0.0.1:14222']);
  });
});
