// The plan of a lab: every number, name, address and place that a deploy took from the outside world, fixed in the log.
import { z } from 'zod';
import { CarriedSource } from './carried-file.ts';
import { HostId, LinkId, NodeId } from './ids.ts';
import { PublishedPort } from './lab-spec.ts';
import { PlaneKind } from './placement.ts';

/** Resolved management network. Addresses with prefix length in nodes, without in gateways. */
export const MgmtPlan = z.object({
  network: z.string(),
  /** Empty = the host names it; the folded state then holds the name that it reported. */
  bridge: z.string(),
  ipv4Subnet: z.string().optional(),
  ipv4Gateway: z.string().optional(),
  ipv4Range: z.string().optional(),
  ipv6Subnet: z.string().optional(),
  ipv6Gateway: z.string().optional(),
  ipv6Range: z.string().optional(),
  mtu: z.number().int(),
  externalAccess: z.boolean(),
  isolated: z.boolean(),
  /** Options for the engine's network of that name. */
  driverOpts: z.record(z.string(), z.string()).optional(),
});
export type MgmtPlan = z.infer<typeof MgmtPlan>;

/** One interface's lease: host-side device name (at most 15 characters), redirect index (32 bit), MAC of the inner end. */
export const PortLease = z.object({ device: z.string(), index: z.number().int(), mac: z.string() });
export type PortLease = z.infer<typeof PortLease>;

export const NodePlan = z.object({
  host: HostId,
  /** Number of the log entry that (re)created the node; observations of another generation are void. */
  generation: z.number().int(),
  mgmt: z.object({ ipv4: z.string().optional(), ipv6: z.string().optional(), port: PortLease }).optional(),
  ports: z.array(PublishedPort),
  /** Configuration that the node brings along from before it was made anew, most often on another host: files by their absolute paths in the node, there before its first process. */
  saved: z.array(CarriedSource).optional(),
});
export type NodePlan = z.infer<typeof NodePlan>;

/** Leases of one end of a tunnel: its device, the redirect from it to the port, and the two redirects of its echo probe. */
export const TunnelLease = z.object({ device: z.string(), index: z.number().int(), reflect: z.number().int(), count: z.number().int() });
export type TunnelLease = z.infer<typeof TunnelLease>;

/** What joins the two ends of a link over the underlay (RFC 7348); `vtep` = address of the end's host there. */
export const TunnelPlan = z.object({
  /** Leased over the whole installation. */
  vni: z.number().int(),
  udpPort: z.number().int(),
  a: TunnelLease.extend({ vtep: z.string() }),
  b: TunnelLease.extend({ vtep: z.string() }),
  /** Packets of the link's MTU travel in fragments: they do not fit the underlay whole. */
  fragmented: z.boolean(),
  /** Bytes of the largest packet that the underlay carries in one piece; absent in plans of older supervisors. What is larger and not carried in fragments vanishes. */
  whole: z.number().int().optional(),
});
export type TunnelPlan = z.infer<typeof TunnelPlan>;

/** What joins the ends of a link on one host. */
export const LinkPlane = z.object({
  kind: PlaneKind,
  /** Leased where the host's links are on a bridge that it shares with others: tells the link from all else there. */
  vlan: z.number().int().min(1).max(4094).optional(),
  /** The node puts real checksums on what it sends: the far end is on a userspace switch, which takes frames as they are. */
  computeChecksums: z.literal(true).optional(),
});
export type LinkPlane = z.infer<typeof LinkPlane>;

export const LinkPlan = z.object({
  /** Host of end `a`, and of the whole link unless `far` is set. */
  host: HostId,
  /** Number of the log entry that planned the link as it is; observations of another generation are void. Absent in plans of older supervisors. */
  generation: z.number().int().optional(),
  a: PortLease,
  b: PortLease,
  /** Bytes; what both inner ends get. */
  mtu: z.number().int(),
  /** On `host`; absent = that host's own choice. */
  plane: LinkPlane.optional(),
  /** Set when end `b` is on another host. */
  far: z.object({ host: HostId, tunnel: TunnelPlan, plane: LinkPlane.optional() }).optional(),
});
export type LinkPlan = z.infer<typeof LinkPlan>;

/** What the management network of a lab over several hosts needs on one of them: the gateway of the nodes there, the tunnel's own end, the MTU of its device in the underlay. */
export const HostSpan = z.object({ vtep: z.string(), mtu: z.number().int().optional(), ipv4Gateway: z.string().optional(), ipv6Gateway: z.string().optional() });
export type HostSpan = z.infer<typeof HostSpan>;

/** The management network over hosts. One tunnel number a network, whatever labs use it; gateways are leased for each host. */
export const MgmtSpan = z.object({ vni: z.number().int(), udpPort: z.number().int(), hosts: z.record(HostId, HostSpan) });
export type MgmtSpan = z.infer<typeof MgmtSpan>;

export const LabPlan = z.object({
  /** 1..4095, leased while the lab exists; all other numbers of the lab derive from it and `nextPort`. */
  labNumber: z.number().int().min(1).max(4095),
  /** Ports handed out so far; numbers are never reused in the life of a lab. */
  nextPort: z.number().int(),
  mgmt: MgmtPlan,
  /** Set when the installation has several hosts. */
  span: MgmtSpan.optional(),
  /** Tunnel numbers handed out so far: each is `labNumber` in 12 bits and a count in 12 bits. */
  nextVni: z.number().int().optional(),
  nodes: z.record(NodeId, NodePlan),
  links: z.record(LinkId, LinkPlan),
});
export type LabPlan = z.infer<typeof LabPlan>;

/** One step of a deploy and why it is taken; `keep` steps are left out. */
export const Change = z.object({
  object: z.enum(['lab', 'node', 'link', 'mgmt']),
  id: z.string(),
  action: z.enum(['add', 'remove', 'recreate', 'update', 'start']),
  reason: z.string(),
});
export type Change = z.infer<typeof Change>;
