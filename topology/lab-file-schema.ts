// The whole lab file as it may be written: name, prefix, management network, topology.
import { z } from 'zod';
import { anyLinkFileSchema } from './link-file-schema.ts';
import { nodeFileSchema, text } from './node-file-schema.ts';

const mgmt = z.strictObject({
  network: text('name of the management network; clab by default').optional(),
  bridge: text('name of its bridge on the host').optional(),
  'ipv4-subnet': text('IPv4 range; 172.20.20.0/24 when no range is given').optional(),
  'ipv4-gw': text('IPv4 gateway').optional(),
  'ipv4-range': text('part of the range to give addresses from').optional(),
  'ipv6-subnet': text('IPv6 range').optional(),
  'ipv6-gw': text('IPv6 gateway').optional(),
  'ipv6-range': text('part of the range to give addresses from').optional(),
  mtu: z.int().positive().optional(),
  'external-access': z.boolean().meta({ description: 'whether nodes are reachable from outside the host' }).optional(),
  'driver-opts': z.record(z.string(), text('')).optional(),
  'skip-when-unused': z.boolean().optional(),
  driver: text('bridge').optional(),
  isolated: z.boolean().meta({ description: 'extension: nothing passes between this lab and others in management networks; the way out stays' }).optional(),
});

/** Management section of a file. */
export type MgmtFile = z.infer<typeof mgmt>;

const authority = z.strictObject({
  cert: text('certificate of an authority that exists; CLAB_CA_CERT_FILE takes its place').optional(),
  key: text('its private key; CLAB_CA_KEY_FILE takes its place').optional(),
  'key-size': z.int().positive().meta({ description: 'bits of its RSA key when it is made; 2048 by default' }).optional(),
  'validity-duration': text('how long it is valid when it is made; 8760h by default').optional(),
});

/** Settings of a file that hold for the lab as a whole. */
const repairs = z.strictObject({
  safe: z.boolean().meta({ description: 'what nodes do not notice: what joins links, carrier, MTU, rules, bridges; true by default' }).optional(),
  invasive: z.boolean().meta({ description: 'starting nodes again, making containers and interfaces anew; true by default' }).optional(),
});
const settings = z.looseObject({ 'certificate-authority': authority.optional(), repairs: repairs.meta({ description: 'extension: which repairs are made by themselves' }).optional() });
export type SettingsFile = z.infer<typeof settings>;

const placement = z.strictObject({
  policy: z.enum(['pack', 'spread']).meta({ description: 'pack (the default): on few hosts; spread: an equal share on each host. Linked nodes are kept together in both' }).optional(),
  plane: z.enum(['tc', 'ovs']).meta({ description: 'what joins the ends of links: tc (the kernel), ovs (Open vSwitch); unset = what each host prefers' }).optional(),
  'on-lost-host': text('wait (the default) for the host to return, or the time after which its nodes are made anew on other hosts, e.g. 10m').optional(),
});
export type PlacementFile = z.infer<typeof placement>;

const nodes = z.record(z.string(), nodeFileSchema);

const labName = text('name of the lab');

const labFile = <N extends z.ZodType, L extends z.ZodType>(name: N, link: L) =>
  z.strictObject({
    name,
    prefix: text('start of container names; clab by default').optional(),
    mgmt: mgmt.optional(),
    settings: settings.optional(),
    placement: placement.meta({ description: 'extension: how the nodes are laid out over the hosts' }).optional(),
    debug: z.boolean().optional(),
    topology: z.strictObject({
      defaults: nodeFileSchema.optional(),
      kinds: nodes.optional(),
      groups: nodes.optional(),
      nodes: nodes.optional(),
      links: z.array(link).optional(),
    }),
  });

/** Schema that files are read with; links are looked at one by one, by their type; the name may come from elsewhere. */
export const labFileSchema = labFile(labName.optional(), z.unknown());

/** Schema for editors: the same, with all link forms. */
export const labEditorSchema = labFile(labName, anyLinkFileSchema);

export type LabFile = z.infer<typeof labFileSchema>;
