// Certificates as openssl sees them: subjects, key sizes, validity, names, and that the chain holds.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const labwright = join(import.meta.dirname, '..', '..', 'labwright');
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'labwright-cert-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const run = async (...args: string[]) => await execa(labwright, args, { cwd: folder, stdin: 'ignore', reject: false });
const openssl = async (...args: string[]) => (await execa('openssl', args, { cwd: folder })).stdout;
const seconds = async (file: string): Promise<number> => {
  const dates = await openssl('x509', '-in', file, '-noout', '-dates');
  const [from = '', to = ''] = dates.split('\n').map((line) => line.split('=')[1]);
  return (Date.parse(to) - Date.parse(from)) / 1_000;
};

describe('tools cert', () => {
  it('makes an authority: subject with empty parts kept, key of 2048 bits and mode 0600, validity as asked', async () => {
    const made = await run('tools', 'cert', 'ca', 'create', '--path', 'ca', '--name', 'root', '--expiry', '1m', '--locality', '', '-d');
    expect(made.exitCode).toBe(0);
    expect(made.stderr).toContain('Certificate attributes: CN=containerlab.dev, C=Internet, L=, O=Containerlab, OU=Containerlab Tools, Validity period=1m');
    const subject = await openssl('x509', '-in', 'ca/root.pem', '-noout', '-subject', '-nameopt', 'sep_comma_plus');
    expect(subject).toBe('subject=C=Internet,O=Containerlab,OU=Containerlab Tools,L=,CN=containerlab.dev');
    expect(await openssl('x509', '-in', 'ca/root.pem', '-noout', '-text')).toMatch(/Public-Key: \(2048 bit\)[\s\S]*CA:TRUE/);
    expect(await seconds('ca/root.pem')).toBe(60);
    expect(statSync(join(folder, 'ca/root.key')).mode & 0o777).toBe(0o600);
  });
  it('signs a certificate for names and addresses', async () => {
    await run('tools', 'cert', 'ca', 'create');
    const signed = await run('-d', 'tools', 'cert', 'sign', '--ca-cert', 'ca.pem', '--ca-key', 'ca.key', '--hosts', 'node.io,192.168.0.1,2001:db8::1', '--path', 'n1', '--key-size', '4096');
    expect(signed.exitCode).toBe(0);
    expect(signed.stderr).toContain('Creating and signing certificate Hosts="[node.io 192.168.0.1 2001:db8::1]" CN=containerlab.dev C=Internet L=Server O=Containerlab OU="Containerlab Tools"');
    expect(await openssl('verify', '-CAfile', 'ca.pem', 'n1/cert.pem')).toBe('n1/cert.pem: OK');
    const text = await openssl('x509', '-in', 'n1/cert.pem', '-noout', '-text');
    expect(text).toMatch(/Public-Key: \(4096 bit\)/);
    expect(text).toContain('DNS:node.io, IP Address:192.168.0.1, IP Address:2001:DB8:0:0:0:0:0:1');
    expect(await openssl('rsa', '-in', 'n1/cert.key', '-check', '-noout')).toContain('ok');
  });
  it('says so when key and certificate of the authority do not belong together', async () => {
    await run('tools', 'cert', 'ca', 'create', '--name', 'one');
    await run('tools', 'cert', 'ca', 'create', '--name', 'two');
    const signed = await run('tools', 'cert', 'sign', '--ca-cert', 'one.pem', '--ca-key', 'two.key');
    expect(signed.exitCode).toBe(1);
    expect(signed.stderr).toContain('the key is not the one of the certificate');
  });
});
