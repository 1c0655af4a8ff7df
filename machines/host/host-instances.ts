// Which processes speak in a host's name: a restart is one after another, two at a time are a conflict that the newest wins.
import type { HostInstance } from '../vocabulary/host-view.ts';

export type KnownInstance = HostInstance & {
  readonly firstSeenAt: number;
  /** Heard at the same time as another one. */
  readonly alongside: boolean;
};

export type InstanceBeat = { readonly instance: string; readonly startedAt: number; readonly fenced: boolean };

/**
 * Notes a sign of life. One that was heard before and speaks again after another one began to speak is not an older life of
 * the same process: from then on both are alongside, until one of them was silent for `windowMs`.
 */
export function noteInstance(known: readonly KnownInstance[], beat: InstanceBeat, at: { now: number; windowMs: number }): KnownInstance[] {
  const heard = withoutSilent(known, at);
  const before = heard.find((one) => one.instance === beat.instance);
  const rivals = before === undefined ? [] : heard.filter((one) => one.instance !== beat.instance && one.firstSeenAt >= before.lastSeenAt);
  const clash = rivals.length > 0;
  const mine: KnownInstance = { ...beat, firstSeenAt: before?.firstSeenAt ?? at.now, lastSeenAt: at.now, alongside: clash || (before?.alongside ?? false) };
  const others = heard.filter((one) => one.instance !== beat.instance).map((one) => (rivals.includes(one) ? { ...one, alongside: true } : one));
  return [...others, mine];
}

/** Those heard within the window; one that is left alone is alongside nobody any more. */
export function withoutSilent(known: readonly KnownInstance[], { now, windowMs }: { now: number; windowMs: number }): KnownInstance[] {
  const heard = known.filter((one) => now - one.lastSeenAt < windowMs);
  return heard.length > 1 ? heard : heard.map((one) => ({ ...one, alongside: false }));
}

/** The processes in conflict, the newest first; empty = there is none. By start, then by name, so that every supervisor says the same. */
export function rivalsOf(known: readonly KnownInstance[]): KnownInstance[] {
  const rivals = known.filter((one) => one.alongside).toSorted((a, b) => b.startedAt - a.startedAt || (a.instance < b.instance ? 1 : -1));
  return rivals.length > 1 ? rivals : [];
}

/** All but the newest that still act. */
export function toFence(rivals: readonly KnownInstance[]): KnownInstance[] {
  return rivals.slice(1).filter((one) => !one.fenced);
}
