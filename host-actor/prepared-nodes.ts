// Which nodes this process has made ready (namespace, management interface, container), so that a start need not look again.
import type { LabId, NodeId } from '../machines/vocabulary/ids.ts';
import { nodeKey } from './node-states.ts';
import type { ObservedNode, Sandbox } from './providers/provider.ts';
import type { NodeOrder } from './wire-of-order.ts';

export type PreparedNode = { readonly generation: number; /** Of its management interface. */ readonly mtu: number; readonly runtimeId: string; readonly sandbox: Sandbox; readonly node: ObservedNode };

export class PreparedNodes {
  readonly #nodes = new Map<string, PreparedNode>();

  /** The node as it was made ready, unless that was otherwise than the order says or something of it was seen to go. */
  get({ lab, node, plan, context }: NodeOrder): PreparedNode | undefined {
    const found = this.#nodes.get(nodeKey(lab, node.id));
    return found?.generation === plan.generation && found.mtu === context.mgmt.mtu ? found : undefined;
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
