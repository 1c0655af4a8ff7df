// Settings of a whole lab: certificates that it asks for (which nodes get one, how the parts are inherited, what is refused), and repairs.
import { describe, expect, it } from 'vitest';
import { accepted, refused } from './read-fixture.ts';

const year = 8_760 * 3_600_000;
const lab = (head: string, nodes: string, extras: Parameters<typeof accepted>[1] = {}) => accepted(`name: t\n${head}\ntopology:\n  defaults: {kind: linux, image: "alpine:3"}\n  nodes: {${nodes}}\n`, extras);

describe('repairs', () => {
  it('are switched by class, and what the file does not say is left to the hosts', () => {
    expect([lab('settings: {repairs: {invasive: false}}', 'a: ').lab.repairs, lab('', 'a: ').lab.repairs]).toEqual([{ invasive: false }, undefined]);
    expect(refused('name: t\nsettings: {repairs: {invasive: maybe, all: true}}\ntopology: {nodes: {a: {kind: linux, image: x}}}').length).toBeGreaterThan(0);
  });
});

describe('certificates', () => {
  it('are made for nodes that ask, with the usual key size and validity', () => {
    const { lab: read, warnings } = lab('', 'a: {certificate: {issue: true}}, b: ');
    expect(warnings).toEqual([]);
    expect(read.certificates).toEqual({ authority: { keyBits: 2048, validMs: year }, nodes: { a: { keyBits: 2048, validMs: year, sans: [] } } });
    expect(lab('settings: {certificate-authority: {key-size: 4096}}', 'a: ').lab.certificates).toBeUndefined();
  });
  it('inherit part by part; names may hold magic words', () => {
    const { lab: read } = accepted('name: t\ntopology:\n  defaults: {kind: linux, image: x, certificate: {issue: true, key-size: 4096}}\n  nodes:\n    a: {certificate: {validity-duration: 1h, sans: [a.io, "__clabNodeName__.example", a.io]}}\n    b: {certificate: {issue: false}}\n');
    expect(read.certificates?.nodes).toEqual({ a: { keyBits: 4096, validMs: 3_600_000, sans: ['a.io', 'a.example'] } });
  });
  it('take an authority that exists, from the file or the environment', () => {
    const settings = 'settings: {certificate-authority: {cert: pki/ca.pem, key: ~/ca.key}}';
    expect(lab(settings, 'a: {certificate: {issue: true}}').lab.certificates?.authority.external).toEqual({ certFile: '/labs/pki/ca.pem', keyFile: '/home/me/ca.key' });
    expect(lab(settings, 'a: {certificate: {issue: true}}', { env: { CLAB_CA_CERT_FILE: '/x.pem', CLAB_CA_KEY_FILE: '/x.key' } }).lab.certificates?.authority.external).toEqual({ certFile: '/x.pem', keyFile: '/x.key' });
  });
  it('refuse half an authority, odd durations and key sizes', () => {
    const file = (head: string, keys: string) => refused(`name: t\n${head}\ntopology: {nodes: {a: {kind: linux, image: x, certificate: {${keys}}}}}`);
    expect(file('settings: {certificate-authority: {cert: ca.pem}}', 'issue: true')).toEqual(['certificate-authority-incomplete']);
    expect(file('', 'issue: true, validity-duration: soon')).toEqual(['duration-invalid']);
    expect(file('', 'issue: true, key-size: 512')).toEqual(['key-size-invalid']);
  });
  it('warn of settings that mean nothing, and of nodes that are no containers', () => {
    const { warnings } = accepted('name: t\nsettings: {colour: red}\ntopology: {nodes: {br0: {kind: bridge, certificate: {issue: true}}}}');
    expect(warnings.map(({ code, path }) => [code, path])).toEqual([['key-not-honoured', 'settings.colour'], ['key-not-honoured', 'topology.nodes.br0.certificate.issue']]);
  });
});
