// Follows all labs and owns its share of them: feeds each owned lab with commands, reports and deadlines, and carries out what was decided.
import { randomUUID } from 'node:crypto';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { RecordedEntry } from '../machines/evolve/upcast.ts';
import { NO_CLAIMS } from '../machines/plan/claims.ts';
import { deepEqual } from '../machines/plan/deep-equal.ts';
import type { Facts } from '../machines/plan/plan-lab.ts';
import type { LogEntry } from '../machines/vocabulary/event.ts';
import type { LabId } from '../machines/vocabulary/ids.ts';
import type { LabSpec } from '../machines/vocabulary/lab-spec.ts';
import type { LoopReport } from '../machines/vocabulary/loop-report.ts';
import { watchConnection } from '../nats/connection-watch.ts';
import { openEventLog } from '../nats/event-log.ts';
import type { EventLog } from '../nats/event-log.ts';
import { LoopHealth } from '../nats/loop-health.ts';
import { openMemberBus } from '../nats/member-bus.ts';
import type { MemberBeat } from '../nats/member-bus.ts';
import type { OpsVerb } from '../nats/ops-contract.ts';
import type { Asker } from '../nats/roles.ts';
import { makePacedSlots } from '../nats/slots.ts';
import { ensureStreams } from '../nats/streams.ts';
import { answerMember } from './answer-members.ts';
import type { OpsCarrier } from './answer-members.ts';
import { openClaimsBook } from './claims-book.ts';
import { createFollowThrough } from './follow-through.ts';
import { hostsOfLab, noteHosts } from './host-notes.ts';
import { watchHosts } from './host-registry.ts';
import type { HostRegistry, Patience } from './host-registry.ts';
import { createKnownLabs } from './known-labs.ts';
import { APPEND_PACE, LabActor } from './lab-actor.ts';
import type { LabActorParts } from './lab-actor.ts';
import { createMembers } from './members.ts';
import { createOwnership, isLive } from './ownership.ts';
import { createPlanningFacts } from './planning-facts.ts';
import { createReportIntake } from './report-intake.ts';
import { foldLab } from './resume-lab.ts';
import { route } from './route.ts';
import { createSnapshots } from './snapshots.ts';

export type Supervisor = {
  readonly id: string;
  readonly log: EventLog<LogEntry>;
  readonly hosts: HostRegistry;
  readonly startedAt: number;
  /** The supervisors that live now, with ourselves. */
  members(): readonly MemberBeat[];
  /** How the loops of this process do. */
  loops(): readonly LoopReport[];
  /** Those that went a moment ago. */
  gones(): readonly string[];
  /** What a decision on this lab may know beyond its log. */
  facts(lab: LabId): Facts;
  /** Asks the hosts, and what other labs hold, for what a decision on this lab has to know. */
  learn(spec: LabSpec): Promise<void>;
  /** The lab, owned here. @throws {SteppedDownError} it is somebody else's. */
  owned(id: LabId): Promise<LabActor>;
  /** Has whoever owns the lab carry out a verb; `here` when that is us. @throws {OpsError} `stepped-down`, or what the owner refused. */
  routed<T>(wish: { lab: LabId; verb: OpsVerb; request: unknown; asker: Asker }, here: () => Promise<T>): Promise<unknown>;
  /** What was asked a moment ago may be long over: this process stood still. */
  stoodStill(): boolean;
  /** Whether a question that all supervisors hear is for this one. */
  concerns(lab: LabId | undefined, verb: OpsVerb): boolean;
  /** From here on carries out what other supervisors route to us. */
  carry(carrier: OpsCarrier): void;
  /** All labs, owned or followed, as of now: what anybody was told is done is in it. */
  labs(): Promise<LabActor[]>;
  /** One lab as of now; undefined when there is no log of it. */
  lab(id: LabId): Promise<LabActor | undefined>;
  /** Removes the log of a lab, and all knowledge of it. */
  forget(id: LabId): Promise<void>;
  stop(): Promise<void>;
};

export type SupervisorParts = { readonly logger: Logger; readonly now: () => number; readonly patience: Patience; readonly leaseMs: number; readonly answerWithinMs?: number | undefined; readonly version: string };

/** Reads all labs, joins the other supervisors and serves its share until stopped. @throws {TransportError} when the streams cannot be made. */
export async function startSupervisor(nc: NatsConnection, parts: SupervisorParts): Promise<Supervisor> {
  const { logger, now } = parts;
  const id = `supervisor-${process.pid}-${randomUUID().slice(0, 8)}`;
  const { incarnation } = await ensureStreams(nc);
  const log = await openEventLog(nc, RecordedEntry);
  const labs = createKnownLabs({ log, logger, now, make: (labId, folded) => new LabActor(labId, folded, actorParts) });
  const loops = new LoopHealth(logger, () => performance.now());
  loops.start();
  const hosts = await watchHosts(nc, { ...parts, loops, nodesOn: (host) => labs.all().reduce((sum, { state }) => sum + Object.values(state.nodes).filter((node) => node.plan.host === host).length, 0) });
  const snapshots = await createSnapshots(nc, parts);
  const claims = await openClaimsBook(nc, {
    logger,
    owned: (labId) => (labs.get(labId)?.isOwner ? labs.get(labId)?.state : undefined),
    states: () => labs.all().map((actor) => actor.latest),
  });
  const facts = createPlanningFacts(nc, { logger, now, hosts, claims, incarnation });
  const through = createFollowThrough(nc, { logger, now, snapshots, mayOrder: (host) => hosts.mayOrder(host), find: (labId) => labs.get(labId) });
  const actorParts: LabActorParts = {
    supervisor: id, log, claims, logger, now, answerWithinMs: parts.answerWithinMs, turns: makePacedSlots(APPEND_PACE),
    facts: facts.of,
    committed: through.committed,
    // A log that does not go on where it was left is another one of the same name.
    reload: async (base) => await foldLab(log, base.state.id, base).catch(async () => await foldLab(log, base.state.id)),
    steppedDown: (actor) => {
      logger.warn({ labId: actor.id, term: actor.state.term }, 'another supervisor owns the lab now');
      through.watch(actor);
    },
  };
  await labs.resume(await snapshots.load(), async (live) => {
    await Promise.all([...new Set(live.flatMap((actor) => hostsOfLab(actor.state)))].map(async (host) => await hosts.expect(host)));
    await claims.sync();
  });

  const bus = openMemberBus(nc, id);
  const watch = watchConnection(nc);
  const members = createMembers({
    id, bus, logger, now, loops, version: parts.version, leaseMs: parts.leaseMs,
    labs: () => labs.all().filter((actor) => actor.isOwner && isLive(actor.state)).length,
    isConnected: () => watch.isConnected,
    changed: () => review(),
    paused: () => ownership.releaseAll(),
  });
  const ownership = createOwnership({
    self: id, members, logger, labs: () => labs.all(),
    taken: (actor, owed) => {
      through.taken(actor, owed);
      claims.settle(actor.id);
      for (const host of hostsOfLab(actor.state)) void hosts.expect(host);
    },
    released: through.watch,
  });
  const owned = async (labId: LabId): Promise<LabActor> => {
    const actor = labs.obtain(labId);
    await ownership.ensure(actor);
    return actor;
  };
  const intake = createReportIntake({
    nc, logger, now, self: id, members, bus,
    owned: async (labId) => (labs.get(labId) ? await owned(labId) : null),
    hasLog: async (labId) => (await log.lastSeq(labId)) > 0,
  });
  let carrier: OpsCarrier | null = null;
  bus.serve(async (question) => await answerMember({ intake, own: owned, forget: labs.drop, carrier: () => carrier }, question));
  const notes = noteHosts({ hosts, learn, now, logger, loops, labs: () => labs.all().filter((actor) => isLive(actor.state) && actor.isOwner) });

  members.start();

  function review(): void {
    ownership.review();
    intake.review();
    // What somebody wrote about a lab of ours while it stood still is put right.
    void syncClaims().catch((error: unknown) => logger.warn({ err: error }, 'claims could not be read'));
  }

  /** A lab that ended just before its supervisor did still holds what it took. */
  async function syncClaims(): Promise<void> {
    await claims.sync();
    const ended = [...claims.all()].flatMap(([labId, held]) => {
      const actor = labs.get(labId);
      return actor && !isLive(actor.state) && members.ownerOf(labId) === id && !deepEqual(held, NO_CLAIMS) ? [actor] : [];
    });
    if (ended.length === 0) return;
    await Promise.all(ended.map(async (actor) => await ownership.ensure(actor)));
    await claims.giveBack(ended.map((actor) => actor.id));
  }

  async function learn(spec: LabSpec): Promise<void> {
    await Promise.all([facts.learn(spec), syncClaims()]);
  }

  return {
    id, log, hosts, startedAt: now(), facts: facts.of, owned, lab: labs.fresh,
    loops: () => loops.read(),
    members: () => members.all(),
    gones: () => members.gones(),
    learn,
    routed: async (wish, here) => await route({ self: id, members, bus, now }, wish, here),
    stoodStill: () => members.stoodStill(),
    concerns: (labId, verb) => members.ownerOf(labId ?? verb) === id,
    carry: (next) => {
      carrier = next;
    },
    async labs() {
      if (members.all().length > 1) await labs.caughtUp();
      return labs.all().toSorted((a, b) => (a.id < b.id ? -1 : 1));
    },
    async forget(labId) {
      labs.get(labId)?.release();
      labs.drop(labId);
      await log.prune(labId);
      await snapshots.forget(labId);
      await Promise.allSettled(members.all().filter((member) => member.id !== id).map(async (member) => await bus.ask(member.id, { what: ['forget', labId], body: {} }, parts.leaseMs)));
    },
    async stop() {
      ownership.stop();
      await ownership.settled();
      await intake.stop();
      notes.stop();
      ownership.releaseAll();
      await Promise.all(labs.all().map(async (actor) => await actor.isQuiet()));
      await claims.settled();
      members.leave();
      loops.stop();
      bus.stop();
      labs.stop();
      hosts.stop();
      through.stop();
      await snapshots.stop();
      await through.flushed();
    },
  };
}
