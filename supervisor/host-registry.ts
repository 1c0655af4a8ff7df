// Hosts that the supervisor knows: their lives from their signs of life, what people wish for them from a bucket that all supervisors share.
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { HostFacts } from '../machines/vocabulary/host-facts.ts';
import { HOST_PROTOCOL } from '../machines/vocabulary/host-protocol.ts';
import type { HostFingerprint, HostInstance, HostWish } from '../machines/vocabulary/host-view.ts';
import { HostId } from '../machines/vocabulary/ids.ts';
import type { PlanHost } from '../machines/plan/plan-lab.ts';
import type { LoopHealth } from '../nats/loop-health.ts';
import { answerHello, helloIn } from '../nats/host-hello.ts';
import { openHostWishes } from '../nats/host-wishes.ts';
import { ensureHostConsumer, removeHostConsumer } from '../nats/streams.ts';
import { beatSubject, lastTokenName, rpcSubject } from '../nats/subjects.ts';
import { HostFingerprints } from './host-fingerprints.ts';
import type { Patience } from './known-host.ts';
import { Beat, KnownHostRecord } from './known-host.ts';

export type { Patience } from './known-host.ts';

const LOOK_EVERY_MS = 500;
/** Hosts that are looked at no more often than this are lost too late. */
const LOOK_WITHIN_MS = 5_000;

export type KnownHost = {
  readonly id: HostId; readonly state: PlanHost['state']; readonly wish: HostWish; readonly firstSeenAt: number; readonly lastSeenAt: number; readonly beat: Beat;
  /** What is not well with it. */
  readonly problem: string | undefined;
  /** Processes that speak in its name at the same time, the newest first; empty = no conflict. */
  readonly conflict: readonly HostInstance[];
};

export type HostRegistry = {
  hosts(): KnownHost[];
  /** What a plan may know of hosts. */
  facts(): PlanHost[];
  /** Resolves true once a host has joined, false when none did in time. */
  whenJoined(timeoutMs: number): Promise<boolean>;
  /** A host known from elsewhere (the log, a configuration): its queue of orders is made at once. */
  expect(host: HostId): Promise<void>;
  /** Whether orders may go to the host: not while it speaks another protocol. */
  mayOrder(host: HostId): boolean;
  wish(host: HostId, wish: HostWish): Promise<void>;
  /** Forgets a host and the orders that wait for it. What still speaks in its name is not heard until it is started anew. */
  forget(host: HostId): Promise<void>;
  /** Hosts that were forgotten and not heard of since, whichever supervisor was told to. */
  forgotten(): HostId[];
  /** What a host last said it can do. */
  fingerprint(host: HostId): HostFingerprint | undefined;
  /** All labs have taken note of the return. */
  compared(host: HostId): void;
  stop(): void;
};

export type RegistryParts = {
  readonly logger: Logger;
  readonly now: () => number;
  readonly patience: Patience;
  readonly version: string;
  readonly loops: Pick<LoopHealth, 'expect'>;
  /** Nodes that labs have on a host. */
  readonly nodesOn: (host: HostId) => number;
};

export async function watchHosts(nc: NatsConnection, parts: RegistryParts): Promise<HostRegistry> {
  const { logger, now, patience, version } = parts;
  const known = new Map<HostId, KnownHostRecord>();
  const waiting = new Set<() => void>();
  const consumers = new Map<HostId, Promise<void>>();
  /** Hosts that were forgotten, and the processes that spoke for them then. */
  const gone = new Set<HostId>();
  const forgotten = new Set<string>();
  const fingerprints = new HostFingerprints(nc, logger);
  const wishes = await openHostWishes(nc);

  const expect = async (host: HostId): Promise<void> => {
    if (gone.has(host)) return;
    const made = consumers.get(host) ?? ensureHostConsumer(nc, host).catch((error: unknown) => {
      consumers.delete(host);
      logger.error({ err: error, hostId: host }, 'queue of host could not be made');
    });
    consumers.set(host, made);
    meet(host);
    await made;
  };
  const meet = (host: HostId): KnownHostRecord => {
    const record = known.get(host) ?? new KnownHostRecord(host, { logger, version, now: now() });
    known.set(host, record);
    return record;
  };
  const leaveBehind = (host: HostId): void => {
    for (const instance of known.get(host)?.instances() ?? []) forgotten.add(instance);
    known.delete(host);
    fingerprints.forget(host);
    consumers.delete(host);
    gone.add(host);
  };
  const onBeat = async (host: HostId, body: Uint8Array): Promise<void> => {
    const parsed = Beat.safeParse(JSON.parse(new TextDecoder().decode(body)));
    if (!parsed.success || forgotten.has(parsed.data.instance ?? '')) return;
    const isNew = !known.has(host) || known.get(host)?.beat.protocol !== parsed.data.protocol;
    gone.delete(host);
    await expect(host);
    const { fence, by } = meet(host).hear(parsed.data, { now: now(), windowMs: patience.suspectMs });
    if (parsed.data.fenced === undefined) fingerprints.note(host, parsed.data.fingerprint);
    // Told with each sign of life until it obeys.
    for (const instance of fence) nc.publish(rpcSubject(host, 'fence'), JSON.stringify({ instance, by }));
    if (isNew) await wishes.change(host, (before) => ({ ...(before ?? { v: 1, wish: 'open', firstSeenAt: now() }), protocol: parsed.data.protocol ?? 0 }));
    for (const wake of waiting) wake();
  };
  const onHello = (host: HostId, message: Msg, told: { protocol: number; version: string }): void => {
    const record = known.get(host);
    const refusal = (record ?? new KnownHostRecord(host, { logger, version, now: now() })).mismatch(told);
    const problem = record?.problem(now());
    answerHello(message, {
      v: 1, protocol: HOST_PROTOCOL, version, state: record?.state ?? 'unknown', nodes: parts.nodesOn(host),
      ...(refusal === undefined ? {} : { refusal }), ...(problem === undefined ? {} : { problem }),
    });
  };
  nc.subscribe(beatSubject(), {
    callback: (_error, message) => {
      const host = HostId.parse(lastTokenName(message.subject));
      const hello = helloIn(message);
      if (hello) onHello(host, message, hello);
      else onBeat(host, message.data).catch((error: unknown) => logger.warn({ err: error }, 'sign of life not understood'));
    },
  });
  const looks = parts.loops.expect('hosts', LOOK_WITHIN_MS);
  const looking = setInterval(() => void looks.run(() => {
    for (const record of known.values()) record.look(now(), patience);
  }), LOOK_EVERY_MS);
  const following = await wishes.follow((host, kept) => {
    if (kept === null) {
      leaveBehind(host);
      return;
    }
    gone.delete(host);
    const record = meet(host);
    record.firstSeenAt = kept.firstSeenAt;
    record.send({ type: 'wish', wish: kept.wish });
    if (kept.protocol !== undefined) record.expectProtocol(kept.protocol);
  });
  following.done.catch((error: unknown) => logger.error({ err: error }, 'wishes for hosts are not heard any more'));

  const sorted = () => [...known.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return {
    hosts: () => sorted().map((record) => ({
      id: record.id, state: record.state, wish: record.wish, firstSeenAt: record.firstSeenAt, lastSeenAt: record.lastSeenAt, beat: record.beat, problem: record.problem(now()), conflict: record.conflict(),
    })),
    facts: () => sorted().map((record) => ({ id: record.id, state: record.state, ...HostFacts.parse(record.beat) })),
    expect,
    mayOrder: (host) => known.get(host)?.state !== 'incompatible',
    async wish(host, wish) {
      await wishes.change(host, (before) => ({ ...(before ?? { v: 1, firstSeenAt: now() }), wish }));
      meet(host).send({ type: 'wish', wish });
    },
    async forget(host) {
      leaveBehind(host);
      await wishes.forget(host);
      await removeHostConsumer(nc, host);
    },
    forgotten: () => [...gone].toSorted(),
    fingerprint: (host) => fingerprints.of(host),
    compared: (host) => meet(host).send({ type: 'compared' }),
    async whenJoined(timeoutMs) {
      const states = () => [...known.values()].map((record) => record.state);
      const isJoined = () => states().includes('joined');
      // Nobody to wait for: all are there, and none of them takes nodes.
      if (states().length > 0 && !states().some((state) => state === 'suspect' || state === 'returned' || state === 'lost')) return isJoined();
      if (isJoined()) return true;
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const wake = () => {
        if (isJoined()) resolve(true);
      };
      waiting.add(wake);
      const timer = setTimeout(() => resolve(false), timeoutMs);
      const joined = await promise;
      clearTimeout(timer);
      waiting.delete(wake);
      return joined;
    },
    stop() {
      clearInterval(looking);
      following.stop();
    },
  };
}
