// A resolved lab: what the lab file means after inheritance, variables and defaults; all that machines and hosts work on.
import { z } from 'zod';
import { CarriedSource } from './carried-file.ts';
import { HostId, LabId, LinkId, NodeId } from './ids.ts';
import { PlacementSettings } from './placement.ts';
import { RepairSwitches } from './repair-switches.ts';

/** One published port; hostPort 0 = the host picks one (a lease). Source: containerlab `ports`. */
export const PublishedPort = z.object({
  hostIp: z.string().optional(),
  hostPort: z.number().int().min(0).max(65535),
  containerPort: z.number().int().min(1).max(65535),
  protocol: z.enum(['tcp', 'udp', 'sctp']),
});
export type PublishedPort = z.infer<typeof PublishedPort>;

/** Container health check; durations in seconds. Source: containerlab `healthcheck`, engine HEALTHCHECK. */
export const Healthcheck = z.object({
  test: z.array(z.string()),
  startPeriodSeconds: z.number().nonnegative(),
  intervalSeconds: z.number().nonnegative(),
  timeoutSeconds: z.number().nonnegative(),
  retries: z.number().int().nonnegative(),
});
export type Healthcheck = z.infer<typeof Healthcheck>;

export const StageName = z.enum(['create', 'create-links', 'configure', 'healthy', 'exit']);
export type StageName = z.infer<typeof StageName>;

export const StageExec = z.object({
  command: z.string(),
  phase: z.enum(['on-enter', 'on-exit']),
  target: z.enum(['container', 'host']),
});
export type StageExec = z.infer<typeof StageExec>;

/** What a node waits for before it enters a stage, and what runs at its borders. */
export const Stage = z.object({
  waitFor: z.array(z.object({ node: NodeId, stage: StageName })),
  exec: z.array(StageExec),
});
export type Stage = z.infer<typeof Stage>;

/** Whose network namespace the node lives in. `sandbox` = one that Labwright makes and owns (the normal case). */
export const NodeNetwork = z.discriminatedUnion('mode', [
  z.object({ mode: z.literal('sandbox') }),
  z.object({ mode: z.literal('none') }),
  z.object({ mode: z.literal('host') }),
  z.object({ mode: z.literal('node'), node: NodeId }),
  z.object({ mode: z.literal('container'), container: z.string() }),
  z.object({ mode: z.literal('engine'), network: z.string() }),
]);
export type NodeNetwork = z.infer<typeof NodeNetwork>;

/** What stands behind a node: a container we run, a bridge or the host itself, or a container somebody else runs. */
export const NodeRuntime = z.enum(['container', 'bridge', 'ovs-bridge', 'host', 'ext-container']);
export type NodeRuntime = z.infer<typeof NodeRuntime>;

export const NodeSpec = z.object({
  id: NodeId,
  kind: z.string(),
  runtime: NodeRuntime,
  type: z.string().optional(),
  group: z.string().optional(),
  /** Exact name of the container (or of the bridge); `clab-<lab>-<node>` unless the file's prefix says otherwise. */
  containerName: z.string(),
  hostname: z.string(),
  image: z.string().optional(),
  imagePullPolicy: z.enum(['if-not-present', 'always', 'never']),
  entrypoint: z.array(z.string()).optional(),
  cmd: z.array(z.string()).optional(),
  user: z.string().optional(),
  env: z.record(z.string(), z.string()),
  labels: z.record(z.string(), z.string()),
  /** `source:destination[:options]`, source absolute (or a volume name). */
  binds: z.array(z.string()),
  tmpfs: z.array(z.string()),
  devices: z.array(z.string()),
  ports: z.array(PublishedPort),
  /** Run one after another inside the node once it is up and its links are settled. */
  exec: z.array(z.string()),
  sysctls: z.record(z.string(), z.string()),
  capAdd: z.array(z.string()),
  privileged: z.boolean(),
  securityOpts: z.array(z.string()),
  cpus: z.number().positive().optional(),
  cpuSet: z.string().optional(),
  memoryBytes: z.number().int().positive().optional(),
  shmSizeBytes: z.number().int().positive().optional(),
  cgroupParent: z.string().optional(),
  cgroupnsMode: z.string().optional(),
  pidMode: z.string().optional(),
  dns: z.object({ servers: z.array(z.string()), search: z.array(z.string()), options: z.array(z.string()) }),
  aliases: z.array(z.string()),
  healthcheck: Healthcheck.optional(),
  restartPolicy: z.enum(['no', 'on-failure', 'always', 'unless-stopped']),
  autoRemove: z.boolean(),
  startupDelaySeconds: z.number().nonnegative(),
  stages: z.partialRecord(StageName, Stage),
  network: NodeNetwork,
  /** Static management addresses the file asks for, without prefix length. */
  mgmtIpv4: z.string().optional(),
  mgmtIpv6: z.string().optional(),
  /** Name of the host that the file pins the node to. */
  host: z.string().optional(),
  /** What the sources of `binds` hold, for every host but the lab's `filesHost`. A source that is not among them is the host's own. */
  files: z.array(CarriedSource).optional(),
});
export type NodeSpec = z.infer<typeof NodeSpec>;

const mac = z.string().regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);

/** Where one end of a link is plugged in. `interface` is the device name at that place (at most 15 characters). */
export const LinkEnd = z.discriminatedUnion('at', [
  /** `altname`: the whole name where the file's is longer than a device name; a second name of the device. */
  z.object({ at: z.literal('node'), node: NodeId, interface: z.string(), altname: z.string().optional(), mac: mac.optional(), ipv4: z.string().optional(), ipv6: z.string().optional() }),
  /** A port of a bridge in the host's namespace; the bridge must exist. */
  z.object({ at: z.literal('bridge'), node: NodeId, bridge: z.string(), interface: z.string() }),
  /** A port of a bridge that lives in the namespace of another node of the lab (`br|node`); the bridge is made when absent. */
  z.object({ at: z.literal('node-bridge'), node: NodeId, inside: NodeId, bridge: z.string(), interface: z.string() }),
  /** A plain interface in the host's namespace. */
  z.object({ at: z.literal('host'), interface: z.string(), mac: mac.optional() }),
  /** A port of the lab's management bridge. */
  z.object({ at: z.literal('mgmt-net'), interface: z.string(), mac: mac.optional() }),
  /** The node's end is a macvlan device on a parent interface of the host. */
  z.object({ at: z.literal('macvlan'), parent: z.string(), mode: z.enum(['private', 'vepa', 'bridge', 'passthru', 'source']) }),
  z.object({ at: z.literal('dummy') }),
  /** A VXLAN tunnel to a device that Labwright does not manage. `stitch` joins it by redirect instead of moving it into the node; `parent` is
   *  the interface of the host that it leaves by, else that of the route. */
  z.object({ at: z.literal('vxlan'), remote: z.string(), vni: z.number().int(), udpPort: z.number().int(), srcPort: z.number().int().optional(), parent: z.string().optional(), stitch: z.boolean() }),
]);
export type LinkEnd = z.infer<typeof LinkEnd>;

/** Delay and jitter in milliseconds, the rest in per cent, rate in kbit/s. */
export const Impairment = z.object({
  delayMs: z.number().nonnegative().optional(),
  jitterMs: z.number().nonnegative().optional(),
  lossPercent: z.number().min(0).max(100).optional(),
  rateKbps: z.number().positive().optional(),
  corruptionPercent: z.number().min(0).max(100).optional(),
  duplicationPercent: z.number().min(0).max(100).optional(),
});
export type Impairment = z.infer<typeof Impairment>;

export const LinkSpec = z.object({
  id: LinkId,
  /** Ends in canonical (sorted) order; a veth link between two nodes has two `node` ends. */
  a: LinkEnd,
  b: LinkEnd,
  /** Unset = the plane's default (9500 on one host). */
  mtu: z.number().int().min(64).max(65535).optional(),
  labels: z.record(z.string(), z.string()),
  vars: z.record(z.string(), z.unknown()),
  /** Data of each end, for export templates. */
  endVars: z.object({ a: z.record(z.string(), z.unknown()), b: z.record(z.string(), z.unknown()) }).optional(),
});
export type LinkSpec = z.infer<typeof LinkSpec>;

/** The management network as the file wants it. Subnets in CIDR form. */
export const MgmtSpec = z.object({
  network: z.string(),
  bridge: z.string().optional(),
  ipv4Subnet: z.string().optional(),
  ipv4Gateway: z.string().optional(),
  ipv4Range: z.string().optional(),
  ipv6Subnet: z.string().optional(),
  ipv6Gateway: z.string().optional(),
  ipv6Range: z.string().optional(),
  mtu: z.number().int().optional(),
  externalAccess: z.boolean(),
  isolated: z.boolean(),
  driverOpts: z.record(z.string(), z.string()),
});
export type MgmtSpec = z.infer<typeof MgmtSpec>;

/** How certificates of the lab are made; files and keys stay in the lab's folder, never here. Source: containerlab `certificate`, `settings.certificate-authority`. */
export const CertificateSettings = z.object({
  authority: z.object({
    /** An authority that exists: absolute paths of its certificate and key. Unset = one of the lab's own is made. */
    external: z.object({ certFile: z.string(), keyFile: z.string() }).optional(),
    keyBits: z.number().int(),
    validMs: z.number().int().positive(),
  }),
  /** Nodes that get a certificate. */
  nodes: z.record(NodeId, z.object({ keyBits: z.number().int(), validMs: z.number().int().positive(), sans: z.array(z.string()) })),
});
export type CertificateSettings = z.infer<typeof CertificateSettings>;

export const LabSpec = z.object({
  id: LabId,
  /** Absolute path of the topology file; identifies "the same lab" on a second deploy. `-` and URLs have none. */
  topologyPath: z.string().optional(),
  /** Folder beside the topology file (`clab-<lab>`) for files that belong to the lab. */
  labDir: z.string(),
  /** The host on whose disk the lab's files lie: its nodes bind them in place. Unset where they lie on none, or do not travel. */
  filesHost: HostId.optional(),
  /** Who deployed (containerlab label `owner`). */
  owner: z.string().optional(),
  prefix: z.string().optional(),
  /** Text of the lab file as it was read, before templates and variables. */
  source: z.string().optional(),
  mgmt: MgmtSpec,
  /** Unset where no node asks for a certificate. */
  certificates: CertificateSettings.optional(),
  /** Unset where the file has no `placement`: the installation's own settings hold. */
  placement: PlacementSettings.optional(),
  /** Unset where the file says nothing: each host does as it is told there. */
  repairs: RepairSwitches.optional(),
  /** Sorted by id. */
  nodes: z.array(NodeSpec),
  /** Sorted by id. */
  links: z.array(LinkSpec),
});
export type LabSpec = z.infer<typeof LabSpec>;
