// Hosts that the supervisor knows: their lives from their signs of life, what people wish for them from a bucket that all supervisors share.
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { z } from 'zod';
import { hostStepper } from '../machines/evolve/steppers.ts';
import { hostStateOf } from '../machines/host/host-machine.ts';
import type { HostContext, HostEvent, HostLife, HostWish } from '../machines/host/host-machine.ts';
import type { Plain } from '../machines/evolve/run-machine.ts';
import { HostFacts } from '../machines/vocabulary/host-facts.ts';
import { HostId } from '../machines/vocabulary/ids.ts';
import type { PlanHost } from '../machines/plan/plan-lab.ts';
import { openHostWishes } from '../nats/host-wishes.ts';
import { ensureHostConsumer, removeHostConsumer } from '../nats/streams.ts';
import { beatSubject, lastTokenName } from '../nats/subjects.ts';

/** Silence in milliseconds after which a host is suspect, and after which it is lost. It beats every two seconds. */
export type Patience = { readonly suspectMs: number; readonly lostMs: number };

const LOOK_EVERY_MS = 500;

export const Beat = z.looseObject({ version: z.string().optional(), bootId: z.string().optional(), ...HostFacts.shape });
type Beat = z.infer<typeof Beat>;

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
  const wishes = await openHostWishes(nc);

  const expect = (host: HostId): Promise<void> => {
    const made = consumers.get(host) ?? ensureHostConsumer(nc, host).catch((error: unknown) => {
      consumers.delete(host);
      logger.error({ err: error, hostId: host }, 'queue of host could not be made');
    });
    consumers.set(host, made);
    meet(host);
    return made;
  };
  const meet = (host: HostId): Known => {
    const record = known.get(host) ?? { machine: hostStepper.initial(), firstSeenAt: now(), lastSeenAt: now(), beat: {} };
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
    if (isNew) await wishes.change(host, (before) => before ?? { v: 1, wish: 'open', firstSeenAt: now() });
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
  const following = await wishes.follow((host, kept) => {
    if (kept === null) {
      known.delete(host);
      return;
    }
    meet(host).firstSeenAt = kept.firstSeenAt;
    send(host, { type: 'wish', wish: kept.wish });
  });
  following.done.catch((error: unknown) => logger.error({ err: error }, 'wishes for hosts are not heard any more'));

  const stateOf = ({ machine }: Known): PlanHost['state'] => hostStateOf(machine.value as HostLife, machine.context);
  const sorted = () => [...known].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    hosts: () => sorted().map(([id, record]) => ({ id, state: stateOf(record), firstSeenAt: record.firstSeenAt, lastSeenAt: record.lastSeenAt, beat: record.beat })),
    facts: () => sorted().map(([id, record]) => ({ id, state: stateOf(record), ...HostFacts.parse(record.beat) })),
    expect,
    async wish(host, wish) {
      await wishes.change(host, (before) => ({ v: 1, firstSeenAt: before?.firstSeenAt ?? now(), wish }));
      send(host, { type: 'wish', wish });
    },
    async forget(host) {
      await wishes.forget(host);
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
      following.stop();
    },
  };
}
