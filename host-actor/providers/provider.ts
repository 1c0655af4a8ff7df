// What the host-actor asks of a thing that runs nodes: plain orders in, what was read back out.
import type { EpochMs, HostId, LabId, NodeId } from '../../machines/vocabulary/ids.ts';
import type { NodeSpec, PublishedPort } from '../../machines/vocabulary/lab-spec.ts';

/** Which node an order is about. The name is only where a new container goes; the ids are the identity. */
export interface NodeKey {
  readonly labId: LabId;
  readonly nodeId: NodeId;
  readonly hostId: HostId;
  readonly containerName: string;
}

/** Whose network namespace the node joins: one made before, or what the engine makes for a network mode. */
export type Sandbox =
  | { readonly netnsPath: string }
  | {
      /** `host`, `none`, `container:<id>` or the name of an engine network. */
      readonly engineMode: string;
      readonly ipv4?: string;
      readonly ipv6?: string;
      readonly aliases?: readonly string[];
    };

/** All that a host knows about a node beyond the lab file. */
export interface NodePlacement extends NodeKey {
  /** Grows with each recreate; an older one never replaces a newer one. */
  readonly generation: number;
  readonly sandbox: Sandbox;
  /** Files on the host that become /etc/hosts and /etc/resolv.conf of the node. */
  readonly hostsFile?: string;
  readonly resolvConf?: string;
  /** Folder of the node inside the lab folder. */
  readonly nodeDir: string;
  readonly topologyPath?: string;
  readonly owner?: string;
  readonly mgmt?: {
    readonly network: string;
    readonly bridge: string;
    /** CIDR ranges of the management network. */
    readonly subnets: readonly string[];
    /** Names and addresses of all nodes of the lab, for NO_PROXY. */
    readonly neighbours: readonly string[];
  };
  /** Interfaces of the node without the management one (CLAB_INTFS). */
  readonly interfaceCount: number;
  /** Published ports with their leases; the spec's where absent. */
  readonly ports?: readonly PublishedPort[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface VerbOptions {
  readonly signal?: AbortSignal;
  /** Longest time for one call to the engine. */
  readonly deadlineMs?: number;
}

export type ContainerStatus = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';

/** `before-start`: joined our namespace; `after-start`: has an empty one of its own, wire it by /proc/PID/ns/net; `engine`: the engine's. */
export type Wiring = 'before-start' | 'after-start' | 'engine';

/** A container of ours as it was read back. */
export interface ObservedNode {
  readonly labId: LabId;
  readonly nodeId: NodeId;
  readonly hostId: HostId;
  readonly generation: number;
  readonly specDigest: string;
  readonly runtimeId: string;
  readonly name: string;
  readonly status: ContainerStatus;
  /** 0 while no process runs. */
  readonly pid: number;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** The engine's own words about the last failed start; empty where there are none. */
  readonly error: string;
  readonly createdAt: EpochMs;
  readonly startedAt: EpochMs | undefined;
  readonly finishedAt: EpochMs | undefined;
  readonly health: 'none' | 'starting' | 'healthy' | 'unhealthy';
  readonly image: string;
  readonly imageId: string;
  readonly tty: boolean;
  readonly wiring: Wiring;
  /** Addresses the engine gave, by engine network; empty for our sandboxes. */
  readonly engineNetworks: Readonly<Record<string, { readonly ipv4: string; readonly ipv6: string }>>;
}

/** `foreign`: something that is not ours holds the name. */
export type InspectedNode =
  | { readonly found: 'ours'; readonly node: ObservedNode }
  | { readonly found: 'foreign'; readonly holder: NameHolder }
  | { readonly found: 'absent' };

export interface NameHolder {
  readonly runtimeId: string;
  readonly name: string;
  readonly image: string;
}

export interface ImageProgress {
  readonly image: string;
  readonly status: string;
  readonly currentBytes: number;
  readonly totalBytes: number;
}

export interface ImageReady {
  readonly image: string;
  readonly imageId: string;
  readonly outcome: 'present' | 'pulled' | 'loaded';
}

export interface LogTail {
  /** Oldest first. A node with a terminal has only stdout. */
  readonly lines: readonly { readonly stream: 'stdout' | 'stderr'; readonly text: string }[];
  /** True where earlier lines were left out. */
  readonly truncated: boolean;
}

export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Set where the command could not even be started; the engine's words. */
  readonly engineError: string | undefined;
  readonly truncated: boolean;
}

/** A plain file of a container, by its absolute path there; owner and group as numbers. */
export interface ContainerFile {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly bytes: Uint8Array;
}

/** Makes a command run once, over crashes of its caller too. */
export interface ExecOnce {
  /** What `note` was given before such a crash. */
  readonly begun: string | undefined;
  /** Called when the engine knows the command, before it runs. */
  note(execId: string): Promise<void>;
}

export type NodeEventAction =
  | 'create' | 'start' | 'die' | 'kill' | 'oom' | 'stop' | 'restart' | 'pause' | 'unpause' | 'rename' | 'destroy' | 'health_status';

/** Something that happened to a container which carries our labels. */
export interface NodeEvent {
  readonly action: NodeEventAction;
  readonly runtimeId: string;
  readonly labId: LabId;
  readonly nodeId: NodeId;
  readonly name: string;
  readonly generation: number;
  readonly at: EpochMs;
  /** Where to go on reading after this event. */
  readonly cursor: string;
  readonly exitCode: number | undefined;
  /** Number of the signal of a `kill`. */
  readonly signal: number | undefined;
  readonly oldName: string | undefined;
  readonly health: string | undefined;
}

/** What a watch tells. After each `connected` list what is owned: the engine keeps only the last events and none over its restart. */
export type WatchItem =
  | { readonly kind: 'event'; readonly event: NodeEvent }
  | { readonly kind: 'connected' }
  | { readonly kind: 'disconnected'; readonly reason: string };

/** The engine's fingerprint. */
export interface EngineInfo {
  readonly version: string;
  readonly apiVersion: string;
  readonly runtimes: readonly string[];
  /** True where containers can join a namespace made before. */
  readonly joinsNamespaces: boolean;
  readonly securityOptions: readonly string[];
  readonly cgroupVersion: string;
  readonly cgroupDriver: string;
  readonly storageDriver: string;
  readonly dataDir: string;
  readonly liveRestore: boolean;
  readonly warnings: readonly string[];
}

export interface CreatedNode {
  readonly outcome: 'created' | 'reused' | 'recreated';
  readonly node: ObservedNode;
}

export interface StartedNode {
  readonly outcome: 'started' | 'was-running';
  readonly node: ObservedNode;
}

/** Runs nodes on one host. Each verb is idempotent, ends at its deadline, and answers with what it read back. */
export interface NodeProvider {
  ensureImage(image: string, policy: NodeSpec['imagePullPolicy'], options?: VerbOptions & { onProgress?: (progress: ImageProgress) => void }): Promise<ImageReady>;
  hasImage(image: string, options?: VerbOptions): Promise<boolean>;
  ensureCreated(spec: NodeSpec, placement: NodePlacement, options?: VerbOptions): Promise<CreatedNode>;
  /** `known`: what `ensureCreated` gave a moment ago; saves a read. */
  ensureStarted(runtimeId: string, sandbox: Sandbox, options?: VerbOptions & { known?: ObservedNode }): Promise<StartedNode>;
  ensureStopped(runtimeId: string, options: VerbOptions & { graceMs: number }): Promise<InspectedNode>;
  ensureRemoved(key: NodeKey, options?: VerbOptions): Promise<{ removed: readonly string[] }>;
  /** This container alone, if it is one of ours; absent and foreign are left alone. */
  removeOne(runtimeId: string, options?: VerbOptions): Promise<void>;
  kill(runtimeId: string, signal: string, options?: VerbOptions): Promise<InspectedNode>;
  inspect(key: NodeKey, options?: VerbOptions): Promise<InspectedNode>;
  listOwned(filter: { hostId: HostId; labId?: LabId; nodeId?: NodeId }, options?: VerbOptions): Promise<readonly ObservedNode[]>;
  logTail(runtimeId: string, options: VerbOptions & { lines: number; maxBytes?: number }): Promise<LogTail>;
  /** `foreign`: the container may be somebody else's, whom the lab file names. */
  exec(runtimeId: string, command: string | readonly string[], options?: VerbOptions & { timeoutMs?: number; once?: ExecOnce; foreign?: boolean }): Promise<ExecResult>;
  /** Of a container that runs or not; undefined where there is no plain file of that path. */
  readFile(runtimeId: string, path: string, options?: VerbOptions): Promise<ContainerFile | undefined>;
  /** Command lines of the processes that run in a container. */
  processes(runtimeId: string, options?: VerbOptions): Promise<readonly string[]>;
  /** Over what is there; folders that are missing are made. */
  putFiles(runtimeId: string, files: readonly ContainerFile[], options?: VerbOptions): Promise<void>;
  watchEvents(watch: { hostId: HostId; since?: string; signal: AbortSignal; onItem: (item: WatchItem) => void }): Promise<void>;
  readEventsSince(cursor: string, hostId: HostId, options?: VerbOptions): Promise<readonly NodeEvent[]>;
  engineInfo(options?: VerbOptions): Promise<EngineInfo>;
  /** Whether containers can join a namespace made before; asked of the engine once in a while only. */
  joinsNamespaces(options?: VerbOptions): Promise<boolean>;
}
