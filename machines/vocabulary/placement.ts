// Where the nodes of a lab go: what a lab file may ask for, and the answer as people and programs see it.
import { z } from 'zod';
import { HostId, LinkId, NodeId } from './ids.ts';

/** `pack` = on as few hosts as can be, linked nodes together; `spread` = an equal share of the load on each host, linked nodes together within it. */
export const PlacementPolicy = z.enum(['pack', 'spread']);
export type PlacementPolicy = z.infer<typeof PlacementPolicy>;

/** What joins the ends of links on a host: redirects of the kernel's own, or Open vSwitch. */
export const PlaneKind = z.enum(['tc', 'ovs']);
export type PlaneKind = z.infer<typeof PlaneKind>;

/** What the `placement` section of a lab file says. */
export const PlacementSettings = z.object({
  policy: PlacementPolicy,
  /** Link plane of all links of the lab; each host's own where unset. */
  plane: PlaneKind.optional(),
  /** Nodes of a lost host wait for its return, or are made anew on other hosts once it was lost for so long. */
  onLostHost: z.union([z.literal('wait'), z.object({ moveAfterSeconds: z.number().nonnegative() })]),
});
export type PlacementSettings = z.infer<typeof PlacementSettings>;

/** A host's CPU is given away so many times unless its operator says otherwise: routers wait most of the time. */
export const DEFAULT_CPU_OVERCOMMIT = 4;

/** Ceilings, never use: a thousandth of a core, MiB of memory and disk, ports on the host's link plane. */
export const Ceilings = z.object({ cpuMillis: z.number(), memoryMiB: z.number(), diskMiB: z.number(), ports: z.number() });
export type Ceilings = z.infer<typeof Ceilings>;

export const PlaceReason = z.enum(['pinned', 'stays', 'only-host', 'linked', 'packed', 'spread']);
export type PlaceReason = z.infer<typeof PlaceReason>;

export const PlacedNode = z.object({
  node: NodeId,
  host: HostId,
  code: PlaceReason,
  reason: z.string(),
  /** Host it was placed on before, when that is another one: its copy there must be known to have ended before this one starts. */
  from: HostId.optional(),
});
export type PlacedNode = z.infer<typeof PlacedNode>;

/** Nodes that no host can take. */
export const UnplacedNodes = z.object({
  /** More than one: either all must be on one host (`together`), or the same holds for each of them. */
  nodes: z.array(NodeId),
  together: z.boolean(),
  /** Of one node, or of all that must be together. */
  needs: Ceilings,
  /** Why not, each reason once. */
  message: z.string(),
  /** Why not, for each host. */
  hosts: z.array(z.object({ host: HostId, reason: z.string() })),
  /** Each of them alone would make it fit. */
  remedies: z.array(z.string()),
});
export type UnplacedNodes = z.infer<typeof UnplacedNodes>;

/** Nodes that are to leave a host and cannot: why not, and what would let them. */
export const StuckNodes = z.object({ nodes: z.array(NodeId), reason: z.string() });
export type StuckNodes = z.infer<typeof StuckNodes>;

/** In words, for problems, news and the history: a sentence for each, or that nobody is held up any more. */
export const heldUpWords = (host: HostId, stuck: readonly StuckNodes[]): string[] =>
  (stuck.length === 0 ? [`nothing holds up those who are to leave host ${host} any more`] : stuck.map(({ reason }) => `cannot leave host ${host}: ${reason}`));

/** What the plan puts on a host. */
export const HostShare = z.object({
  host: HostId,
  nodes: z.number().int(),
  /** Ceilings of this lab there. */
  lab: Ceilings,
  /** What all labs together leave; CPU counted with the overcommit. Null = unknown or without limit. */
  free: z.object({ cpuMillis: z.number().nullable(), memoryMiB: z.number().nullable(), diskMiB: z.number().nullable(), ports: z.number().nullable() }),
});
export type HostShare = z.infer<typeof HostShare>;

/** A link between hosts whose MTU is carried in fragments: `whole` bytes are the most that pass in one piece. */
export const FragmentedLink = z.object({ link: LinkId, mtu: z.number().int(), whole: z.number().int().optional(), hosts: z.array(z.string()) });
export type FragmentedLink = z.infer<typeof FragmentedLink>;

export const PlacementView = z.object({
  policy: PlacementPolicy,
  /** Sorted by node. */
  nodes: z.array(PlacedNode),
  unplaced: z.array(UnplacedNodes),
  /** Hosts that get a node, sorted. */
  hosts: z.array(HostShare),
  /** Links whose two ends are placed on two hosts. */
  linksAcross: z.number().int(),
  /** Those of them whose packets do not fit the underlay whole; absent where there are none. */
  fragmented: z.array(FragmentedLink).optional(),
});
export type PlacementView = z.infer<typeof PlacementView>;
