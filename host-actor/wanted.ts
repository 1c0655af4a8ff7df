// The last orders of this host, found by object, and the links of each node.
import type { Order } from '../machines/vocabulary/effect.ts';
import type { LabId, LinkId, NodeId } from '../machines/vocabulary/ids.ts';
import type { NetworkEnsureOrder } from './hands.ts';
import { isLasting, objectKey } from './order-object.ts';
import type { LedgerState } from './order-ledger.ts';
import { nodesOfLink } from './wire-of-order.ts';
import type { NodeOrder } from './wire-of-order.ts';

export type LinkEnsureOrder = Extract<Order, { type: 'link.ensure' }>;
/** A node's last order; what is done once is never one. */
export type LastingNodeOrder = Exclude<NodeOrder, { type: 'node.exec' | 'node.save' }>;

export class Wanted {
  readonly #ledger: { readonly state: LedgerState };
  readonly #linksOfNode = new Map<string, Set<string>>();

  constructor(ledger: { readonly state: LedgerState }) {
    this.#ledger = ledger;
  }

  /** Takes note of orders that the ledger holds now; needed for `linksOf`. */
  note(orders: Iterable<Order>): void {
    for (const order of orders) {
      if (order.type !== 'link.ensure') continue;
      for (const node of nodesOfLink(order)) {
        const key = objectKey({ lab: order.lab, kind: 'node', id: node });
        const links = this.#linksOfNode.get(key) ?? new Set<string>();
        this.#linksOfNode.set(key, links.add(objectKey({ lab: order.lab, kind: 'link', id: order.link })));
      }
    }
  }

  node(lab: LabId, node: NodeId): LastingNodeOrder | undefined {
    const order = this.#ledger.state.orders.get(objectKey({ lab, kind: 'node', id: node }));
    return order !== undefined && 'node' in order && isLasting(order) ? order : undefined;
  }

  link(lab: LabId, link: LinkId): LinkEnsureOrder | undefined {
    return asLink(this.#ledger.state.orders.get(objectKey({ lab, kind: 'link', id: link })));
  }

  /** Undefined where the network's last order is its removal, or there is none. */
  network(lab: LabId): NetworkEnsureOrder | undefined {
    const order = this.#ledger.state.orders.get(objectKey({ lab, kind: 'network', id: '' }));
    return order?.type === 'network.ensure' ? order : undefined;
  }

  /** Wanted links that have an end at the node. */
  linksOf(lab: LabId, node: NodeId): readonly LinkEnsureOrder[] {
    const keys = this.#linksOfNode.get(objectKey({ lab, kind: 'node', id: node })) ?? [];
    return [...keys].flatMap((key) => {
      const order = asLink(this.#ledger.state.orders.get(key));
      return order !== undefined && nodesOfLink(order).includes(node) ? [order] : [];
    });
  }

  nodes(): readonly LastingNodeOrder[] {
    return [...this.#ledger.state.orders.values()].flatMap((order) => ('node' in order && isLasting(order) ? [order] : []));
  }

  links(): readonly LinkEnsureOrder[] {
    return [...this.#ledger.state.orders.values()].flatMap((order) => asLink(order) ?? []);
  }

  networks(): readonly NetworkEnsureOrder[] {
    return [...this.#ledger.state.orders.values()].flatMap((order) => (order.type === 'network.ensure' ? [order] : []));
  }

  /** Last orders of all objects of a lab, removals too. */
  ofLab(lab: LabId): readonly Order[] {
    return [...this.#ledger.state.orders.values()].filter((order) => order.lab === lab);
  }

  nodesOf(lab: LabId): readonly LastingNodeOrder[] {
    return this.nodes().filter((order) => order.lab === lab);
  }
}

function asLink(order: Order | undefined): LinkEnsureOrder | undefined {
  return order?.type === 'link.ensure' ? order : undefined;
}
