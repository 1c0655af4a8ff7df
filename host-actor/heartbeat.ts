// Sign of life of this host: who it is, how it does, and whether any of its loops or its event loop is late.
import { createHash } from 'node:crypto';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { beatSubject } from '../nats/subjects.ts';
import type { HostActorStatus } from './host-actor.ts';
import type { HostId } from '../machines/vocabulary/ids.ts';

const EVERY_MS = 2_000;
/** Longer stalls of the event loop delay every repair; they are told as a problem. */
const STALL_MS = 200;

export type BeatFacts = { readonly version: string; readonly bootId: string };

/** Beats until the returned function is called. */
export function startHeartbeat(nc: NatsConnection, about: { host: HostId; facts: BeatFacts; status: () => HostActorStatus; fingerprint: () => unknown; log: Logger }): () => void {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const startedAt = Date.now();
  const beat = (): void => {
    const maxMs = Math.round(delay.max / 1e6);
    const p99Ms = Math.round(delay.percentile(99) / 1e6);
    delay.reset();
    if (maxMs > STALL_MS) about.log.warn({ maxMs, p99Ms }, 'event loop was held up');
    const body = { v: 1, host: about.host, ...about.facts, startedAt, at: Date.now(), fingerprint: digestOf(about.fingerprint()), eventLoop: { maxMs, p99Ms }, ...about.status() };
    if (!nc.isClosed()) nc.publish(beatSubject(about.host), JSON.stringify(body));
  };
  beat();
  const timer = setInterval(beat, EVERY_MS);
  return () => {
    clearInterval(timer);
    delay.disable();
  };
}

function digestOf(fingerprint: unknown): string | undefined {
  return fingerprint === undefined ? undefined : createHash('sha256').update(JSON.stringify(fingerprint)).digest('hex').slice(0, 16);
}
