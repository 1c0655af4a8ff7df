// Certificates of a lab's nodes at deploy: the authority and each node's files in `.tls` of the lab folder; keys are private.
import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { NodeId } from '../../machines/vocabulary/ids.ts';
import type { CertificateSettings, LabSpec, NodeSpec } from '../../machines/vocabulary/lab-spec.ts';
import { CertError } from './cert-error.ts';
import type { Issued } from './issue-certificate.ts';

const KEY_MODE = 0o600;

type Files = { readonly certificate: string; readonly key: string };

/** Where the files of an owner (`ca` or a node) lie. */
export const certificateFiles = (labDir: string, owner: string): Files => ({ certificate: join(labDir, '.tls', owner, `${owner}.pem`), key: join(labDir, '.tls', owner, `${owner}.key`) });

/** What a node's certificate is for: its names, the fixed addresses of its file, and what the file adds. */
export const namesOf = (lab: LabSpec, node: NodeSpec, sans: readonly string[]): string[] =>
  [...new Set([node.id, node.containerName, `${node.id}.${lab.id}.io`, ...[node.mgmtIpv4, node.mgmtIpv6].flatMap((address) => address ?? []), ...sans])];

const subject = (commonName: string) => ({ commonName, country: 'US', locality: '', organization: 'containerlab', organizationUnit: '' });

/**
 * Makes what is missing. A node's certificate that is still good (of this authority, not expired, all names) is kept.
 * @param options.now - ms since epoch. @param options.fresh - makes all anew. @returns nodes that got a new one.
 * @throws {CertError} `bad-authority`.
 */
export async function issueNodeCertificates(lab: LabSpec, options: { now: number; fresh: boolean }): Promise<NodeId[]> {
  const settings = lab.certificates;
  if (settings === undefined) return [];
  if (options.fresh) await rm(join(lab.labDir, '.tls'), { recursive: true, force: true });
  const authority = await authorityOf(lab, settings, options.now);
  const issued = await Promise.all(lab.nodes.map(async (node) => {
    const wanted = settings.nodes[node.id];
    return wanted !== undefined && (await issueOne(lab, node, { wanted, authority, now: options.now })) ? [node.id] : [];
  }));
  return issued.flat();
}

async function authorityOf(lab: LabSpec, { authority }: CertificateSettings, now: number): Promise<Issued> {
  const files = certificateFiles(lab.labDir, 'ca');
  if (authority.external !== undefined) {
    const issued = { certificate: await readGiven(authority.external.certFile), key: await readGiven(authority.external.keyFile) };
    // Its key stays where it is; nodes need its certificate only.
    await write(files, { certificate: issued.certificate });
    return issued;
  }
  const standing = await readIssued(files);
  if (standing !== undefined && isCurrent(standing.certificate, now)) return standing;
  const { issueAuthority } = await import('./issue-certificate.ts');
  const made = await issueAuthority({ subject: subject(`${lab.id} lab CA`), validMs: authority.validMs, keyBits: authority.keyBits, now });
  await write(files, made);
  return made;
}

type One = { readonly wanted: CertificateSettings['nodes'][NodeId]; readonly authority: Issued; readonly now: number };

async function issueOne(lab: LabSpec, node: NodeSpec, { wanted, authority, now }: One): Promise<boolean> {
  const files = certificateFiles(lab.labDir, node.id);
  const hosts = namesOf(lab, node, wanted.sans);
  const standing = await readIssued(files);
  if (standing !== undefined && isGood(standing.certificate, { authority, hosts, now })) return false;
  const { issueCertificate } = await import('./issue-certificate.ts');
  await write(files, await issueCertificate(authority, { subject: subject(`${node.id}.${lab.id}.io`), validMs: wanted.validMs, keyBits: wanted.keyBits, hosts, now }));
  return true;
}

function isCurrent(pem: string, now: number): boolean {
  try {
    return new X509Certificate(pem).validToDate.getTime() > now;
  } catch {
    return false;
  }
}

function isGood(pem: string, { authority, hosts, now }: { authority: Issued; hosts: readonly string[]; now: number }): boolean {
  if (!isCurrent(pem, now)) return false;
  const certificate = new X509Certificate(pem);
  const names = (certificate.subjectAltName ?? '').split(', ');
  return certificate.verify(new X509Certificate(authority.certificate).publicKey)
    && hosts.every((host) => (isIP(host) === 0 ? names.includes(`DNS:${host}`) : certificate.checkIP(host) !== undefined));
}

async function readIssued({ certificate, key }: Files): Promise<Issued | undefined> {
  const [pem, secret] = await Promise.all([certificate, key].map(async (path) => await readFile(path, 'utf8').catch(() => undefined)));
  return pem === undefined || secret === undefined ? undefined : { certificate: pem, key: secret };
}

async function readGiven(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CertError('bad-authority', `the certificate authority cannot be used: ${path} cannot be read (${cause instanceof Error ? cause.message : String(cause)}). See settings.certificate-authority of the lab file.`, { cause });
  });
}

async function write(files: Files, issued: { certificate: string; key?: string }): Promise<void> {
  await mkdir(join(files.certificate, '..'), { recursive: true });
  // A mode given with the write holds for a new file only.
  await rm(files.key, { force: true });
  if (issued.key !== undefined) await writeFile(files.key, issued.key, { mode: KEY_MODE });
  await writeFile(files.certificate, issued.certificate);
}
