// Hosts that the supervisor knows, from their signs of life.
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { z } from 'zod';
import { HostFacts } from '../machines/vocabulary/host-facts.ts';
import { HostId } from '../machines/vocabulary/ids.ts';
import type { Facts } from '../machines/plan/plan-lab.ts';
import { ensureHostConsumer } from '../nats/streams.ts';
import { beatSubject, lastTokenName } from '../nats/subjects.ts';

/** A host is taken for lost when it was silent for so long. */
const LOST_AFTER_MS = 15_000;

export const Beat = z.looseObject({ version: z.string().optional(), bootId: z.string().optional(), ...HostFacts.shape });

export type KnownHost = { readonly id: HostId; readonly firstSeenAt: number; readonly lastSeenAt: number; readonly beat: z.infer<typeof Beat> };

export type HostRegistry = {
  hosts(): KnownHost[];
  facts(): Facts['hosts'];
  /** Resolves true once a host has joined, false when none did in time. */
  whenJoined(timeoutMs: number): Promise<boolean>;
  /** A host known from elsewhere (the log, a configuration): its queue of orders is made at once. */
  expect(host: HostId): Promise<void>;
};

export function watchHosts(nc: NatsConnection, parts: { logger: Logger; now: () => number }): HostRegistry {
  const known = new Map<HostId, KnownHost>();
  const waiting = new Set<() => void>();
  const consumers = new Map<HostId, Promise<void>>();
  const expect = (host: HostId): Promise<void> => {
    const made = consumers.get(host) ?? ensureHostConsumer(nc, host).catch((error: unknown) => {
      consumers.delete(host);
      parts.logger.error({ err: error, hostId: host }, 'queue of host could not be made');
    });
    consumers.set(host, made);
    return made;
  };
  const onBeat = async (host: HostId, body: Uint8Array) => {
    const parsed = Beat.safeParse(JSON.parse(new TextDecoder().decode(body)));
    if (!parsed.success) return;
    await expect(host);
    const at = parts.now();
    if (!known.has(host)) parts.logger.info({ hostId: host }, 'host joined');
    known.set(host, { id: host, firstSeenAt: known.get(host)?.firstSeenAt ?? at, lastSeenAt: at, beat: parsed.data });
    for (const wake of waiting) wake();
  };
  nc.subscribe(beatSubject(), {
    callback: (_error, message) => {
      onBeat(HostId.parse(lastTokenName(message.subject)), message.data).catch((error: unknown) => parts.logger.warn({ err: error }, 'sign of life not understood'));
    },
  });
  const isJoined = (host: KnownHost) => parts.now() - host.lastSeenAt < LOST_AFTER_MS;
  return {
    hosts: () => [...known.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    facts: () => [...known.values()].map((host) => ({ id: host.id, state: isJoined(host) ? ('joined' as const) : ('lost' as const) })),
    expect,
    async whenJoined(timeoutMs) {
      if ([...known.values()].some(isJoined)) return true;
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const wake = () => resolve(true);
      waiting.add(wake);
      const timer = setTimeout(() => resolve(false), timeoutMs);
      const joined = await promise;
      clearTimeout(timer);
      waiting.delete(wake);
      return joined;
    },
  };
}
