// Paces the probes of legs: soon after each change, then now and then; knows what they said, and tells when it changes.
import type { Logger } from 'pino';
import type { LinkPlane } from './hands.ts';
import type { WireState } from './link-plane/wire.ts';
import type { LinkEnsureOrder } from './wanted.ts';
import { wireIdOfLink } from './wire-of-order.ts';

/** `untold` until a probe came back, or three in a row did not. `underlayMtu` is 0 until it was read; `reason` empty unless lost. */
export type EchoSeen = { readonly echo: 'untold' | 'ok' | 'lost'; readonly underlayMtu: number; readonly reason: string };

export type EchoKeeperContext = {
  readonly plane: Pick<LinkPlane, 'probe' | 'readUnderlays'>;
  readonly log: Logger;
  readonly everyMs?: number;
};

type Leg = {
  order: LinkEnsureOrder;
  /** What the tunnel is; another one has to prove itself anew. */
  identity: string;
  readonly remote: string;
  seen: EchoSeen;
  failures: number;
  /** `performance.now()`. */
  dueAt: number;
  probing: boolean;
  readonly waiting: (() => void)[];
};

const EVERY_MS = 5_000;
const FIRST_PAUSE_MS = 50;
const LOST_AFTER = 3;
/** A lost one is looked for more often: its return is what people wait for. */
const LOST_EVERY_MS = 2_000;
/** Legs that change together are probed together. */
const GATHER_MS = 5;
/** Rounds with lost legs last half a second; others need not wait for them. */
const MAX_ROUNDS = 4;
/** One round with its answer, on a busy host. */
const TOLD_WITHIN_MS = 700;
const UNTOLD: EchoSeen = { echo: 'untold', underlayMtu: 0, reason: '' };

export class EchoKeeper {
  readonly #context: EchoKeeperContext;
  readonly #legs = new Map<string, Leg>();
  readonly #underlays = new Map<string, { readonly device: string; readonly mtu: number }>();
  #tell: (order: LinkEnsureOrder) => void = () => {};
  #timer: NodeJS.Timeout | undefined;
  #rounds = 0;
  #stopped = false;

  constructor(context: EchoKeeperContext) {
    this.#context = context;
  }

  /** Who is told when the answer of a leg's probe has changed. */
  onChange(tell: (order: LinkEnsureOrder) => void): void {
    this.#tell = tell;
  }

  seen(wireId: string): EchoSeen {
    return this.#legs.get(wireId)?.seen ?? UNTOLD;
  }

  /** Probes a leg that was made, changed or read, at once; another tunnel than before is untold again. No leg = nothing to do. */
  begin(order: LinkEnsureOrder, state: WireState): void {
    const key = wireIdOfLink(order);
    const end = state.ends.find(({ tunnel }) => tunnel !== undefined);
    if (order.leg === undefined || end?.tunnel === undefined || this.#stopped) {
      this.forget(key);
      return;
    }
    const identity = `${end.ifindex ?? ''} ${JSON.stringify(end.tunnel)} ${order.plan.mtu}`;
    const known = this.#legs.get(key);
    if (known?.identity === identity) known.order = order;
    else {
      this.#legs.set(key, { order, identity, remote: end.tunnel.remote, seen: { ...UNTOLD, underlayMtu: known?.seen.underlayMtu ?? 0 }, failures: 0, dueAt: 0, probing: false, waiting: known?.waiting ?? [] });
    }
    this.#probeSoon([key]);
  }

  /** Resolves when the leg's probe has said something since its last change, or after a while; at once for what is no leg. */
  async told(wireId: string): Promise<void> {
    const leg = this.#legs.get(wireId);
    if (leg === undefined || leg.seen.echo !== 'untold') return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, TOLD_WITHIN_MS);
      leg.waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** A device of the host has changed: legs whose packets leave through it are probed at once. */
  onDevice(name: string): void {
    this.#probeSoon([...this.#legs].flatMap(([key, leg]) => (this.#underlays.get(leg.remote)?.device === name ? [key] : [])));
  }

  forget(wireId: string): void {
    const leg = this.#legs.get(wireId);
    this.#legs.delete(wireId);
    for (const resolve of leg?.waiting.splice(0) ?? []) resolve();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    for (const key of this.#legs.keys()) this.forget(key);
  }

  #probeSoon(keys: readonly string[]): void {
    const soon = performance.now() + GATHER_MS;
    for (const key of keys) {
      const leg = this.#legs.get(key);
      if (leg) leg.dueAt = Math.min(leg.dueAt || soon, soon);
    }
    if (keys.length > 0) this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#stopped || this.#rounds >= MAX_ROUNDS) return;
    const next = Math.min(...[...this.#legs.values()].filter((leg) => !leg.probing).map((leg) => leg.dueAt));
    if (next !== Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => void this.#round(), Math.max(0, next - performance.now())).unref();
  }

  async #round(): Promise<void> {
    const until = performance.now() + GATHER_MS;
    const due = [...this.#legs].filter(([, leg]) => !leg.probing && leg.dueAt <= until);
    this.#rounds += 1;
    for (const [, leg] of due) leg.probing = true;
    this.#schedule();
    try {
      await this.#probe(due);
    } catch (err) {
      this.#context.log.warn({ err, legs: due.length }, 'legs could not be probed');
      for (const [, leg] of due) leg.dueAt = performance.now() + LOST_EVERY_MS;
    } finally {
      for (const [, leg] of due) leg.probing = false;
      this.#rounds -= 1;
      this.#schedule();
    }
  }

  async #probe(due: readonly (readonly [string, Leg])[]): Promise<void> {
    const askedAt = performance.now();
    for (const [, leg] of due) leg.dueAt = Number.POSITIVE_INFINITY;
    const [results, underlays] = await Promise.all([this.#context.plane.probe(due.map(([key]) => key)), this.#context.plane.readUnderlays(due.map(([, leg]) => leg.remote))]);
    for (const [remote, underlay] of underlays) this.#underlays.set(remote, underlay);
    for (const [key, leg] of due) {
      // It was changed meanwhile, or has gone: what came back may be of the one before.
      if (this.#legs.get(key) !== leg) continue;
      const result = results.get(key) ?? { echo: 'lost', reason: 'this leg is not known to the link plane' };
      this.#take(leg, result.echo === 'ok' ? '' : result.reason, underlays.get(leg.remote)?.mtu ?? 0, askedAt);
    }
  }

  #take(leg: Leg, reason: string, underlayMtu: number, askedAt: number): void {
    const everyMs = this.#context.everyMs ?? EVERY_MS;
    leg.failures = reason === '' ? 0 : leg.failures + 1;
    const before = leg.seen;
    if (leg.failures === 0) leg.seen = { echo: 'ok', underlayMtu, reason: '' };
    else if (leg.failures >= LOST_AFTER) leg.seen = { echo: 'lost', underlayMtu, reason };
    else leg.seen = { ...before, underlayMtu };
    const pause = leg.failures === 0 ? everyMs : Math.min(everyMs, LOST_EVERY_MS, FIRST_PAUSE_MS * 2 ** Math.min(leg.failures - 1, 10));
    leg.dueAt = Math.min(leg.dueAt, (leg.failures === 0 ? askedAt : performance.now()) + pause);
    if (leg.seen.echo !== 'untold') for (const resolve of leg.waiting.splice(0)) resolve();
    if (JSON.stringify(before) === JSON.stringify(leg.seen)) return;
    if (before.echo !== leg.seen.echo) {
      const { lab, link } = leg.order;
      this.#context.log.info({ labId: lab, linkId: link, echo: leg.seen.echo, reason }, leg.seen.echo === 'ok' ? 'far end of link answers' : 'far end of link does not answer');
    }
    this.#tell(leg.order);
  }
}
