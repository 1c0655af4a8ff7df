// Issues X.509 certificates: a certificate authority's own, and those that it signs.
// The certificate library needs this to be loaded before it.
import 'reflect-metadata';
import { generateKeyPair, createPrivateKey, createPublicKey, webcrypto } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import * as x509 from '@peculiar/x509';
import { CertError } from './cert-error.ts';

export type Subject = { readonly commonName: string; readonly country: string; readonly locality: string; readonly organization: string; readonly organizationUnit: string };
export type CertificateRequest = { readonly subject: Subject; readonly validMs: number; readonly keyBits: number; readonly now: number };
/** Certificate and private key (PKCS #1) as PEM. */
export type Issued = { readonly certificate: string; readonly key: string };

const ALGORITHM = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
const USES = [x509.ExtendedKeyUsage.clientAuth, x509.ExtendedKeyUsage.serverAuth];

/** A self-signed authority. Source: RFC 5280 4.2.1.3, 4.2.1.9. */
export async function issueAuthority(request: CertificateRequest): Promise<Issued> {
  const keys = await makeKeys(request.keyBits);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerial(),
    name: nameOf(request.subject),
    notBefore: new Date(request.now),
    notAfter: new Date(request.now + request.validMs),
    signingAlgorithm: ALGORITHM,
    keys: { publicKey: await publicKeyOf(keys.private), privateKey: await signingKeyOf(keys.private) },
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyCertSign, true),
      new x509.ExtendedKeyUsageExtension(USES),
      await x509.SubjectKeyIdentifierExtension.create(await publicKeyOf(keys.private)),
    ],
  });
  return { certificate: `${certificate.toString('pem')}\n`, key: keys.pem };
}

/**
 * A certificate signed by an authority; each host becomes a DNS name or an address in it.
 * @throws {CertError} `bad-authority`: the authority's files are no PEM, or do not belong together.
 */
export async function issueCertificate(authority: Issued, request: CertificateRequest & { readonly hosts: readonly string[] }): Promise<Issued> {
  const { certificate: issuer, key } = readAuthority(authority);
  const keys = await makeKeys(request.keyBits);
  const publicKey = await publicKeyOf(keys.private);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: nameOf(request.subject),
    // Copied as it is: an issuer that is spelled anew may differ in its encoding.
    issuer: issuer.subjectName,
    notBefore: new Date(request.now),
    notAfter: new Date(request.now + request.validMs),
    signingAlgorithm: ALGORITHM,
    publicKey,
    signingKey: await signingKeyOf(key),
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(USES),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      ...(request.hosts.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(request.hosts.map((host) => ({ type: isIP(host) === 0 ? 'dns' as const : 'ip' as const, value: host })))]),
    ],
  });
  return { certificate: `${certificate.toString('pem')}\n`, key: keys.pem };
}

/** Order of the parts, and empty parts kept, as the field's tools write them. */
function nameOf(subject: Subject): x509.JsonName {
  return [{ C: [subject.country] }, { O: [subject.organization] }, { OU: [subject.organizationUnit] }, { L: [subject.locality] }, { CN: [subject.commonName] }];
}

async function makeKeys(bits: number): Promise<{ private: KeyObject; pem: string }> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: bits });
  return { private: privateKey, pem: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString() };
}

const signingKeyOf = async (key: KeyObject): Promise<webcrypto.CryptoKey> =>
  await webcrypto.subtle.importKey('pkcs8', key.export({ type: 'pkcs8', format: 'der' }), ALGORITHM, false, ['sign']);

const publicKeyOf = async (key: KeyObject): Promise<webcrypto.CryptoKey> =>
  await webcrypto.subtle.importKey('spki', createPublicKey(key).export({ type: 'spki', format: 'der' }), ALGORITHM, true, ['verify']);

/** 16 random bytes, positive. Source: RFC 5280 4.1.2.2. */
function randomSerial(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}

function readAuthority(authority: Issued): { certificate: x509.X509Certificate; key: KeyObject } {
  try {
    const certificate = new x509.X509Certificate(authority.certificate);
    const key = createPrivateKey(authority.key);
    const same = Buffer.from(certificate.publicKey.rawData).equals(createPublicKey(key).export({ type: 'spki', format: 'der' }));
    if (!same) throw new Error('the key is not the one of the certificate');
    return { certificate, key };
  } catch (cause) {
    throw new CertError('bad-authority', `the certificate authority cannot be used: ${cause instanceof Error ? cause.message : String(cause)}. Give its certificate and its own key (PEM).`, { cause });
  }
}
