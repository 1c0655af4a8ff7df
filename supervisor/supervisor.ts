// Follows all labs and owns its share of them: feeds each owned lab with commands, reports and deadlines, and carries out what was decided.
import { randomUUID } from 'node:crypto';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { initialLab } from '../machines/evolve/lab-state.ts';
import { thingsOf } from '../machines/place/placement-of-spec.ts';
import type { Facts } from '../machines/plan/plan-lab.ts';
import type { LabSpec } from '../machines/vocabulary/lab-spec.ts';
import type { LogEntry } from '../machines/vocabulary/event.ts';
import { RecordedEntry } from '../machines/evolve/upcast.ts';
import { LabId } from '../machines/vocabulary/ids.ts';
import { watchConnection } from '../nats/connection-watch.ts';
import { openEventLog } from '../nats/event-log.ts';
import type { EventLog } from '../nats/event-log.ts';
import { makePacedSlots } from '../nats/slots.ts';
import { openMemberBus } from '../nats/member-bus.ts';
import type { MemberAnswer, MemberBeat, MemberQuestion } from '../nats/member-bus.ts';
import type { OpsVerb } from '../nats/ops-contract.ts';
import type { Asker } from '../nats/roles.ts';
import { ensureStreams } from '../nats/streams.ts';
import { NO_CLAIMS } from '../machines/plan/claims.ts';
import { deepEqual } from '../machines/plan/deep-equal.ts';
import { openClaimsBook } from './claims-book.ts';
import { crashPoint } from './crash-point.ts';
import { createDeadlines } from './deadlines.ts';
import { createDispatcher } from './dispatch.ts';
import { collectFacts, firstLabNumber } from './facts.ts';
import { followLog } from './follow-log.ts';
import { createForeignAddresses } from './foreign-addresses.ts';
import { createHostLacks } from './host-lacks.ts';
import { watchHosts } from './host-registry.ts';
import type { HostRegistry, Patience } from './host-registry.ts';
import { hostsOfLab, noteHosts } from './host-notes.ts';
import { APPEND_PACE, LabActor } from './lab-actor.ts';
import type { LabActorParts } from './lab-actor.ts';
import { createMembers } from './members.ts';
import { publishNotice, renderNotice } from './notices.ts';
import { createOwnership, isLive } from './ownership.ts';
import { createReportIntake, HostReports } from './report-intake.ts';
import type { TakenIn } from './report-intake.ts';
import type { z } from 'zod';
import { foldLab, foldLabs } from './resume-lab.ts';
import { NOT_OWNER, OpsQuestion, route } from './route.ts';
import { createSnapshots } from './snapshots.ts';

/** Carries out a verb for another supervisor; what it answers or throws goes back as it is. */
export type OpsCarrier = (verb: OpsVerb, lab: LabId, request: unknown, asker: Asker) => Promise<MemberAnswer>;

export type Supervisor = {
  readonly id: string;
  readonly log: EventLog<LogEntry>;
  readonly hosts: HostRegistry;
  readonly startedAt: number;
  /** The supervisors that live now, with ourselves. */
  members(): readonly MemberBeat[];
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

const AGAIN_MS = 1_000;

/** Reads all labs, joins the other supervisors and serves its share until stopped. @throws {TransportError} when the streams cannot be made. */
export async function startSupervisor(nc: NatsConnection, parts: SupervisorParts): Promise<Supervisor> {
  const { logger, now } = parts;
  const id = `supervisor-${process.pid}-${randomUUID().slice(0, 8)}`;
  const { incarnation } = await ensureStreams(nc);
  const firstNumber = firstLabNumber(incarnation);
  const log = await openEventLog(nc, RecordedEntry);
  const actors = new Map<LabId, LabActor>();
  const hosts = await watchHosts(nc, { ...parts, nodesOn: (host) => [...actors.values()].reduce((sum, { state }) => sum + Object.values(state.nodes).filter((node) => node.plan.host === host).length, 0) });
  const foreign = createForeignAddresses(nc, { logger, hosts: () => hosts.facts() });
  const lacks = createHostLacks(nc, { logger, hosts: () => hosts.facts() });
  const snapshots = await createSnapshots(nc, parts);
  const dispatcher = createDispatcher({ nc, logger, mayOrder: (host) => hosts.mayOrder(host) });
  const claims = await openClaimsBook(nc, {
    logger,
    owned: (labId) => (actors.get(labId)?.isOwner ? actors.get(labId)?.state : undefined),
    states: () => [...actors.values()].map((actor) => actor.latest),
  });
  const deadlines = createDeadlines({
    now,
    passed: (labId, name) => {
      const actor = actors.get(labId);
      if (!actor?.isOwner) return;
      actor.record({ type: 'DeadlinePassed', name }).catch((error: unknown) => {
        if (!actor.isOwner) return;
        logger.error({ err: error, labId, name }, 'deadline could not be recorded, it is tried again');
        setTimeout(() => watchDeadlines(actor), AGAIN_MS).unref();
      });
    },
  });
  const watchDeadlines = (actor: LabActor): void => deadlines.watch(actor.id, actor.isOwner ? actor.state.deadlines : {});
  const factsOf = (labId: LabId): Facts => collectFacts(labId, { now: now(), claims: claims.all(), hosts: hosts.facts().map((host) => ({ ...host, lacks: lacks.of(host.id) })), firstNumber, foreignAddresses: (network) => foreign.of(network) });
  const actorParts: LabActorParts = {
    supervisor: id, log, claims, logger, now, answerWithinMs: parts.answerWithinMs, turns: makePacedSlots(APPEND_PACE),
    facts: factsOf,
    committed: (actor, entry, evolution) => {
      dispatcher.send(actor.state, evolution.effects, 'first');
      watchDeadlines(actor);
      publishNotice(nc, renderNotice(entry, evolution));
      snapshots.note(actor);
    },
    // A log that does not go on where it was left is another one of the same name.
    reload: async (base) => await foldLab(log, base.state.id, base).catch(async () => await foldLab(log, base.state.id)),
    steppedDown: (actor) => {
      logger.warn({ labId: actor.id, term: actor.state.term }, 'another supervisor owns the lab now');
      watchDeadlines(actor);
    },
  };
  const actorOf = (labId: LabId): LabActor => {
    const actor = actors.get(labId) ?? new LabActor(labId, { state: initialLab(labId), seq: 0 }, actorParts);
    actors.set(labId, actor);
    return actor;
  };

  const following = await resume();
  const bus = openMemberBus(nc, id);
  const watch = watchConnection(nc);
  const members = createMembers({
    id, bus, logger, now, version: parts.version, leaseMs: parts.leaseMs,
    labs: () => [...actors.values()].filter((actor) => actor.isOwner && isLive(actor.state)).length,
    isConnected: () => watch.isConnected,
    changed: () => review(),
    paused: () => ownership.releaseAll(),
  });
  const ownership = createOwnership({
    self: id, members, logger, labs: () => actors.values(),
    taken: (actor, owed) => {
      dispatcher.send(actor.state, owed, `resume-${actor.state.term}`);
      watchDeadlines(actor);
      claims.settle(actor.id);
      for (const host of hostsOfLab(actor.state)) void hosts.expect(host);
    },
    released: watchDeadlines,
  });
  const owned = async (labId: LabId): Promise<LabActor> => {
    const actor = actorOf(labId);
    await ownership.ensure(actor);
    return actor;
  };
  const intake = createReportIntake({
    nc, logger, now, self: id, members, bus,
    owned: async (labId) => (actors.has(labId) ? await owned(labId) : null),
    hasLog: async (labId) => (await log.lastSeq(labId)) > 0,
  });
  let carrier: OpsCarrier | null = null;
  bus.serve(async (question) => await answer(question).catch((error: unknown): MemberAnswer => ({ ok: false, failure: { code: NOT_OWNER, message: String(error), retryable: true, details: {} } })));
  const notes = noteHosts({ hosts, learn, now, logger, labs: () => [...actors.values()].filter((actor) => isLive(actor.state) && actor.isOwner) });

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
      const actor = actors.get(labId);
      return actor && !isLive(actor.state) && members.ownerOf(labId) === id && !deepEqual(held, NO_CLAIMS) ? [actor] : [];
    });
    if (ended.length === 0) return;
    await Promise.all(ended.map(async (actor) => await ownership.ensure(actor)));
    await claims.giveBack(ended.map((actor) => actor.id));
  }

  /** What another supervisor asks of us; only what we own is answered. */
  async function answer({ what: [kind, first = '', second = ''], body }: MemberQuestion): Promise<MemberAnswer> {
    if (kind === 'ping') return { ok: true, value: {} };
    if (kind === 'forget') {
      actors.delete(LabId.parse(first));
      return { ok: true, value: {} };
    }
    if (kind === 'obs') return { ok: true, value: { taken: await intake.takeIn(LabId.parse(first), HostReports.parse(body)) } satisfies z.infer<typeof TakenIn> };
    const labId = LabId.parse(second);
    const { request, asker } = OpsQuestion.parse(body);
    await owned(labId);
    if (kind !== 'ops' || !carrier) throw new Error(`nobody answers to ${kind}`);
    // The verb comes from a supervisor, which took it from the contract.
    return await carrier(first as OpsVerb, labId, request, asker);
  }

  async function resume() {
    const began = now();
    const from = await log.endSeq();
    const unreadable = (labId: LabId, err: unknown) => logger.error({ err, labId }, 'log of lab cannot be read, the lab is left alone');
    for (const [labId, folded] of await foldLabs(log, await snapshots.load(), { unreadable })) {
      actors.set(labId, new LabActor(labId, folded, actorParts));
      crashPoint('supervisor/after-fold');
    }
    const live = [...actors.values()].filter((actor) => isLive(actor.state));
    await Promise.all([...new Set(live.flatMap((actor) => hostsOfLab(actor.state)))].map(async (host) => await hosts.expect(host)));
    await claims.sync();
    logger.info({ labs: actors.size, live: live.length, durationMs: now() - began }, 'labs resumed');
    return followLog({ log, from, logger, find: (labId) => actors.get(labId), make: actorOf });
  }

  async function learn(spec: LabSpec): Promise<void> {
    await Promise.all([foreign.learn(spec.mgmt.network), lacks.learn(thingsOf(spec.nodes)), syncClaims()]);
  }

  /** A lab whose owner is another supervisor may be behind by what is on its way to us. */
  const fresh = async (labId: LabId): Promise<LabActor | undefined> => {
    const actor = actors.get(labId);
    if (actor?.isOwner) return actor;
    const seq = await log.lastSeq(labId).catch(() => 0);
    if (seq > (actor?.seq ?? 0)) await following.until(seq);
    return actors.get(labId);
  };

  return {
    id, log, hosts, startedAt: now(), facts: factsOf, owned, lab: fresh,
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
      if (members.all().length > 1) await log.endSeq().then(async (seq) => await following.until(seq), () => undefined);
      return [...actors.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
    },
    async forget(labId) {
      actors.get(labId)?.release();
      actors.delete(labId);
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
      await Promise.all([...actors.values()].map(async (actor) => await actor.isQuiet()));
      await claims.settled();
      members.leave();
      bus.stop();
      following.stop();
      hosts.stop();
      deadlines.stop();
      await snapshots.stop();
      await dispatcher.flushed();
    },
  };
}
