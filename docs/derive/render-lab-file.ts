// The document of lab files: each key with its form and what becomes of it, found out by reading small files that use it.
import { z } from 'zod';
import { stringify } from 'yaml';
import { labFileSchema } from '../../topology/lab-file-schema.ts';
import type { LinkForm } from '../../topology/link-file-schema.ts';
import { linkFileSchemas } from '../../topology/link-file-schema.ts';
import type { NodeKey } from '../../topology/node-file-schema.ts';
import { nodeFileSchema } from '../../topology/node-file-schema.ts';
import { readLab } from '../../topology/read-lab.ts';
import { kindCatalogue } from '../../vendors/kind-catalogue.ts';
import { introduction, MERGED, PLACEMENT, REST } from './lab-file-text.ts';
import { code, markdownTable } from './markdown-table.ts';
import { SILENT_KEYS } from './silent-keys.ts';

/** A value of each node key that a file may hold, such that the key would do something. */
const NODE_SAMPLES: Record<NodeKey, unknown> = {
  kind: 'linux', type: 'router', group: 'core', image: 'alpine:3', 'image-pull-policy': 'Never', 'restart-policy': 'always', 'auto-remove': true, 'startup-delay': 5,
  entrypoint: '/bin/sh', cmd: 'sleep 60', user: 'nobody', hostname: 'r1', env: { A: 'b' }, 'env-files': ['a.env'], labels: { a: 'b' }, binds: ['a:/a'], volumes: ['data:/data'],
  tmpfs: ['/tmp'], devices: ['/dev/net/tun'], ports: ['8080:80'], exec: ['true'], sysctls: { 'net.ipv4.ip_forward': '1' }, 'cap-add': ['NET_ADMIN'], privileged: true,
  'security-opts': ['no-new-privileges'], cpu: 1, 'cpu-set': '0', memory: '64m', 'shm-size': '64m', 'cgroup-parent': 'labs.slice', 'cgroupns-mode': 'host', 'pid-mode': 'host',
  dns: { servers: ['192.0.2.1'] }, aliases: ['router'], healthcheck: { test: ['CMD', 'true'] }, stages: { create: { exec: [{ command: 'true' }] } }, 'network-mode': 'none',
  'mgmt-ipv4': '172.20.20.9', 'mgmt-ipv6': '3fff:172:20:20::9', license: 'a.lic', 'startup-config': 'a.cfg', 'enforce-startup-config': true, 'suppress-startup-config': true,
  runtime: 'podman', 'link-apply-mode': 'restart', credentials: { username: 'admin' }, config: { vars: { a: 1 } }, certificate: { issue: true }, components: [{ slot: 'A' }],
  extras: { a: 1 }, host: 'host1',
};

const MGMT_SAMPLES: Record<string, unknown> = {
  network: 'lab', bridge: 'br-lab', 'ipv4-subnet': '10.1.0.0/24', 'ipv4-gw': '10.1.0.1', 'ipv4-range': '10.1.0.128/25', 'ipv6-subnet': 'fd00:1::/64', 'ipv6-gw': 'fd00:1::1',
  'ipv6-range': 'fd00:1::/80', mtu: 1400, 'external-access': false, 'driver-opts': { a: 'b' }, 'skip-when-unused': true, driver: 'macvlan', isolated: true,
};

/** The text of lab-file.md. `example` is a lab file with every form of a link. */
export function renderLabFile(example: string): string {
  const mgmt = labFileSchema.shape.mgmt.unwrap();
  const keys = Object.keys(nodeFileSchema.shape) as NodeKey[];
  const runnable = kindCatalogue.filter((kind) => kind.runnable).map((kind) => code(kind.name));
  return [
    introduction(keys.length),
    '## Keys of a node\n',
    `A node, and each entry of \`defaults\`, \`kinds\` and \`groups\`, takes these keys. Kinds that run: ${runnable.join(', ')}; the ${kindCatalogue.length - runnable.length} other kinds of the format are known by name, and a file that uses one is refused with that reason.\n`,
    markdownTable(['key', 'form', 'meaning', 'what becomes of it'], keys.map((key) => row(key, nodeFileSchema.shape[key], fateOfNodeKey(key)))),
    MERGED,
    PLACEMENT,
    '## Keys of `mgmt`\n',
    markdownTable(['key', 'form', 'meaning', 'what becomes of it'], Object.entries(mgmt.shape).map(([key, schema]) => row(`mgmt.${key}`, schema, fateOfMgmtKey(key)))),
    '## Links\n',
    'Brief: two ends as `node:interface`; instead of a node one end may be `host`, `mgmt-net`, `macvlan` or `dummy`. Extended: a `type` and its keys. All of these forms in one file (`docs/examples/every-link.clab.yml`):\n',
    `\`\`\`yaml\n${example.trimEnd()}\n\`\`\`\n`,
    markdownTable(['type', 'keys (needed ones first)'], (Object.keys(linkFileSchemas) as LinkForm[]).map((form) => [code(form), linkKeys(form)])),
    '`impairment` has no effect (warning): `labwright tools netem` impairs a link.\n',
    REST,
  ].join('\n');
}

function row(path: string, schema: z.ZodType, fate: string): string[] {
  const silent = SILENT_KEYS.find((one) => one.key === path);
  return [code(path.replace('mgmt.', '')), formOf(schema), schema.description ?? bareOf(schema).description ?? '', silent === undefined ? fate : `no effect: ${silent.why}`];
}

/** `honoured`, or the words of the warning that the key brings. */
function fateOfNodeKey(key: NodeKey): string {
  return fateOf({ topology: { nodes: { a: { kind: 'linux', image: 'alpine:3', [key]: NODE_SAMPLES[key] } } } }, `topology.nodes.a.${key}`);
}

function fateOfMgmtKey(key: string): string {
  const needed = key.startsWith('ipv4') ? { 'ipv4-subnet': MGMT_SAMPLES['ipv4-subnet'] } : key.startsWith('ipv6') ? { 'ipv6-subnet': MGMT_SAMPLES['ipv6-subnet'] } : {};
  return fateOf({ mgmt: { ...needed, [key]: MGMT_SAMPLES[key] }, topology: { nodes: { a: { kind: 'linux', image: 'alpine:3' } } } }, `mgmt.${key}`);
}

function fateOf(file: object, path: string): string {
  const result = readLab({ text: stringify({ name: 'lab', ...file }), path: '/labs/lab.clab.yml', folder: '/labs', env: {}, readTextFile: () => '' });
  if ('faults' in result) throw new Error(`the sample of ${path} is refused: ${result.faults.map((fault) => `${fault.path}: ${fault.message}`).join('; ')}`);
  const told = result.warnings.find((warning) => warning.path === path);
  if (told === undefined) return 'honoured';
  // The key stands in the row already.
  const said = told.message.replace(/^\S+ has no effect: /, '');
  return told.code === 'key-not-honoured' ? `warning: no effect: ${said}` : `honoured; warning: ${said}`;
}

function linkKeys(form: LinkForm): string {
  const shape: Readonly<Record<string, z.ZodType>> = linkFileSchemas[form].shape;
  const all = Object.entries(shape).filter(([key]) => key !== 'type');
  const needed = all.filter(([, schema]) => !(schema instanceof z.ZodOptional)).map(([key]) => `**${key}**`);
  return [...needed, ...all.filter(([, schema]) => schema instanceof z.ZodOptional).map(([key]) => key)].join(', ');
}

function bareOf(schema: z.ZodType): z.ZodType {
  if (!(schema instanceof z.ZodOptional)) return schema;
  const inner = schema.unwrap();
  return inner instanceof z.ZodType ? inner : schema;
}

/** How a value is written, in few words. */
function formOf(given: z.ZodType): string {
  const schema = bareOf(given);
  if (schema instanceof z.ZodString) return 'text';
  if (schema instanceof z.ZodBoolean) return 'yes or no';
  if (schema instanceof z.ZodNumber) return schema.isInt ? 'whole number' : 'number';
  if (schema instanceof z.ZodEnum) return schema.options.map((option) => code(String(option))).join(', ');
  if (schema instanceof z.ZodArray) return schema.element instanceof z.ZodString ? 'list of texts' : 'list';
  if (schema instanceof z.ZodRecord) return 'map of texts';
  if (schema instanceof z.ZodObject) return Object.keys(schema.shape).length === 0 ? 'map' : `map: ${Object.keys(schema.shape).join(', ')}`;
  return '';
}
