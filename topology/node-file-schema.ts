// The keys of a node as a lab file may write them (node, group, kind and defaults take the same ones), with editor texts.
import { z } from 'zod';
import { kindNames } from '../vendors/resolve-kind.ts';

/** Text that a file may also write as a number or a boolean; read as it is written. */
export const text = (description: string) => z.string().meta({ description, anyScalar: true });

const texts = (description: string) => z.array(text('')).meta({ description });
const textMap = (description: string) => z.record(z.string(), text('')).meta({ description });

const stageName = z.enum(['create', 'create-links', 'configure', 'healthy', 'exit']);

const stage = z.strictObject({
  'wait-for': z.array(z.strictObject({ node: text('node to wait for'), stage: stageName.optional() })).optional(),
  exec: z
    .array(
      z.strictObject({
        command: text('command line'),
        target: z.enum(['container', 'host']).optional(),
        phase: z.enum(['on-enter', 'on-exit']).optional(),
      }),
    )
    .optional(),
});

const healthcheck = z.strictObject({
  test: texts('CMD or CMD-SHELL and the command').optional(),
  'start-period': z.number().nonnegative().optional(),
  interval: z.number().nonnegative().optional(),
  timeout: z.number().nonnegative().optional(),
  retries: z.int().nonnegative().optional(),
});

const dns = z.strictObject({
  servers: texts('addresses of name servers').optional(),
  search: texts('search domains').optional(),
  options: texts('resolver options').optional(),
});

const certificate = z.looseObject({
  issue: z.boolean().meta({ description: 'make a certificate for the node at deploy' }).optional(),
  'key-size': z.int().positive().meta({ description: 'bits of its RSA key; 2048 by default' }).optional(),
  'validity-duration': text('how long it is valid; 8760h by default').optional(),
  sans: texts('more names and addresses that it is for').optional(),
});

/** One node definition; also the shape of `defaults` and of each entry of `kinds` and `groups`. */
export const nodeFileSchema = z.strictObject({
  kind: text('kind of the node').meta({ examples: [...kindNames()] }).optional(),
  type: text('variant of the kind').optional(),
  group: text('name of an entry of `groups`, or any word').optional(),
  image: text('container image').optional(),
  'image-pull-policy': z.enum(['IfNotPresent', 'Always', 'Never']).meta({ description: 'when to pull the image' }).optional(),
  'restart-policy': text('no, on-failure, always or unless-stopped; of kind linux the default is always').optional(),
  'auto-remove': z.boolean().meta({ description: 'remove the container when its process ends' }).optional(),
  'startup-delay': z.number().nonnegative().meta({ description: 'seconds to wait before the process of the node is started' }).optional(),
  entrypoint: text('entry point of the container, split as a shell does').optional(),
  cmd: text('command of the container, split as a shell does').optional(),
  user: text('user (and group) inside the container').optional(),
  hostname: text('host name inside the container; the node name by default').optional(),
  env: textMap('environment variables').optional(),
  'env-files': texts('files of NAME=value lines').optional(),
  labels: textMap('container labels').optional(),
  binds: texts('source:destination[:options]; a relative source starts at the lab file').optional(),
  volumes: texts('name:destination[:options], or only a destination').optional(),
  tmpfs: texts('destination[:options]').optional(),
  devices: texts('devices of the host').optional(),
  ports: texts('published ports: [[address:]host port:]container port[/protocol]').optional(),
  exec: texts('commands to run inside the node once it is up').optional(),
  sysctls: textMap('kernel settings inside the node').optional(),
  'cap-add': texts('capabilities').optional(),
  privileged: z.boolean().meta({ description: 'give the container all rights of the host' }).optional(),
  'security-opts': texts('security options of the engine').optional(),
  cpu: z.number().positive().meta({ description: 'limit in cores' }).optional(),
  'cpu-set': text('cores to run on, e.g. 0-3,5').optional(),
  memory: text('limit, e.g. 512mb or 1Gb').optional(),
  'shm-size': text('size of /dev/shm, e.g. 256m').optional(),
  'cgroup-parent': text('parent cgroup').optional(),
  'cgroupns-mode': text('private or host').optional(),
  'pid-mode': text('process namespace: host, or container:NAME').optional(),
  dns: dns.optional(),
  aliases: texts('more names of the node in the management network').optional(),
  healthcheck: healthcheck.optional(),
  stages: z
    .strictObject({ create: stage.optional(), 'create-links': stage.optional(), configure: stage.optional(), healthy: stage.optional(), exit: stage.optional() })
    .meta({ description: 'what the node waits for, and what runs, at each stage of its start' })
    .optional(),
  'network-mode': text('host, none, container:NAME, or the name of an engine network').optional(),
  'mgmt-ipv4': text('fixed management address').optional(),
  'mgmt-ipv6': text('fixed management address').optional(),
  license: text('path of a licence file').optional(),
  'startup-config': text('path, or text, of a startup configuration').optional(),
  'enforce-startup-config': z.boolean().optional(),
  'suppress-startup-config': z.boolean().optional(),
  runtime: text('engine that runs the node').optional(),
  'link-apply-mode': text('how a running node takes a changed link').optional(),
  credentials: z.looseObject({ username: text('').optional(), password: text('').optional() }).optional(),
  config: z.looseObject({ vars: z.record(z.string(), z.unknown()).optional() }).optional(),
  certificate: certificate.meta({ description: 'certificate and key of the node, made at deploy in `.tls` of the lab folder' }).optional(),
  components: z.array(z.unknown()).optional(),
  extras: z.looseObject({}).optional(),
  host: text('extension: name of the host that must run the node').optional(),
});

/** A node definition after its odd types were put right. */
export type NodeFile = z.infer<typeof nodeFileSchema>;
export type NodeKey = keyof NodeFile;
