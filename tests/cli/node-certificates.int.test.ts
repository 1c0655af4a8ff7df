// Certificates of a lab's nodes as openssl sees them, and when they are made anew.
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { certificateFiles, issueNodeCertificates } from '../../cli/cert/node-certificates.ts';
import type { LabSpec } from '../../machines/vocabulary/lab-spec.ts';
import { accepted } from '../topology/read-fixture.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'labwright-node-cert-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const openssl = async (...args: string[]) => (await execa('openssl', args)).stdout;
const labOf = (head = '', keys = ''): LabSpec => accepted(`name: t\n${head}\ntopology:\n  defaults: {kind: linux, image: x}\n  nodes: {a: {mgmt-ipv4: 172.20.20.9, certificate: {issue: true${keys}}}, b: }\n`, { folder, path: join(folder, 't.clab.yml') }).lab;
const day = 86_400_000;
const now = Date.parse('2030-01-01T00:00:00Z');

describe('certificates of nodes', () => {
  it('makes an authority and a certificate for each node that asks, keys private', async () => {
    const lab = labOf('', ', sans: [a.example, 2001:db8::7], key-size: 1024, validity-duration: 24h');
    expect(await issueNodeCertificates(lab, { now, fresh: false })).toEqual(['a']);
    const [ca, a] = [certificateFiles(lab.labDir, 'ca'), certificateFiles(lab.labDir, 'a')];
    expect(a.key).toBe(join(folder, 'clab-t/.tls/a/a.key'));
    expect([ca.key, a.key].map((path) => statSync(path).mode & 0o777)).toEqual([0o600, 0o600]);
    expect(await openssl('verify', '-attime', String(now / 1000 + 60), '-CAfile', ca.certificate, a.certificate)).toContain('OK');
    const subjects = await Promise.all([ca, a].map(async ({ certificate }) => await openssl('x509', '-in', certificate, '-noout', '-subject', '-nameopt', 'sep_comma_plus')));
    expect(subjects).toEqual(['subject=C=US,O=containerlab,OU=,L=,CN=t lab CA', 'subject=C=US,O=containerlab,OU=,L=,CN=a.t.io']);
    const text = await openssl('x509', '-in', a.certificate, '-noout', '-text');
    expect(text).toMatch(/Public-Key: \(1024 bit\)/);
    expect(text).toContain('DNS:a, DNS:clab-t-a, DNS:a.t.io, IP Address:172.20.20.9, DNS:a.example, IP Address:2001:DB8:0:0:0:0:0:7');
    expect(await openssl('x509', '-in', a.certificate, '-noout', '-enddate')).toBe('notAfter=Jan  2 00:00:00 2030 GMT');
  });
  it('keeps what is good; makes anew what expired, lacks a name, or is of another authority', async () => {
    const lab = labOf();
    const pem = () => readFileSync(certificateFiles(lab.labDir, 'a').certificate, 'utf8');
    await issueNodeCertificates(lab, { now, fresh: false });
    const first = pem();
    expect(await issueNodeCertificates(lab, { now: now + day, fresh: false })).toEqual([]);
    expect(pem()).toBe(first);
    expect(await issueNodeCertificates(labOf('', ', sans: [new.example]'), { now, fresh: false })).toEqual(['a']);
    expect(await issueNodeCertificates(lab, { now: now + 400 * day, fresh: false })).toEqual(['a']);
    rmSync(join(lab.labDir, '.tls/ca'), { recursive: true });
    expect(await issueNodeCertificates(lab, { now: now + 400 * day, fresh: false })).toEqual(['a']);
    expect(await issueNodeCertificates(lab, { now: now + 400 * day, fresh: true })).toEqual(['a']);
  });
  it('signs by an authority that the file names, whose key it does not copy', async () => {
    await issueNodeCertificates(labOf(), { now, fresh: false });
    const own = certificateFiles(join(folder, 'clab-t'), 'ca');
    const pki = join(folder, 'pki');
    await execa('cp', ['-r', join(own.certificate, '..'), pki]);
    const lab = { ...labOf('settings: {certificate-authority: {cert: pki/ca.pem, key: pki/ca.key}}'), labDir: join(folder, 'other') };
    expect(await issueNodeCertificates(lab, { now, fresh: false })).toEqual(['a']);
    expect(await openssl('verify', '-attime', String(now / 1000 + 60), '-CAfile', join(pki, 'ca.pem'), certificateFiles(lab.labDir, 'a').certificate)).toContain('OK');
    expect(() => statSync(certificateFiles(lab.labDir, 'ca').key)).toThrow('ENOENT');
    rmSync(join(pki, 'ca.key'));
    await expect(issueNodeCertificates(lab, { now, fresh: false })).rejects.toMatchObject({ code: 'bad-authority' });
  });
});
