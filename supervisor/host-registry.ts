// Hosts that the supervisor knows: their lives from their signs of life, what people wish for them from a bucket that all supervisors share.
import { Kvm } from '@nats-io/kv';
import type { KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { z } from 'zod';
import { hostStepper } from '../machines/evolve/steppers.ts';
import { hostStateOf } from '../machines/host/host-machine.ts';
import type { HostContext, HostEvent, HostLife, HostWish } from '../machines/host/host-machine.ts';
import type { Plain } from '../machines/evolve/run-machine.ts';
import { HostFacts } from '../machines/vocabulary/host-facts.ts';
import { EpochMs, HostId } from '../machines/vocabulary/ids.ts';
import type { PlanHost } from '../machines/plan/plan-lab.ts';
import { ensureHostConsumer, HOST_BUCKET, removeHostConsumer } from '../nats/streams.ts';
import { beatSubject, fromSubjectToken, lastTokenName, subjectToken } from '../nats/subjects.ts';

/** Silence in milliseconds after which a host is suspect, and after which it is lost. It beats every two seconds. */
export type Patience = { readonly suspectMs: number; readonly lostMs: number };

const LOOK_EVERY_MS = 500;

export const Beat = z.looseObject({ version: z.string().optional(), bootId: z.string().optional(), ...HostFacts.shape });
type Beat = z.infer<typeof Beat>;

const Kept = z.object({ v: z.literal(1), wish: z.enum(['open', 'cordoned', 'draining']), firstSeenAt: EpochMs });

export type KnownHost = { readonly id: HostId; readonly state: PlanHost['state']; readonly firstSeenAt: number; readonly lastSeenAt: number; readonly beat: Beat };

export type HostRegistry = {
  hosts(): KnownHost[];
  /** What a plan may know of hosts. */
  facts(): PlanHost[];
  /** Resolves true once a host has joined, false when none did in time. */
  whenJoined(timeoutMs: number): Promise<boolean>;
  /** A host known from elsewhere (the log, a configuration): its queue of orders is made at once. */
  expect(host: HostId): Promise<void>;
  wish(host: HostId, wish: HostWish): Promise<void>;
  /** Forgets a host and the orders that wait for it. */
  forget(host: HostId): Promise<void>;
  /** All labs have taken note of the return. */
  compared(host: HostId): void;
  stop(): void;
};

type Known = { machine: Plain<HostContext>; firstSeenAt: number; lastSeenAt: number; beat: Beat };

export async function watchHosts(nc: NatsConnection, parts: { logger: Logger; now: () => number; patience: Patience }): Promise<HostRegistry> {
  const { logger, now, patience } = parts;
  const known = new Map<HostId, Known>();
  const waiting = new Set<() => void>();
  const consumers = new Map<HostId, Promise<void>>();
  const kv = await new Kvm(nc).open(HOST_BUCKET);

  const expect = (host: HostId): Promise<void> => {
    const made = consumers.get(host) ?? ensureHostConsumer(nc, host).catch((error: unknown) => {
      consumers.delete(host);
      logger.error({ err: error, hostId: host }, 'queue of host could not be made');
    });
    consumers.set(host, made);
    meet(host);
    return made;
  };
  const meet = (host: HostId, firstSeenAt = now()): Known => {
    const record = known.get(host) ?? { machine: hostStepper.initial(), firstSeenAt, lastSeenAt: now(), beat: {} };
    known.set(host, record);
    return record;
  };
  const send = (host: HostId, event: HostEvent): void => {
    const record = meet(host);
    const { next, handled } = hostStepper.step(record.machine, event);
    if (!handled) return;
    if (next.value !== record.machine.value) logger.info({ hostId: host, from: record.machine.value, to: next.value }, 'host changed its state');
    record.machine = next;
  };
  const onBeat = async (host: HostId, body: Uint8Array): Promise<void> => {
    const parsed = Beat.safeParse(JSON.parse(new TextDecoder().decode(body)));
    if (!parsed.success) return;
    const isNew = !known.has(host);
    await expect(host);
    Object.assign(meet(host), { lastSeenAt: now(), beat: parsed.data });
    send(host, { type: 'beat' });
    if (isNew) await keep(kv, host, (before) => before ?? { v: 1, wish: 'open', firstSeenAt: now() });
    for (const wake of waiting) wake();
  };
  nc.subscribe(beatSubject(), {
    callback: (_error, message) => {
      onBeat(HostId.parse(lastTokenName(message.subject)), message.data).catch((error: unknown) => logger.warn({ err: error }, 'sign of life not understood'));
    },
  });
  const looking = setInterval(() => {
    for (const [host, { lastSeenAt }] of known) {
      const silentMs = now() - lastSeenAt;
      if (silentMs >= patience.lostMs) send(host, { type: 'silent' });
      else if (silentMs >= patience.suspectMs) send(host, { type: 'overdue' });
    }
  }, LOOK_EVERY_MS);
  const watched = await kv.watch();
  const watching = (async () => {
    for await (const entry of watched) {
      const host = HostId.parse(fromSubjectToken(entry.key));
      const kept = entry.operation === 'PUT' ? Kept.safeParse(entry.json()) : undefined;
      if (entry.operation !== 'PUT') known.delete(host);
      else if (kept?.success) {
        meet(host, kept.data.firstSeenAt).firstSeenAt = kept.data.firstSeenAt;
        send(host, { type: 'wish', wish: kept.data.wish });
      }
    }
  })().catch((error: unknown) => logger.error({ err: error }, 'wishes for hosts are not heard any more'));

  const stateOf = ({ machine }: Known): PlanHost['state'] => hostStateOf(machine.value as HostLife, machine.context);
  const sorted = () => [...known].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    hosts: () => sorted().map(([id, record]) => ({ id, state: stateOf(record), firstSeenAt: record.firstSeenAt, lastSeenAt: record.lastSeenAt, beat: record.beat })),
    facts: () => sorted().map(([id, record]) => ({ id, state: stateOf(record), ...HostFacts.parse(record.beat) })),
    expect,
    async wish(host, wish) {
      await keep(kv, host, (before) => ({ v: 1, firstSeenAt: before?.firstSeenAt ?? now(), wish }));
      send(host, { type: 'wish', wish });
    },
    async forget(host) {
      await kv.purge(subjectToken(host));
      await removeHostConsumer(nc, host);
      consumers.delete(host);
      known.delete(host);
    },
    compared: (host) => send(host, { type: 'compared' }),
    async whenJoined(timeoutMs) {
      const isJoined = () => [...known.values()].some((record) => stateOf(record) === 'joined');
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
      watched.stop();
      void watching;
    },
  };
}

/** Changes what is kept of a host; another supervisor's change between reading and writing is read again. */
async function keep(kv: KV, host: HostId, change: (before: z.infer<typeof Kept> | undefined) => z.infer<typeof Kept>): Promise<void> {
  const key = subjectToken(host);
  for (;;) {
    const entry = await kv.get(key);
    const before = entry?.operation === 'PUT' ? Kept.parse(entry.json()) : undefined;
    const after = change(before);
    if (JSON.stringify(before) === JSON.stringify(after)) return;
    try {
      if (entry) await kv.update(key, JSON.stringify(after), entry.revision);
      else await kv.create(key, JSON.stringify(after));
      return;
    } catch (error) {
      if ((await kv.get(key))?.revision === entry?.revision) throw error;
    }
  }
}
