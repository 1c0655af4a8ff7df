// Sign of life of this host: who it is, what it has, how it does, and whether any of its loops or its event loop is late.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { beatSubject } from '../nats/subjects.ts';
import type { HostActorStatus } from './host-actor.ts';
import type { HostFacts } from '../machines/vocabulary/host-facts.ts';
import type { HostId } from '../machines/vocabulary/ids.ts';

/** Between two signs of life. */
export const BEAT_EVERY_MS = 2_000;
/** Longer stalls of the event loop delay every repair; they are told as a problem. */
const STALL_MS = 200;

export type BeatFacts = {
  readonly version: string;
  readonly protocol: number;
  readonly bootId: string;
  /** This process, for a host in whose name two speak. */
  readonly instance: string;
  readonly startedAt: number;
};

export type BeatParts = {
  readonly host: HostId;
  readonly facts: BeatFacts;
  /** Read anew before each beat, for addresses and devices come and go; a beat never waits for it. */
  readonly readFacts: () => Promise<HostFacts>;
  readonly status: () => HostActorStatus;
  /** Digest of what this host can do, once it was read. */
  readonly fingerprint: () => string | undefined;
  /** By whom this process was fenced, if it was. */
  readonly fenced: () => unknown;
  readonly log: Logger;
};

export type Heartbeat = { /** At once, for something changed that others wait for. */ beat(): void; stop(): void };

/** Beats until stopped. */
export function startHeartbeat(nc: NatsConnection, about: BeatParts): Heartbeat {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  let [known, isReading]: [HostFacts, boolean] = [{}, false];
  const beat = (): void => {
    const maxMs = Math.round(delay.max / 1e6);
    const p99Ms = Math.round(delay.percentile(99) / 1e6);
    delay.reset();
    if (maxMs > STALL_MS) about.log.warn({ maxMs, p99Ms }, 'event loop was held up');
    const body = { v: 1, host: about.host, ...about.facts, ...known, at: Date.now(), fenced: about.fenced(), fingerprint: about.fingerprint(), eventLoop: { maxMs, p99Ms }, ...about.status() };
    if (!nc.isClosed()) nc.publish(beatSubject(about.host), JSON.stringify(body));
  };
  const refresh = async (): Promise<void> => {
    if (isReading) return;
    isReading = true;
    const before = JSON.stringify(known);
    known = await about.readFacts().catch((err: unknown) => {
      about.log.warn({ err }, 'what this host has could not be read');
      return known;
    });
    isReading = false;
    if (JSON.stringify(known) !== before) beat();
  };
  beat();
  void refresh();
  const timer = setInterval(() => {
    beat();
    void refresh();
  }, BEAT_EVERY_MS);
  return {
    beat,
    stop() {
      clearInterval(timer);
      delay.disable();
    },
  };
}
