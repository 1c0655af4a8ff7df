// tools cert: a certificate authority and certificates signed by it, as files; works offline.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { Issued } from '../cert/issue-certificate.ts';
import { command } from '../command-spec.ts';
import type { CommandSpec, OptionSpec } from '../command-spec.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT } from '../exit-code.ts';
import { parseDurationMs } from '../../topology/duration.ts';

const KEY_MODE = 0o600;

const SUBJECT_OPTIONS: readonly OptionSpec[] = [
  { flags: '--cn <name>', text: 'common name (containerlab.dev)' },
  { flags: '-c, --country <text>', text: 'country (Internet)' },
  { flags: '-l, --locality <text>', text: 'locality (Server)' },
  { flags: '-o, --organization <text>', text: 'organization (Containerlab)' },
  { flags: '--ou <text>', text: 'organization unit (Containerlab Tools)' },
  { flags: '-e, --expiry <duration>', text: 'how long it is valid' },
  { flags: '-p, --path <folder>', text: 'where the files go; the working folder when absent' },
  { flags: '--key-size <bits>', text: 'size of the RSA key (2048)' },
];

const Options = z.object({
  cn: z.string().default('containerlab.dev'),
  country: z.string().default('Internet'),
  locality: z.string().default('Server'),
  organization: z.string().default('Containerlab'),
  ou: z.string().default('Containerlab Tools'),
  expiry: z.string().optional(),
  path: z.string().optional(),
  keySize: z.coerce.number().int().min(1024).max(16384).default(2048),
});
type Options = z.infer<typeof Options>;

const create = command({
  usage: 'create',
  summary: 'create the certificate and key of an authority',
  details: 'Writes NAME.pem and NAME.key; NAME is `ca` unless --name says otherwise. Valid for ten years unless --expiry says otherwise.',
  examples: ['labwright tools cert ca create --path certs --name lab-ca --expiry 8760h'],
  options: SUBJECT_OPTIONS,
  schema: Options,
  run: async (context, options) => {
    const expiry = options.expiry ?? '87600h';
    const attributes = `CN=${options.cn}, C=${options.country}, L=${options.locality}, O=${options.organization}, OU=${options.ou}, Validity period=${expiry}`;
    context.terminal.log('DEBU', `Certificate attributes: ${attributes}`);
    const { issueAuthority } = await import('../cert/issue-certificate.ts');
    const issued = await issueAuthority(requestOf(options, expiry));
    return await write(context, options, { issued, name: context.globals.name ?? 'ca' });
  },
});

const sign = command({
  usage: 'sign',
  summary: 'create a certificate and key, signed by an authority',
  details: 'Writes NAME.pem and NAME.key; NAME is `cert` unless --name says otherwise. Valid for one year unless --expiry says otherwise.',
  examples: ['labwright tools cert sign --ca-cert certs/lab-ca.pem --ca-key certs/lab-ca.key --hosts r1.lab,192.0.2.1 --path certs'],
  options: [
    { flags: '--ca-cert <file>', text: 'certificate of the authority', required: true },
    { flags: '--ca-key <file>', text: 'key of the authority', required: true },
    { flags: '--hosts <names>', text: 'DNS names and addresses, with commas', many: 'split' },
    ...SUBJECT_OPTIONS,
  ],
  schema: Options.extend({ caCert: z.string(), caKey: z.string(), hosts: z.array(z.string()).default([]) }),
  run: async (context, options) => {
    context.terminal.log('INFO', 'Creating and signing certificate', {
      Hosts: `[${options.hosts.join(' ')}]`, CN: options.cn, C: options.country, L: options.locality, O: options.organization, OU: options.ou,
    });
    const authority: Issued = { certificate: await readPem('--ca-cert', options.caCert), key: await readPem('--ca-key', options.caKey) };
    const { issueCertificate } = await import('../cert/issue-certificate.ts');
    const issued = await issueCertificate(authority, { ...requestOf(options, options.expiry ?? '8760h'), hosts: options.hosts });
    return await write(context, options, { issued, name: context.globals.name ?? 'cert' });
  },
});

export const certCommand: CommandSpec = {
  usage: 'cert',
  summary: 'certificates for labs',
  examples: ['labwright tools cert ca create', 'labwright tools cert sign --ca-cert ca.pem --ca-key ca.key --hosts r1'],
  subcommands: [{ usage: 'ca', summary: 'certificate authorities', examples: ['labwright tools cert ca create --path certs'], subcommands: [create] }, sign],
};

function requestOf(options: Options, expiry: string): { subject: { commonName: string; country: string; locality: string; organization: string; organizationUnit: string }; validMs: number; keyBits: number; now: number } {
  const validMs = parseDurationMs(expiry);
  if (validMs === undefined) throw new CliError(EXIT.usage, 'bad-option', `--expiry: ${JSON.stringify(expiry)} is no duration: write e.g. 8760h`);
  const subject = { commonName: options.cn, country: options.country, locality: options.locality, organization: options.organization, organizationUnit: options.ou };
  return { subject, validMs, keyBits: options.keySize, now: Date.now() };
}

async function readPem(option: string, path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CliError(EXIT.usage, 'file-not-readable', `${option}: ${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  });
}

async function write({ terminal, globals }: Context, options: Options, { issued, name }: { issued: Issued; name: string }): Promise<0> {
  const folder = resolve(options.path ?? '.');
  await mkdir(folder, { recursive: true });
  const files = { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
  await writeFile(files.certificate, issued.certificate);
  await writeFile(files.key, issued.key, { mode: KEY_MODE });
  if (globals.json) terminal.out(JSON.stringify(files));
  else terminal.log('INFO', 'Written', files);
  return EXIT.ok;
}
