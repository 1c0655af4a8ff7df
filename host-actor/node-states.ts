// What this host last saw of each node's process: the basis for carrier, repairs and attachments.
import type { EpochMs, LabId, NodeId } from '../machines/vocabulary/ids.ts';
import type { ObservedNode, Wiring } from './providers/provider.ts';
import { objectKey } from './order-object.ts';

/** `never`: made, and no process of it has run yet. `down`: its process ran and is away. */
export type ProcessState = 'unknown' | 'never' | 'running' | 'down';

export type NodeSeen = {
  readonly process: ProcessState;
  readonly runtimeId?: string;
  readonly pid?: number;
  readonly startedAt?: EpochMs;
  readonly wiring?: Wiring;
};

const UNKNOWN: NodeSeen = { process: 'unknown' };

export class NodeStates {
  readonly #seen = new Map<string, NodeSeen>();
  /** Nodes that were away since their links were last brought in line. */
  readonly #unsettled = new Set<string>();

  get(lab: LabId, node: NodeId): NodeSeen {
    return this.#seen.get(nodeKey(lab, node)) ?? UNKNOWN;
  }

  /** Whether the node's process ran and is away, so that its neighbours shall have no carrier. */
  isAway(lab: LabId, node: NodeId): boolean {
    return this.get(lab, node).process === 'down';
  }

  /** Whether the process was away and runs again, whoever saw which of it, and its neighbours have yet to get their carrier back. */
  hasReturned(lab: LabId, node: NodeId): boolean {
    return this.get(lab, node).process === 'running' && this.#unsettled.has(nodeKey(lab, node));
  }

  /** The node's links are brought in line with what is known of it now. */
  settle(lab: LabId, node: NodeId): void {
    if (!this.isAway(lab, node)) this.#unsettled.delete(nodeKey(lab, node));
  }

  set(lab: LabId, node: NodeId, seen: NodeSeen): void {
    this.#seen.set(nodeKey(lab, node), seen);
    if (seen.process === 'down') this.#unsettled.add(nodeKey(lab, node));
  }

  /** Takes over a read-back. */
  note(node: ObservedNode): NodeSeen {
    const seen = seenOf(node);
    this.set(node.labId, node.nodeId, seen);
    return seen;
  }

  /** The process is away; whether it ever ran is told by what was known. */
  noteDown(lab: LabId, node: NodeId): void {
    const { process, wiring } = this.get(lab, node);
    if (process !== 'never') this.set(lab, node, { process: 'down', ...(wiring === undefined ? {} : { wiring }) });
  }

  forget(lab: LabId, node: NodeId): void {
    this.#seen.delete(nodeKey(lab, node));
    this.#unsettled.delete(nodeKey(lab, node));
  }

  counts(): { running: number; down: number } {
    const all = [...this.#seen.values()];
    return { running: all.filter((seen) => seen.process === 'running').length, down: all.filter((seen) => seen.process === 'down').length };
  }
}

export function nodeKey(lab: LabId, node: NodeId): string {
  return objectKey({ lab, kind: 'node', id: node });
}

/** Whether the engine says that a process of the container lives. */
export function isLive(node: ObservedNode): boolean {
  return node.status === 'running' || node.status === 'paused' || node.status === 'restarting';
}

function seenOf(node: ObservedNode): NodeSeen {
  const process = isLive(node) ? 'running' : node.startedAt === undefined ? 'never' : 'down';
  return {
    process,
    runtimeId: node.runtimeId,
    wiring: node.wiring,
    ...(node.pid > 0 ? { pid: node.pid } : {}),
    ...(node.startedAt === undefined ? {} : { startedAt: node.startedAt }),
  };
}
