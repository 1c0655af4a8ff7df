// The forms in which a lab file may write a link: brief (two texts) and one per link type.
import { z } from 'zod';
import { text } from './node-file-schema.ts';

const vars = z.record(z.string(), z.unknown()).meta({ description: 'data for export templates' });
/** Put on the interface as soon as it is there. */
const address = (family: string) => text(`${family} address of the node's interface, e.g. ${family === 'IPv4' ? '10.0.0.1/24' : 'fd00::1/64'}`);
const addresses = (family: string) => z.array(address(family)).meta({ description: `${family} addresses of the two ends, in their order` });

const common = {
  mtu: z.int().positive().meta({ description: 'MTU of the interfaces; 9500 by default' }).optional(),
  labels: z.record(z.string(), text('')).optional(),
  vars: vars.optional(),
};

const endpoint = z.strictObject({
  node: text('node name'),
  interface: text('interface name'),
  mac: text('MAC address').optional(),
  ipv4: address('IPv4').optional(),
  ipv6: address('IPv6').optional(),
  vars: vars.optional(),
});

const briefLink = z.strictObject({
  type: z.literal('brief').optional(),
  endpoints: z.array(text('node:interface')).min(2).max(2).meta({ description: 'two ends as node:interface; host:, mgmt-net:, macvlan: and dummy stand for places outside of nodes' }),
  ipv4: addresses('IPv4').optional(),
  ipv6: addresses('IPv6').optional(),
  ...common,
});

const vethLink = z.strictObject({
  type: z.enum(['veth', 'veth-stitch']),
  endpoints: z.array(endpoint).min(2).max(2),
  ipv4: addresses('IPv4').optional(),
  ipv6: addresses('IPv6').optional(),
  impairment: z.looseObject({}).optional(),
  ...common,
});

const hostLink = z.strictObject({ type: z.enum(['host', 'mgmt-net']), endpoint, 'host-interface': text('name of the far end on the host').optional(), ...common });

const macvlanLink = z.strictObject({
  type: z.literal('macvlan'),
  endpoint,
  'host-interface': text('parent interface on the host'),
  mode: z.enum(['private', 'vepa', 'bridge', 'passthru', 'source']).optional(),
  ...common,
});

const dummyLink = z.strictObject({ type: z.literal('dummy'), endpoint, ...common });

const vxlanLink = z.strictObject({
  type: z.enum(['vxlan', 'vxlan-stitch']),
  endpoint,
  remote: text('address of the far tunnel end'),
  vni: z.int().min(1).max(16_777_215),
  'udp-port': z.int().min(1).max(65_535).optional(),
  'dst-port': z.int().min(1).max(65_535).optional(),
  'src-port': z.int().min(1).max(65_535).optional(),
  'parent-interface': text('interface the tunnel leaves by').optional(),
  ...common,
});

/** Schema of each form by the `type` that a file writes; no type means brief. */
export const linkFileSchemas = {
  brief: briefLink,
  veth: vethLink,
  'veth-stitch': vethLink,
  host: hostLink,
  'mgmt-net': hostLink,
  macvlan: macvlanLink,
  dummy: dummyLink,
  vxlan: vxlanLink,
  'vxlan-stitch': vxlanLink,
} as const;

export type LinkForm = keyof typeof linkFileSchemas;

/** Any link of a file, for the editor schema. */
export const anyLinkFileSchema = z.union([briefLink, vethLink, hostLink, macvlanLink, dummyLink, vxlanLink]);

export type BriefLinkFile = z.infer<typeof briefLink>;
export type EndpointFile = z.infer<typeof endpoint>;
export type VethLinkFile = z.infer<typeof vethLink>;
export type HostLinkFile = z.infer<typeof hostLink>;
export type MacvlanLinkFile = z.infer<typeof macvlanLink>;
export type DummyLinkFile = z.infer<typeof dummyLink>;
export type VxlanLinkFile = z.infer<typeof vxlanLink>;
/** Any link of a file after its odd types were put right. */
export type LinkFile = BriefLinkFile | VethLinkFile | HostLinkFile | MacvlanLinkFile | DummyLinkFile | VxlanLinkFile;
