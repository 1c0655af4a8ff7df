// When nodes that may be moved away must not run here: after the host was out of contact for so long that they may live elsewhere.
import type { LastingNodeOrder } from './wanted.ts';

/** After contact is back, orders that take a node away have this long to arrive before its old order counts again. */
const HOLD_MS = 5_000;
/** Contact is proved every second; a longer silence breaks it. */
const BROKEN_MS = 3_000;

export class NodeLease {
  readonly #now: () => number;
  #lastContact: number;
  /** When unbroken contact began; undefined while there is none. */
  #contactSince: number | undefined;
  /** The longest silence that may have cost this host its nodes, until contact has held. */
  #silence = 0;

  /** @param now - milliseconds of a clock that nobody sets. */
  constructor(now: () => number) {
    this.#now = now;
    this.#lastContact = now();
  }

  /** An earlier process heard something then: silence counts from there. */
  goOn(lastContact: number): void {
    this.#lastContact = Math.min(this.#lastContact, lastContact);
    this.tick();
  }

  /** To be called often, also without contact: a process that was stopped finds out here, before it hears from anybody. */
  tick(): void {
    const silent = this.#now() - this.#lastContact;
    if (silent >= BROKEN_MS) this.#contactSince = undefined;
    if (this.#contactSince === undefined) this.#silence = Math.max(this.#silence, silent);
    else if (this.#now() - this.#contactSince >= HOLD_MS) this.#silence = 0;
  }

  /** The server that all orders come through has answered. */
  noteContact(): void {
    this.tick();
    this.#lastContact = this.#now();
    this.#contactSince ??= this.#lastContact;
  }

  /** The node may run elsewhere by now: its process has to end here. */
  mustStop({ fenceAfterMs }: LastingNodeOrder): boolean {
    return fenceAfterMs !== undefined && this.#silence >= fenceAfterMs;
  }

  /** Whether a node without a process may be given one: not by an order that another one may be on its way to undo. */
  mayStart({ fenceAfterMs }: LastingNodeOrder): boolean {
    return fenceAfterMs === undefined || (this.#silence < fenceAfterMs && this.#contactSince !== undefined && this.#now() - this.#contactSince >= HOLD_MS);
  }
}
