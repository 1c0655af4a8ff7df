// Certificates that a lab file asks for: the authority of the lab, and for each node its key size, validity and names.
import type { z } from 'zod';
import type { CertificateSettings } from '../machines/vocabulary/lab-spec.ts';
import { parseDurationMs } from './duration.ts';
import { fault, warning } from './issue.ts';
import type { SettingsFile } from './lab-file-schema.ts';
import type { Layer } from './layers.ts';
import { pick } from './layers.ts';
import { resolvePath } from './posix-path.ts';
import type { Reading } from './reading.ts';
import { replaceMagic } from './reading.ts';
import type { ResolvedNode } from './resolve-node.ts';

type Settings = z.input<typeof CertificateSettings>;
type Authority = Settings['authority'];

const defaultBits = 2048;
const yearMs = 8_760 * 3_600_000;
const [leastBits, mostBits] = [1_024, 16_384];
const authorityPath = 'settings.certificate-authority';

/** What has to be made at deploy; undefined where no node asks for a certificate. */
export function resolveCertificates(settings: SettingsFile | undefined, nodes: readonly ResolvedNode[], reading: Reading): Settings | undefined {
  const authority = authorityOf(settings, reading);
  const wanted = nodes.flatMap((node) => {
    const certificate = certificateOf(node, reading);
    return certificate === undefined ? [] : [[node.spec.id, certificate] as const];
  });
  for (const key of Object.keys(settings ?? {})) {
    if (key !== 'certificate-authority') reading.report(warning('key-not-honoured', `settings.${key}`, `${key} has no effect: of the settings only certificate-authority is known`));
  }
  return wanted.length === 0 ? undefined : { authority, nodes: Object.fromEntries(wanted) };
}

function authorityOf(settings: SettingsFile | undefined, reading: Reading): Authority {
  const given = settings?.['certificate-authority'] ?? {};
  const own: Authority = {
    keyBits: bitsOf(given['key-size'], `${authorityPath}.key-size`, reading),
    validMs: validityOf(given['validity-duration'], `${authorityPath}.validity-duration`, reading),
  };
  const certFile = filled(reading.env['CLAB_CA_CERT_FILE']) ?? filled(given.cert);
  const keyFile = filled(reading.env['CLAB_CA_KEY_FILE']) ?? filled(given.key);
  if (certFile === undefined && keyFile === undefined) return own;
  if (certFile === undefined || keyFile === undefined) {
    reading.report(fault('certificate-authority-incomplete', settings?.['certificate-authority'] === undefined ? '' : authorityPath, `an authority needs its certificate and its key; the ${certFile === undefined ? 'certificate' : 'key'} is missing`, { expected: 'cert and key (or CLAB_CA_CERT_FILE and CLAB_CA_KEY_FILE)' }));
    return own;
  }
  const absolute = (path: string): string => resolvePath(path, reading.folder, reading.env['HOME']);
  return { ...own, external: { certFile: absolute(certFile), keyFile: absolute(keyFile) } };
}

function certificateOf({ spec, layers }: ResolvedNode, reading: Reading): Settings['nodes'][string] | undefined {
  const issue = mostSpecific(layers, 'issue');
  if (issue?.value !== true) return undefined;
  if (spec.runtime !== 'container') {
    reading.report(warning('key-not-honoured', issue.path, `a certificate has no effect: node ${spec.id} is no container of this lab`));
    return undefined;
  }
  const [bits, validity, sans] = [mostSpecific(layers, 'key-size'), mostSpecific(layers, 'validity-duration'), mostSpecific(layers, 'sans')];
  return {
    keyBits: bitsOf(bits?.value, bits?.path ?? '', reading),
    validMs: validityOf(validity?.value, validity?.path ?? '', reading),
    sans: [...new Set((sans?.value ?? []).map((name) => replaceMagic(name, reading, spec.id).trim()).filter((name) => name !== ''))],
  };
}

type CertificateKeys = Exclude<Layer['keys']['certificate'], undefined>;

/** The parts of `certificate` are inherited one by one. */
function mostSpecific<K extends 'issue' | 'key-size' | 'validity-duration' | 'sans'>(layers: readonly Layer[], key: K): { value: NonNullable<CertificateKeys[K]>; path: string } | undefined {
  for (const layer of layers.toReversed()) {
    const value = pick([layer], 'certificate')?.value[key];
    if (value !== undefined && value !== null) return { value, path: `${layer.path}.certificate.${key}` };
  }
  return undefined;
}

function bitsOf(given: number | undefined, path: string, reading: Reading): number {
  if (given !== undefined && (given < leastBits || given > mostBits)) {
    reading.report(fault('key-size-invalid', path, 'no RSA key of this size is made', { expected: `${leastBits} to ${mostBits} bits`, got: String(given) }));
  }
  return given ?? defaultBits;
}

function validityOf(given: string | undefined, path: string, reading: Reading): number {
  if (given === undefined || given.trim() === '') return yearMs;
  const ms = parseDurationMs(given);
  if (ms !== undefined && ms > 0) return ms;
  reading.report(fault('duration-invalid', path, 'this duration cannot be read', { expected: 'e.g. 10m, 24h or 1h30m', got: JSON.stringify(given) }));
  return yearMs;
}

function filled(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text.trim();
}
