// Paces probes of far ends: soon after each change, then now and then; knows what they said, and tells when it changes.
import type { LoopRounds } from '../nats/loop-health.ts';
import type { LinkPlane } from './hands.ts';
import type { EchoResult } from './link-plane/echo-probe.ts';

/** `untold` until a probe came back, or three in a row did not. `underlayMtu` is 0 until it was read; `reason` empty unless lost. */
export type EchoSeen = { readonly echo: 'untold' | 'ok' | 'lost'; readonly underlayMtu: number; readonly reason: string };

export type EchoPaceContext<Item> = {
  readonly probe: (keys: readonly string[]) => Promise<ReadonlyMap<string, EchoResult>>;
  readonly readUnderlays: LinkPlane['readUnderlays'];
  /** Called when what is known of a far end has changed. */
  readonly onChange: (item: Item, seen: EchoSeen, before: EchoSeen) => void;
  readonly rounds: LoopRounds;
  readonly everyMs?: number | undefined;
};

/** `identity`: what the way to the far end is; another one has to prove itself anew. `remote`: the address that probes go to. */
export type FarEnd<Item> = { readonly item: Item; readonly identity: string; readonly remote: string };

type Probed<Item> = {
  item: Item;
  readonly identity: string;
  readonly remote: string;
  seen: EchoSeen;
  failures: number;
  /** `performance.now()`. */
  dueAt: number;
  probing: boolean;
  readonly waiting: (() => void)[];
};

const EVERY_MS = 5_000;
/** A round that lasts much longer has got stuck. */
export const ROUND_WITHIN_MS = 5_000;
const FIRST_PAUSE_MS = 50;
const LOST_AFTER = 3;
/** A lost one is looked for more often: its return is what people wait for. */
const LOST_EVERY_MS = 2_000;
/** What changes together is probed together. */
const GATHER_MS = 5;
/** Rounds with lost ones last half a second; others need not wait for them. */
const MAX_ROUNDS = 4;
/** One round with its answer, on a busy host. */
const TOLD_WITHIN_MS = 700;
const UNTOLD: EchoSeen = { echo: 'untold', underlayMtu: 0, reason: '' };

export class EchoPace<Item> {
  readonly #context: EchoPaceContext<Item>;
  readonly #probed = new Map<string, Probed<Item>>();
  readonly #underlays = new Map<string, { readonly device: string; readonly mtu: number }>();
  #timer: NodeJS.Timeout | undefined;
  #rounds = 0;
  #stopped = false;

  constructor(context: EchoPaceContext<Item>) {
    this.#context = context;
  }

  seen(key: string): EchoSeen {
    return this.#probed.get(key)?.seen ?? UNTOLD;
  }

  /** Probes what was made, changed or read, at once; another identity than before is untold again. */
  begin(key: string, { item, identity, remote }: FarEnd<Item>): void {
    if (this.#stopped) return;
    const known = this.#probed.get(key);
    if (known?.identity === identity) known.item = item;
    else {
      this.#probed.set(key, { item, identity, remote, seen: { ...UNTOLD, underlayMtu: known?.seen.underlayMtu ?? 0 }, failures: 0, dueAt: 0, probing: false, waiting: known?.waiting ?? [] });
    }
    this.#probeSoon([key]);
  }

  /** Resolves when the probe has said something since the last change, or after a while; at once for what is not probed. */
  async told(key: string): Promise<void> {
    const probed = this.#probed.get(key);
    if (probed === undefined || probed.seen.echo !== 'untold') return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, TOLD_WITHIN_MS);
      probed.waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** A device of the host has changed: what sends its packets through it is probed at once. */
  onDevice(name: string): void {
    this.#probeSoon([...this.#probed].flatMap(([key, { remote }]) => (this.#underlays.get(remote)?.device === name ? [key] : [])));
  }

  keys(): readonly string[] {
    return [...this.#probed.keys()];
  }

  forget(key: string): void {
    const probed = this.#probed.get(key);
    this.#probed.delete(key);
    for (const resolve of probed?.waiting.splice(0) ?? []) resolve();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    for (const key of this.keys()) this.forget(key);
  }

  #probeSoon(keys: readonly string[]): void {
    const soon = performance.now() + GATHER_MS;
    for (const key of keys) {
      const probed = this.#probed.get(key);
      if (probed) probed.dueAt = Math.min(probed.dueAt || soon, soon);
    }
    if (keys.length > 0) this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#stopped || this.#rounds >= MAX_ROUNDS) return;
    const next = Math.min(...[...this.#probed.values()].filter((probed) => !probed.probing).map((probed) => probed.dueAt));
    if (next !== Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => void this.#round(), Math.max(0, next - performance.now())).unref();
  }

  async #round(): Promise<void> {
    const until = performance.now() + GATHER_MS;
    const due = [...this.#probed].filter(([, probed]) => !probed.probing && probed.dueAt <= until);
    this.#rounds += 1;
    for (const [, probed] of due) probed.probing = true;
    this.#schedule();
    await this.#context.rounds.run(async () => await this.#probeAll(due));
    for (const [, probed] of due) probed.probing = false;
    this.#rounds -= 1;
    this.#schedule();
  }

  async #probeAll(due: readonly (readonly [string, Probed<Item>])[]): Promise<void> {
    try {
      await this.#probe(due);
    } catch (err) {
      // Who cannot ask does not know, and nobody is to wait for an answer for ever.
      const reason = `it could not be probed: ${err instanceof Error ? err.message : String(err)}`;
      for (const [key, probed] of due) if (this.#probed.get(key) === probed) this.#take(probed, reason, { underlayMtu: probed.seen.underlayMtu, askedAt: performance.now() });
      throw err;
    }
  }

  async #probe(due: readonly (readonly [string, Probed<Item>])[]): Promise<void> {
    const askedAt = performance.now();
    for (const [, probed] of due) probed.dueAt = Number.POSITIVE_INFINITY;
    const [results, underlays] = await Promise.all([this.#context.probe(due.map(([key]) => key)), this.#context.readUnderlays(due.map(([, { remote }]) => remote))]);
    for (const [remote, underlay] of underlays) this.#underlays.set(remote, underlay);
    for (const [key, probed] of due) {
      // It was changed meanwhile, or has gone: what came back may be of the one before.
      if (this.#probed.get(key) !== probed) continue;
      const result = results.get(key) ?? { echo: 'lost', reason: 'it is not known where this is probed' };
      this.#take(probed, result.echo === 'ok' ? '' : result.reason, { underlayMtu: underlays.get(probed.remote)?.mtu ?? 0, askedAt });
    }
  }

  #take(probed: Probed<Item>, reason: string, { underlayMtu, askedAt }: { underlayMtu: number; askedAt: number }): void {
    const everyMs = this.#context.everyMs ?? EVERY_MS;
    probed.failures = reason === '' ? 0 : probed.failures + 1;
    const before = probed.seen;
    if (probed.failures === 0) probed.seen = { echo: 'ok', underlayMtu, reason: '' };
    else if (probed.failures >= LOST_AFTER) probed.seen = { echo: 'lost', underlayMtu, reason };
    else probed.seen = { ...before, underlayMtu };
    const pause = probed.failures === 0 ? everyMs : Math.min(everyMs, LOST_EVERY_MS, FIRST_PAUSE_MS * 2 ** Math.min(probed.failures - 1, 10));
    probed.dueAt = Math.min(probed.dueAt, (probed.failures === 0 ? askedAt : performance.now()) + pause);
    if (probed.seen.echo !== 'untold') for (const resolve of probed.waiting.splice(0)) resolve();
    if (JSON.stringify(before) !== JSON.stringify(probed.seen)) this.#context.onChange(probed.item, probed.seen, before);
  }
}
