// Ends long work on a node (a pull, a command) when a newer order makes it pointless, so that a destroy does not wait for it.
import type { LabId, NodeId } from '../machines/vocabulary/ids.ts';
import { compareEffectIds } from './order-object.ts';
import type { Wanted } from './wanted.ts';
import type { NodeOrder } from './wire-of-order.ts';

export class Interrupts {
  readonly #wanted: Pick<Wanted, 'node'>;
  readonly #running = new Map<string, AbortController>();

  constructor(wanted: Pick<Wanted, 'node'>) {
    this.#wanted = wanted;
  }

  /** The signal of work that begins now for an order; it has fired already when a newer order came before the work began. */
  begin(order: NodeOrder): AbortSignal {
    const newest = this.#wanted.node(order.lab, order.node.id);
    const isStale = newest !== undefined && compareEffectIds(order.id, newest.id) < 0 && !(order.type === 'node.prepare' && newest.type === 'node.start');
    if (isStale) return AbortSignal.abort();
    const controller = new AbortController();
    this.#running.set(`${order.lab}\t${order.node.id}`, controller);
    return controller.signal;
  }

  /** A newer order of the node was accepted. */
  interrupt(lab: LabId, node: NodeId): void {
    this.#running.get(`${lab}\t${node}`)?.abort();
    this.#running.delete(`${lab}\t${node}`);
  }
}
