// Ends long work on a node (a pull, a command) when a newer order makes it pointless, so that a destroy does not wait for it.
import type { LabId, NodeId } from '../machines/vocabulary/ids.ts';

export class Interrupts {
  readonly #running = new Map<string, AbortController>();

  /** The signal of work that begins now on a node. */
  begin(lab: LabId, node: NodeId): AbortSignal {
    const controller = new AbortController();
    this.#running.set(`${lab}\t${node}`, controller);
    return controller.signal;
  }

  /** A newer order of the node was accepted. */
  interrupt(lab: LabId, node: NodeId): void {
    this.#running.get(`${lab}\t${node}`)?.abort();
    this.#running.delete(`${lab}\t${node}`);
  }
}
