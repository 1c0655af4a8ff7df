// What a host-actor acts through: engine, link plane and management network, each replaceable as a whole.
import type { LoopRounds } from '../nats/loop-health.ts';
import type { CarriedSource } from '../machines/vocabulary/carried-file.ts';
import type { HostId, LabId, NodeId } from '../machines/vocabulary/ids.ts';
import type { HostsEntry, Order } from '../machines/vocabulary/effect.ts';
import type { NodeSpec } from '../machines/vocabulary/lab-spec.ts';
import type { TcLinkPlane } from './link-plane/tc-link-plane.ts';
import type { EnsuredNetwork, ForeseenNetwork } from './mgmt-network/mgmt-networks.ts';
import type { MgmtPath, PathsProbed } from './mgmt-network/probe-tunnels.ts';
import type { OrphanNetwork } from './mgmt-network/orphan-networks.ts';
import type { Drift } from './mgmt-network/read-drifts.ts';
import type { NodeFiles } from './mgmt-network/node-files.ts';
import type { HostsBlockEntry } from './mgmt-network/host-hosts-block.ts';
import type { StrayLookup } from './providers/docker/stray-lookups.ts';
import type { ContainerFile, ExecResult, NodeProvider } from './providers/provider.ts';

/** What is asked of a link plane. */
export type LinkPlane = Pick<TcLinkPlane, 'ensureWires' | 'removeWiresAsGiven' | 'readWires' | 'readOrphans' | 'removeOrphans' | 'snapshotInner' | 'forgetInner' | 'watch' | 'probe' | 'readUnderlays'> & { readonly namespaces: Pick<TcLinkPlane['namespaces'], 'remove' | 'list'> };

export type NetworkEnsureOrder = Extract<Order, { type: 'network.ensure' }>;

/** Management networks of the host, and the files of names that go with them. */
export interface MgmtHands {
  /** @param made.devices - names of the nodes' ports on the bridge, where they are known
   *  @param made.onBridge - called once a bridge of ours is there, so that ports can be plugged in while the rest is made */
  ensure(order: NetworkEnsureOrder, made: { devices: ReadonlyMap<NodeId, string>; onBridge: (bridge: string) => void }): Promise<EnsuredNetwork>;
  /** What the network will be; asked before it is made. */
  foresee(order: NetworkEnsureOrder): Promise<ForeseenNetwork>;
  /** Addresses in the network of that name that are other people's. */
  foreignAddresses(network: string): Promise<readonly string[]>;
  /** Networks and bridges with our mark that no lab of this host uses. */
  readOrphans(): Promise<readonly OrphanNetwork[]>;
  /** Resolves with the reason where it stays. */
  removeOrphan(orphan: OrphanNetwork): Promise<string | undefined>;
  remove(lab: LabId, how: { keep: boolean }): Promise<{ inUseBy: string[] }>;
  /** Ways to other hosts, as ordered. */
  paths(): Promise<readonly MgmtPath[]>;
  /** Reads the tunnels back and asks their far hosts for an echo. */
  probe(paths: readonly MgmtPath[]): Promise<PathsProbed>;
  /** What drifted; changes nothing. */
  check(): Promise<readonly Drift[]>;
  /** Puts back what drifted and says what it was. */
  repair(): Promise<readonly Drift[]>;
  /** Calls back when rules, bridges or addresses changed so that something of ours is missing; until the signal. `whenCalm`
   *  resolves when a look is worth its cost: while a lab is made or removed, nearly all that changes is our own doing. */
  watch(watch: { signal: AbortSignal; rounds: LoopRounds; whenCalm: () => Promise<void>; onDrift: (drifts: readonly Drift[]) => Promise<void>; onError: (error: unknown) => void }): Promise<void>;
  /** Writes /etc/hosts and /etc/resolv.conf of a node; the files stay the same while their text changes. */
  writeNodeFiles(lab: LabId, node: NodeId, entries: readonly HostsEntry[], dns: NodeSpec['dns']): Promise<NodeFiles>;
  rewriteHostsFiles(lab: LabId, nodes: readonly NodeId[], entries: readonly HostsEntry[]): Promise<void>;
  removeNodeFiles(lab: LabId, node?: NodeId): Promise<void>;
  writeHostsBlock(lab: LabId, entries: readonly HostsBlockEntry[]): Promise<void>;
  removeHostsBlock(lab: LabId): Promise<void>;
  close(): Promise<void>;
}

/** What the host itself shows: bridges and containers of other people, and commands run on it. */
export interface HostSight {
  isBridge(name: string): Promise<boolean>;
  /** A container that is not ours; undefined where there is none. */
  readContainer(name: string): Promise<{ readonly runtimeId: string; readonly pid: number } | undefined>;
  /** Look-ups of the OCI runtime that bear the mark of a node of this host. */
  readLookups(): Promise<readonly StrayLookup[]>;
  /** Absent is success. */
  removeLookup(runtimeId: string): Promise<void>;
  /** Ends with all that it started when it overstays, or when the signal fires (then it throws). */
  runCommand(command: string, options: { cwd: string; timeoutMs: number; signal?: AbortSignal }): Promise<ExecResult>;
}

/** Files of labs that come from another host, or go to one. */
export interface FileHands {
  /** Makes those that are missing; resolves with the path of each by its source. @throws {HostActorError} `file-not-here`. */
  place(lab: LabId, sources: readonly CarriedSource[]): Promise<ReadonlyMap<string, string>>;
  /** Hands a file to the installation, in pieces; resolves with what it is known by there. @throws {TransportError} */
  give(file: ContainerFile): Promise<CarriedSource>;
  /** Removes all other copies of the lab. */
  keepOnly(lab: LabId, sources: readonly CarriedSource[]): Promise<void>;
}

export type Hands = {
  readonly host: HostId;
  readonly provider: NodeProvider;
  readonly plane: LinkPlane;
  readonly network: MgmtHands;
  readonly sight: HostSight;
  readonly files: FileHands;
};
