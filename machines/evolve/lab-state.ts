// The folded state of one lab: everything the supervisor knows of it, rebuilt from the log alone.
import type { CarriedSource } from '../vocabulary/carried-file.ts';
import type { CommandId, EffectId, EpochMs, HostId, LabId, LinkId, NodeId } from '../vocabulary/ids.ts';
import type { LabSpec, LinkSpec, NodeSpec } from '../vocabulary/lab-spec.ts';
import type { LabPlan, LinkPlan, MgmtPlan, NodePlan } from '../vocabulary/lab-plan.ts';
import type { PendingEffect } from '../vocabulary/effect.ts';
import type { FarSeen } from '../vocabulary/observation.ts';
import type { StuckNodes } from '../vocabulary/placement.ts';
import type { Failure } from '../vocabulary/lab-view.ts';
import type { NodeContext } from '../node/node-machine.ts';
import type { LinkContext } from '../link/link-machine.ts';
import type { Crossing } from '../link/crossing.ts';
import type { LabContext } from '../lab/lab-machine.ts';
import type { Plain } from './run-machine.ts';
import { labStepper, linkStepper, nodeStepper } from './steppers.ts';

/** Rises when folded states of older code can no longer be read; an older snapshot is then refolded from the log. */
export const STATE_VERSION = 4;

export type NodeRecord = {
  readonly spec: NodeSpec;
  readonly plan: NodePlan;
  /** What the node becomes once its present generation is removed. */
  readonly next: { readonly spec: NodeSpec; readonly plan: NodePlan } | null;
  /** Place of the newest report about it; absent before one came, and in states of older code. So for links and networks. */
  readonly heard?: number;
  /** Set where what its process is kept by has changed, until its host has answered an order of since that entry (over logs). */
  readonly untold?: Untold;
  readonly machine: Plain<NodeContext>;
  /** What came of the last order to save the node's configuration. */
  readonly save?: NodeSave;
};

/** `only`: it is told all but the MTU, so its host knows when it has to end it. */
export type Untold = { readonly since: number; readonly asked: EffectId | null; readonly only?: 'mtu' };

/** `host` and `generation` of the node that was saved; `problem`: what could not be, and why. */
export type NodeSave = { readonly host: HostId; readonly generation: number; readonly at: EpochMs; readonly files: readonly CarriedSource[]; readonly problem?: string };

export type LinkRecord = {
  readonly spec: LinkSpec;
  readonly plan: LinkPlan;
  /** Set while the link spans two hosts. */
  readonly crossing?: Crossing;
  readonly heard?: Readonly<Record<HostId, number>>;
  readonly machine: Plain<LinkContext>;
};

/** What a host that was lost still holds of a node or link that lives elsewhere now: removed there when it returns. */
export type Owed =
  | { readonly kind: 'node'; readonly host: HostId; readonly spec: NodeSpec; readonly plan: NodePlan }
  | { readonly kind: 'link'; readonly host: HostId; readonly spec: LinkSpec; readonly plan: LinkPlan };

/** The part of the management network that one host has. */
export type NetworkRecord = {
  readonly state: 'absent' | 'ensuring' | 'ready' | 'removing' | 'failed';
  readonly mgmt: MgmtPlan | null;
  readonly foreign: boolean;
  /** The host has said whose it is, while it is still being made; absent in states of older code. */
  readonly foreseen?: boolean;
  readonly heard?: number;
  readonly failure: Failure | null;
  readonly attempts: number;
  /** The other hosts of the network as this one last saw them; absent where it has not said, and in states of older code. */
  readonly far?: readonly FarSeen[];
};

export type LabState = {
  readonly id: LabId;
  /** Number of the last entry folded in; 0 = no entry yet. */
  readonly n: number;
  /** Second of the first entry (epoch): tells this log of the lab from one before it that was pruned or lost. */
  readonly born: number;
  readonly term: number;
  readonly lab: Plain<LabContext>;
  readonly spec: LabSpec | null;
  readonly plan: LabPlan | null;
  readonly networks: Readonly<Record<HostId, NetworkRecord>>;
  readonly nodes: Readonly<Record<NodeId, NodeRecord>>;
  readonly links: Readonly<Record<LinkId, LinkRecord>>;
  /** Hosts of the lab that are silent, with the reason. */
  readonly lost: Readonly<Record<HostId, string>>;
  /** By `host/node/<id>` or `host/link/<id>`. */
  readonly owed: Readonly<Record<string, Owed>>;
  /** Those of the lost hosts that people removed: nothing there is waited for. */
  readonly forgotten: Readonly<Record<HostId, true>>;
  /** Who is to leave a host and cannot, by that host; absent in states of older code. */
  readonly stuck?: Readonly<Record<HostId, readonly StuckNodes[]>>;
  /** What removed hosts held when it was given up, by its owed key: owed again by a host that comes back all the same. */
  readonly givenUp: Readonly<Record<HostId, Readonly<Record<string, Owed>>>>;
  /** The last things that the engine of each host did, each as in `historyKey`; absent before one came, and in states of older code. */
  readonly history?: Readonly<Record<HostId, readonly string[]>>;
  /** Orders decided and not yet answered; sent again on resume. */
  readonly pending: Readonly<Record<EffectId, PendingEffect>>;
  /** Named waits, absolute. */
  readonly deadlines: Readonly<Record<string, EpochMs>>;
  /** Waits that are over and that something still asks about. */
  readonly passed: Readonly<Record<string, true>>;
  /** Entry number of each of the last commands, so that a retry is harmless. */
  readonly commands: Readonly<Record<CommandId, number>>;
};

/** The lab before its first entry. */
export function initialLab(id: LabId): LabState {
  return {
    id, n: 0, born: 0, term: 0,
    lab: labStepper.initial(),
    spec: null, plan: null,
    networks: {}, nodes: {}, links: {}, lost: {}, owed: {}, forgotten: {}, givenUp: {}, pending: {}, deadlines: {}, passed: {}, commands: {},
  };
}

export const owedKey = (host: HostId, kind: string, id: string): string => `${host}/${kind}/${id}`;

/** The key of what an order removes: the kind is the order's room. */
export const owedKeyOf = ({ host, type, target }: PendingEffect): string => owedKey(host, type.slice(0, type.indexOf('.')), target);

export const NO_NETWORK: NetworkRecord = { state: 'absent', mgmt: null, foreign: false, failure: null, attempts: 0 };

/**
 * A number of this lab's log (entry, term) made to grow over logs too: hosts remember more than one log of a lab, and what they
 * remember of an older one must never fit an order of this one.
 */
export const overLogs = (born: number, number: number): number => born * 1_000_000 + number;

export const newNodeMachine = (): Plain<NodeContext> => nodeStepper.initial();
export const newLinkMachine = (): Plain<LinkContext> => linkStepper.initial();
