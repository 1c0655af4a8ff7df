// Which nodes this process has made ready (namespace, management interface, container), so that a start need not look again.
import type { LabId, NodeId } from '../machines/vocabulary/ids.ts';
import { nodeKey } from './node-states.ts';
import type { ObservedNode, Sandbox } from './providers/provider.ts';

export type PreparedNode = { readonly generation: number; readonly runtimeId: string; readonly sandbox: Sandbox; readonly node: ObservedNode };

export class PreparedNodes {
  readonly #nodes = new Map<string, PreparedNode>();

  /** The node as it was made ready, unless that was another generation or something of it was seen to go. */
  get(lab: LabId, node: NodeId, generation: number): PreparedNode | undefined {
    const found = this.#nodes.get(nodeKey(lab, node));
    return found?.generation === generation ? found : undefined;
  }

  set(lab: LabId, node: NodeId, prepared: PreparedNode): void {
    this.#nodes.set(nodeKey(lab, node), prepared);
  }

  /** Something of the node went, or may have: the next start makes all of it sure again. */
  forget(lab: LabId, node: NodeId): void {
    this.#nodes.delete(nodeKey(lab, node));
  }

  forgetAll(): void {
    this.#nodes.clear();
  }
}
