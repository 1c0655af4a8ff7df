// The end of a host-actor in whose name a newer one speaks: it becomes passive for good and says so, until somebody ends it.
import type { Logger } from 'pino';
import { z } from 'zod';

const FenceQuestion = z.object({ instance: z.string(), by: z.string() });

export type FencedBy = { readonly by: string; readonly at: number };

export type FenceParts = {
  /** This process. */
  readonly instance: string;
  readonly log: Logger;
  readonly now: () => number;
  /** Ends taking orders and enforcing; what runs goes on. */
  readonly giveUp: () => Promise<void>;
  /** The state changed. */
  readonly changed: () => void;
};

export class Fence {
  readonly #parts: FenceParts;
  #fenced: FencedBy | undefined;

  constructor(parts: FenceParts) {
    this.#parts = parts;
  }

  /** Who took its place; undefined while it acts. */
  get fenced(): FencedBy | undefined {
    return this.#fenced;
  }

  /** Obeys when this very process is meant; whoever else is, and whatever is no such order, is left alone. */
  hear(question: unknown): void {
    const { instance, log, now, giveUp, changed } = this.#parts;
    const parsed = FenceQuestion.safeParse(question);
    if (!parsed.success || parsed.data.instance !== instance || this.#fenced !== undefined) return;
    this.#fenced = { by: parsed.data.by, at: now() };
    log.fatal({ instance, by: parsed.data.by }, 'a newer host-actor speaks in the name of this host: this one takes no orders and enforces nothing any more. Stop the one that should not be');
    giveUp().catch((err: unknown) => log.error({ err }, 'fenced host-actor could not end its work')).finally(changed);
  }
}
