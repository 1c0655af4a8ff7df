// Owns labs: resumes each from the log, feeds its actor with commands, reports and deadlines, and carries out what was decided.
import { randomUUID } from 'node:crypto';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { initialLab } from '../machines/evolve/lab-state.ts';
import type { LabState } from '../machines/evolve/lab-state.ts';
import type { Facts } from '../machines/plan/plan-lab.ts';
import type { LogEntry } from '../machines/vocabulary/event.ts';
import { RecordedEntry } from '../machines/evolve/upcast.ts';
import type { LabId } from '../machines/vocabulary/ids.ts';
import { openEventLog } from '../nats/event-log.ts';
import type { EventLog } from '../nats/event-log.ts';
import { consumeReports } from '../nats/report-queue.ts';
import type { ReceivedReport } from '../nats/report-queue.ts';
import { makePacedSlots } from '../nats/slots.ts';
import { ensureStreams } from '../nats/streams.ts';
import { createDeadlines } from './deadlines.ts';
import { createDispatcher } from './dispatch.ts';
import { collectFacts, firstLabNumber } from './facts.ts';
import { createForeignAddresses } from './foreign-addresses.ts';
import { watchHosts } from './host-registry.ts';
import type { HostRegistry, Patience } from './host-registry.ts';
import { hostsOfLab, noteHosts } from './host-notes.ts';
import { APPEND_PACE, LabActor, SteppedDownError } from './lab-actor.ts';
import type { LabActorParts } from './lab-actor.ts';
import { publishNotice, renderNotice, renderProgress } from './notices.ts';
import { RawReport, readReport } from './read-report.ts';
import { foldLab, foldLabs } from './resume-lab.ts';
import { createSnapshots } from './snapshots.ts';

export type Supervisor = {
  readonly id: string;
  readonly log: EventLog<LogEntry>;
  readonly hosts: HostRegistry;
  readonly startedAt: number;
  /** What a decision on this lab may know beyond its log. */
  facts(lab: LabId): Facts;
  /** Asks the hosts what a decision on a lab with this management network has to know. */
  learn(network: string): Promise<void>;
  lab(id: LabId): LabActor;
  labs(): LabActor[];
  /** Removes the log of a lab, and all knowledge of it. */
  forget(id: LabId): Promise<void>;
  stop(): Promise<void>;
};

const TAKEOVERS_AT_ONCE = 32;
const AGAIN_MS = 1_000;

const isLive = (state: LabState): boolean => state.lab.value !== 'absent' && state.lab.value !== 'destroyed';

/** Resumes all labs and serves them until stopped. @throws {TransportError} when the streams cannot be made. */
export async function startSupervisor(nc: NatsConnection, parts: { logger: Logger; now: () => number; patience: Patience; answerWithinMs?: number | undefined; version: string }): Promise<Supervisor> {
  const { logger, now } = parts;
  const id = `supervisor-${process.pid}-${randomUUID().slice(0, 8)}`;
  const { incarnation } = await ensureStreams(nc);
  const firstNumber = firstLabNumber(incarnation);
  const log = await openEventLog(nc, RecordedEntry);
  const actors = new Map<LabId, LabActor>();
  const hosts = await watchHosts(nc, { ...parts, nodesOn: (host) => [...actors.values()].reduce((sum, { state }) => sum + Object.values(state.nodes).filter((node) => node.plan.host === host).length, 0) });
  const foreign = createForeignAddresses(nc, { logger, hosts: () => hosts.facts() });
  const snapshots = await createSnapshots(nc, parts);
  const dispatcher = createDispatcher({ nc, logger, mayOrder: (host) => hosts.mayOrder(host) });
  const deadlines = createDeadlines({
    now,
    passed: (labId, name) => {
      const actor = actors.get(labId);
      actor?.record({ type: 'DeadlinePassed', name }).catch((error: unknown) => {
        logger.error({ err: error, labId, name }, 'deadline could not be recorded, it is tried again');
        setTimeout(() => deadlines.watch(labId, actors.get(labId)?.state.deadlines ?? {}), AGAIN_MS).unref();
      });
    },
  });
  const factsOf = (labId: LabId): Facts =>
    collectFacts(labId, { now: now(), labs: [...actors.values()].map((actor) => actor.latest), hosts: hosts.facts(), firstNumber, foreignAddresses: (network) => foreign.of(network) });
  const actorParts: LabActorParts = {
    log, logger, now, answerWithinMs: parts.answerWithinMs, turns: makePacedSlots(APPEND_PACE),
    facts: factsOf,
    committed: (actor, entry, evolution) => {
      dispatcher.send(actor.state, evolution.effects, 'first');
      deadlines.watch(actor.id, actor.state.deadlines);
      publishNotice(nc, renderNotice(entry, evolution));
      snapshots.note(actor);
    },
    reload: async (labId, term) => {
      const folded = await foldLab(log, labId);
      return folded.state.term > term ? null : folded;
    },
    steppedDown: (labId) => {
      logger.warn({ labId }, 'another supervisor owns the lab now');
      deadlines.watch(labId, {});
      actors.delete(labId);
    },
  };
  /** Labs that were folded from the log and are not owned yet. */
  const toTake = new Set<LabActor>();
  const lab = (labId: LabId): LabActor => {
    const actor = actors.get(labId) ?? new LabActor(labId, { state: initialLab(labId), seq: 0 }, actorParts);
    actors.set(labId, actor);
    // The takeover goes into the lab's inbox before whatever the caller asks of it.
    void takeOver(actor);
    return actor;
  };
  await resume();
  const takenOver = takeOverAll();
  const notes = noteHosts({ hosts, now, logger, labs: () => [...actors.values()].filter((actor) => isLive(actor.state) && !toTake.has(actor)) });
  const consuming = consumeReports(nc, {
    schema: RawReport,
    handle: async (reports) => await intake(reports),
    onProblem: (error) => logger.error({ err: error }, 'report could not be taken in'),
  });

  async function resume(): Promise<void> {
    const began = now();
    const unreadable = (labId: LabId, err: unknown) => logger.error({ err, labId }, 'log of lab cannot be read, the lab is left alone');
    for (const [labId, folded] of await foldLabs(log, await snapshots.load(), { unreadable })) actors.set(labId, new LabActor(labId, folded, actorParts));
    const live = [...actors.values()].filter((actor) => isLive(actor.state));
    await Promise.all(hostsOf(live).map(async (host) => await hosts.expect(host)));
    for (const actor of live) toTake.add(actor);
    logger.info({ labs: actors.size, live: live.length, durationMs: now() - began }, 'labs resumed');
  }

  /** In the background, a few at a time: commands do not wait for labs that they do not concern. */
  async function takeOverAll(): Promise<void> {
    const began = now();
    await Promise.all(Array.from({ length: TAKEOVERS_AT_ONCE }, async () => {
      for (let [actor] = toTake; actor; [actor] = toTake) await takeOver(actor);
    }));
    logger.info({ durationMs: now() - began }, 'labs taken over');
  }

  /** A higher term fences whoever owned the lab before; what it was owed is sent again with the same ids. */
  async function takeOver(actor: LabActor): Promise<void> {
    if (!toTake.delete(actor)) return;
    const owed = Object.values(actor.state.pending);
    try {
      await actor.record({ type: 'TakenOver', term: actor.state.term + 1, supervisor: id });
    } catch (error) {
      logger.error({ err: error, labId: actor.id }, 'lab could not be taken over, it is tried again');
      setTimeout(() => {
        toTake.add(actor);
        void takeOver(actor);
      }, AGAIN_MS).unref();
      return;
    }
    const stillOwed = owed.filter((effect) => actor.state.pending[effect.id]);
    dispatcher.send(actor.state, stillOwed, `resume-${actor.state.term}`);
    deadlines.watch(actor.id, actor.state.deadlines);
  }

  /** Returns the messages to be given back: about labs of the log that another supervisor owns. */
  async function intake(reports: readonly ReceivedReport<RawReport>[]): Promise<Set<number>> {
    const byLab = Map.groupBy(reports, ({ report }) => report.lab);
    const givenBack = await Promise.all([...byLab].map(async ([labId, ofLab]) => ((await intakeOf(labId, ofLab)) ? [] : ofLab.map(({ seq }) => seq))));
    return new Set(givenBack.flat());
  }

  /** Takes in what is told of one lab, whatever its trouble; false when the lab is somebody else's. */
  async function intakeOf(labId: LabId, reports: readonly ReceivedReport<RawReport>[]): Promise<boolean> {
    const actor = actors.get(labId) && lab(labId);
    if (!actor) return await isNobodys(labId, reports.length);
    const seen = reports.flatMap(({ hostId, report }) => {
      const { observations, faults } = readReport(report, now());
      for (const fault of faults) logger.error({ labId, hostId, reportId: report.id, fault }, 'observation is not understood and left out');
      return observations.map((observation) => ({ host: hostId, observation }));
    });
    for (const { observation } of seen) {
      if (observation.type === 'node.progress') publishNotice(nc, renderProgress(actor.state, observation.at, { node: observation.node, text: observation.text }));
    }
    try {
      await actor.report(seen.filter(({ observation }) => observation.type !== 'node.progress'));
    } catch (error) {
      if (error instanceof SteppedDownError) return false;
      // A lab that cannot fold a report must not have it come again without end.
      logger.error({ err: error, labId, reports: reports.length }, 'reports could not be folded and are dropped');
    }
    return true;
  }

  /** Whether nobody waits for reports about the lab: then they are dropped. */
  async function isNobodys(labId: LabId, reports: number): Promise<boolean> {
    if ((await log.lastSeq(labId)) > 0) {
      logger.debug({ labId, reports }, 'report about a lab that this supervisor does not own, given back');
      return false;
    }
    logger.warn({ labId, reports }, 'report about a lab that the log does not know');
    return true;
  }

  return {
    id, log, hosts, startedAt: now(), facts: factsOf, lab, learn: async (network) => await foreign.learn(network),
    labs: () => [...actors.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    async forget(labId) {
      actors.get(labId)?.stop();
      actors.delete(labId);
      await log.prune(labId);
      await snapshots.forget(labId);
    },
    async stop() {
      toTake.clear();
      await takenOver;
      await consuming.stop();
      notes.stop();
      hosts.stop();
      deadlines.stop();
      for (const actor of actors.values()) actor.stop();
      await snapshots.stop();
      await dispatcher.flushed();
    },
  };
}

function hostsOf(actors: readonly LabActor[]) {
  return [...new Set(actors.flatMap((actor) => hostsOfLab(actor.state)))];
}
