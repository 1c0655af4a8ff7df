// What people and programs see of a lab: one shape for list, inspect, notices and dashboards.
import { z } from 'zod';
import { EpochMs, LabId, LinkId, NodeId } from './ids.ts';
import { Impairment, PublishedPort } from './lab-spec.ts';
import { PlaneKind } from './placement.ts';
import { RepairSwitches } from './repair-switches.ts';

export const Failure = z.object({ code: z.string(), message: z.string(), log: z.array(z.string()) });
export type Failure = z.infer<typeof Failure>;

export const NodeView = z.object({
  node: NodeId,
  kind: z.string(),
  type: z.string().optional(),
  group: z.string().optional(),
  image: z.string().optional(),
  containerName: z.string(),
  runtimeId: z.string().optional(),
  pid: z.number().int().optional(),
  host: z.string(),
  desired: z.enum(['running', 'stopped', 'absent']),
  state: z.string(),
  health: z.enum(['none', 'starting', 'healthy', 'unhealthy']),
  /** What the node is waiting for, in words; empty when it waits for nothing. */
  waitingFor: z.string(),
  ipv4: z.string().optional(),
  ipv6: z.string().optional(),
  ports: z.array(PublishedPort),
  labels: z.record(z.string(), z.string()),
  startedAt: EpochMs.optional(),
  repairs: z.number().int(),
  restartPolicy: z.string(),
  /** False where the engine attaches the node as the file asks, so links are re-made after each start. */
  keepsLinks: z.boolean(),
  execFailures: z.number().int(),
  failure: Failure.optional(),
});
export type NodeView = z.infer<typeof NodeView>;

export const EndView = z.object({ label: z.string(), node: NodeId.optional(), interface: z.string(), device: z.string().optional(), mac: z.string().optional(), carrier: z.boolean() });
export type EndView = z.infer<typeof EndView>;

const Vtep = z.object({ host: z.string(), vtep: z.string() });

export const LinkView = z.object({
  link: LinkId,
  type: z.string(),
  a: EndView,
  b: EndView,
  mtu: z.number().int(),
  /** Set while the link spans two hosts; `fragmented` = packets of the MTU do not fit the underlay whole, where `whole` bytes are the most. */
  tunnel: z.object({ vni: z.number().int(), udpPort: z.number().int(), a: Vtep, b: Vtep, fragmented: z.boolean(), whole: z.number().int().optional() }).optional(),
  /** What joins each end on its host; absent where no plane is needed, or the host chooses. */
  planes: z.object({ a: PlaneKind.optional(), b: PlaneKind.optional() }).optional(),
  /** RFC 8343: admin is wanted, oper is seen. */
  admin: z.enum(['up', 'down']),
  oper: z.enum(['up', 'down', 'unknown']),
  state: z.string(),
  desired: z.enum(['present', 'absent']),
  impairment: Impairment,
  repairs: z.number().int(),
  failure: Failure.optional(),
  /** Why oper is not up, in words; empty when it is. */
  reason: z.string(),
});
export type LinkView = z.infer<typeof LinkView>;

export const LabView = z.object({
  lab: LabId,
  /** Number of the last log entry folded into this view. */
  n: z.number().int(),
  state: z.enum(['absent', 'deploying', 'running', 'degraded', 'destroying', 'destroyed']),
  topologyPath: z.string().optional(),
  labDir: z.string(),
  owner: z.string().optional(),
  mgmtNetwork: z.string(),
  /** Which repairs the lab has its hosts make, where it says so. */
  repairs: RepairSwitches.optional(),
  deployedAt: EpochMs.optional(),
  nodes: z.array(NodeView),
  links: z.array(LinkView),
  /** Every problem there is, in words: one health value derived from all fields. */
  problems: z.array(z.string()),
  /** Named waits with their deadlines. */
  deadlines: z.array(z.object({ name: z.string(), at: EpochMs })),
});
export type LabView = z.infer<typeof LabView>;

/** News derived from one log entry: what changed, as views. Gaps show in `n`. */
export const Notice = z.object({
  v: z.literal(1),
  lab: LabId,
  n: z.number().int(),
  at: EpochMs,
  state: LabView.shape.state,
  nodes: z.array(NodeView),
  links: z.array(LinkView),
  gone: z.array(z.string()),
  /** Short sentences for people, one an event: "node r1 died (exit 137), host restarts it". */
  news: z.array(z.string()),
  problems: LabView.shape.problems,
  deadlines: LabView.shape.deadlines,
  /** Set alone, with the number of the last entry: how far a long step of one node has come. */
  progress: z.object({ node: NodeId, text: z.string() }).optional(),
});
export type Notice = z.infer<typeof Notice>;

/** How sentences begin that say what is not waited for any more. */
export const GIVEN_UP = 'given up:';
