// The supervisors that live now, by their signs of life, and which of them owns a lab: the same answer wherever the same members are known.
import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { LoopHealth } from '../nats/loop-health.ts';
import type { MemberBeat, MemberBus } from '../nats/member-bus.ts';
import { MemberSilentError } from '../nats/member-bus.ts';
import { isOver, leaseTimes } from './lease.ts';

export type MembersOptions = {
  readonly id: string;
  readonly bus: MemberBus;
  readonly logger: Logger;
  readonly now: () => number;
  readonly version: string;
  /** The longest that labs of a member that stands still are without an owner, in milliseconds. */
  readonly leaseMs: number;
  /** How many labs are owned here. */
  readonly labs: () => number;
  readonly isConnected: () => boolean;
  readonly loops: Pick<LoopHealth, 'expect'>;
  /** Told when others came or went, and at each beat. */
  readonly changed: () => void;
  /** This process stood still for so long that others have taken its labs: it owns nothing any more. */
  readonly paused: () => void;
};

export type Members = {
  /** Joins after a short look at who is there, and beats until `leave`. */
  start(): void;
  /** All that live, sorted by id, with ourselves once we joined. */
  all(): readonly MemberBeat[];
  isLive(id: string): boolean;
  /** We stood still for so long that others took our labs, and are not back among them: what waited for us meanwhile is old. */
  stoodStill(): boolean;
  /** Who owns what bears this name; undefined while we have not joined. */
  ownerOf(name: string): string | undefined;
  /** Whether we are the oldest: the one that does what only one may do. */
  leads(): boolean;
  /** Those that went within the last minute: what was on its way to them is lost. */
  gones(): readonly string[];
  /** A question to this member found nobody. */
  gone(id: string): void;
  /** Resolves at the next change of members, or after so long. */
  whenChanged(timeoutMs: number): Promise<void>;
  /** Tells the others that we own nothing any more. */
  leave(): void;
};

/** How long a newcomer listens before it counts itself: whoever lives answers to its question within. */
const LISTEN_MS = 200;
const GONE_FOR_MS = 60_000;

/** Weight of a member for a name; the highest of all members owns (rendezvous hashing, Thaler and Ravishankar 1998). */
const weightOf = (member: string, name: string): string => createHash('sha256').update(`${member}\n${name}`).digest('hex');

/** The owner of a name among members. */
export function chooseOwner(members: readonly string[], name: string): string | undefined {
  const weighed = members.map((member) => ({ member, weight: weightOf(member, name) }));
  return weighed.toSorted((a, b) => (a.weight < b.weight ? 1 : a.weight > b.weight ? -1 : 0))[0]?.member;
}

/** The members as this one knows them; it is none of them before `start`. */
export function createMembers(options: MembersOptions): Members {
  const { id, bus, logger, now, leaseMs } = options;
  const times = leaseTimes(leaseMs);
  const startedAt = now();
  const others = new Map<string, { beat: MemberBeat; heardAt: number }>();
  const departed = new Set<string>();
  const goneAt = new Map<string, number>();
  /** Gone though they have a connection, which still takes a part of all requests. */
  const still = new Set<string>();
  const waiting = new Set<() => void>();
  const owners = new Map<string, string | undefined>();
  let joined = false;
  let isBack = true;
  let left = false;
  let listening: NodeJS.Timeout | undefined;
  let timer: NodeJS.Timeout | undefined;
  let tickAt = now();

  const own = (kind: MemberBeat['kind']): MemberBeat => ({ kind, id, startedAt, version: options.version, labs: options.labs() });
  const tell = (): void => {
    owners.clear();
    for (const wake of [...waiting]) wake();
    if (!left) options.changed();
  };
  const drop = (member: string, why: string): void => {
    if (!others.delete(member)) return;
    goneAt.set(member, now());
    logger.warn({ supervisor: member, why }, 'supervisor is gone');
    tell();
  };
  const join = (): void => {
    clearTimeout(listening);
    joined = false;
    tell();
    bus.say(own('ask'));
    listening = setTimeout(() => {
      joined = true;
      isBack = true;
      bus.say(own('beat'));
      logger.info({ supervisors: all().map((member) => member.id) }, 'supervisor joined');
      tell();
    }, LISTEN_MS);
  };
  /** Who stood still for so long may have been replaced; what was heard meanwhile is old. */
  const noticePause = (): void => {
    if (timer === undefined || left || !isOver(tickAt, now(), times)) return;
    logger.warn({ stoodStillMs: now() - tickAt }, 'this supervisor stood still until others took its labs, it joins anew');
    tickAt = now();
    isBack = false;
    others.clear();
    options.paused();
    join();
  };
  const all = (): MemberBeat[] => [...[...others.values()].map(({ beat }) => beat), ...(joined && !left ? [own('beat')] : [])].toSorted((a, b) => (a.id < b.id ? -1 : 1));

  bus.hear((beat) => {
    noticePause();
    if (beat.kind === 'ask') {
      if (joined && !left) bus.say(own('beat'));
      return;
    }
    if (beat.kind === 'bye') {
      departed.add(beat.id);
      drop(beat.id, 'it said goodbye');
      return;
    }
    if (departed.has(beat.id)) return;
    const isNew = !others.has(beat.id);
    others.set(beat.id, { beat, heardAt: now() });
    goneAt.delete(beat.id);
    still.delete(beat.id);
    if (!isNew) return;
    logger.info({ supervisor: beat.id }, 'supervisor came');
    if (joined && !left) bus.say(own('beat'));
    tell();
  });
  const ping = async (member: string): Promise<void> => {
    try {
      await bus.ask(member, { what: ['ping'], body: {} }, leaseMs);
    } catch (error) {
      if (!(error instanceof MemberSilentError) || error.code !== 'member-gone' || !options.isConnected()) return;
      still.delete(member);
      drop(member, 'it has no connection');
    }
  };
  const tick = (): void => {
    noticePause();
    tickAt = now();
    // Whoever has no connection hears nobody, and can write nothing either.
    if (!options.isConnected()) {
      for (const other of others.values()) other.heardAt = now();
      return;
    }
    for (const [member, { heardAt }] of others) if (isOver(heardAt, now(), times)) {
      still.add(member);
      drop(member, 'it stands still');
    }
    for (const member of still) goneAt.set(member, now());
    for (const member of [...others.keys(), ...still]) void ping(member);
    if (!joined || left) return;
    bus.say(own('beat'));
    options.changed();
  };

  return {
    all,
    start() {
      tickAt = now();
      const rounds = options.loops.expect('members', leaseMs);
      timer = setInterval(() => void rounds.run(tick), times.beatMs);
      join();
    },
    isLive: (member) => others.has(member) || (member === id && joined && !left),
    stoodStill() {
      noticePause();
      return !isBack;
    },
    ownerOf(name) {
      noticePause();
      if (!joined) return undefined;
      if (!owners.has(name)) owners.set(name, chooseOwner(all().map((member) => member.id), name));
      return owners.get(name);
    },
    leads() {
      noticePause();
      const [oldest] = all().toSorted((a, b) => a.startedAt - b.startedAt || (a.id < b.id ? -1 : 1));
      return joined && oldest?.id === id;
    },
    gones() {
      for (const [member, at] of goneAt) if (now() - at > GONE_FOR_MS) goneAt.delete(member);
      return [...goneAt.keys()];
    },
    gone: (member) => drop(member, 'a question to it found nobody'),
    async whenChanged(timeoutMs) {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.add(resolve);
      const limit = setTimeout(resolve, timeoutMs);
      await promise;
      clearTimeout(limit);
      waiting.delete(resolve);
    },
    leave() {
      left = true;
      clearInterval(timer);
      clearTimeout(listening);
      bus.say(own('bye'));
      tell();
    },
  };
}
