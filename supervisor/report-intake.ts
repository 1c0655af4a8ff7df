// Reports of hosts: taken in by the lab's owner, in the order in which they came; one supervisor takes them from the queue and hands the others theirs.
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { z } from 'zod';
import { overLogs } from '../machines/evolve/lab-state.ts';
import { HostId } from '../machines/vocabulary/ids.ts';
import type { LabId } from '../machines/vocabulary/ids.ts';
import { splitBySize } from '../nats/batch-queue.ts';
import type { Consuming } from '../nats/batch-queue.ts';
import { serverFeatures } from '../nats/connect.ts';
import type { MemberBus } from '../nats/member-bus.ts';
import { MemberSilentError } from '../nats/member-bus.ts';
import { consumeReports } from '../nats/report-queue.ts';
import { crashPoint } from './crash-point.ts';
import type { LabActor } from './lab-actor.ts';
import { SteppedDownError } from './lab-actor.ts';
import type { Members } from './members.ts';
import { RawReport, readReport } from './read-report.ts';
import { whileLive } from './route.ts';
import { publishNotice, renderProgress } from './notices.ts';

/** `seq` = that of its message in the queue; `position` = its place among all reports, also over queues. */
const HostReport = z.object({ hostId: HostId, report: RawReport, seq: z.number().int(), position: z.number().int().optional() });
export type HostReport = z.infer<typeof HostReport>;
export const HostReports = z.array(HostReport);
export const TakenIn = z.object({ taken: z.boolean() });

export type IntakeParts = {
  readonly nc: NatsConnection;
  readonly logger: Logger;
  readonly now: () => number;
  readonly self: string;
  readonly members: Members;
  readonly bus: MemberBus;
  /** The lab once it is owned here; null when no log that can be read knows it. @throws {SteppedDownError} it is somebody else's. */
  readonly owned: (lab: LabId) => Promise<LabActor | null>;
  /** Whether there is a log of the lab. */
  readonly hasLog: (lab: LabId) => Promise<boolean>;
};

export type ReportIntake = {
  /** Takes in what concerns a lab that is owned here; false = give it back to the queue. @throws {SteppedDownError}. */
  takeIn(lab: LabId, reports: readonly HostReport[]): Promise<boolean>;
  /** Consumes the queue as long as this supervisor leads. */
  review(): void;
  stop(): Promise<void>;
};

const AGAIN_MS = 100;
/** Batches on their way to owners: one that is slow holds up its own labs only. */
const AT_ONCE = 64;
const ANSWER_MS = 60_000;
/** What was taken in is remembered for so many reports: a supervisor that stood still may bring it again, out of its order. */
const REMEMBERED = 20_000;

const keyOf = ({ seq, hostId, report }: HostReport): string => `${seq} ${hostId} ${report.lab} ${report.id}`;

export function createReportIntake(parts: IntakeParts): ReportIntake {
  const { nc, logger, now, self, members, bus } = parts;
  const tails = new Map<LabId, Promise<unknown>>();
  const known = new Set<string>();
  let consuming: Consuming | null = null;
  let ending: Promise<void> = Promise.resolve();
  let stopped = false;

  /** After what came before it of the same lab. */
  const inOrder = async (lab: LabId, work: () => Promise<boolean>): Promise<boolean> => {
    const mine = (tails.get(lab) ?? Promise.resolve()).then(work, work);
    tails.set(lab, mine);
    return await mine.finally(() => {
      if (tails.get(lab) === mine) tails.delete(lab);
    });
  };
  const remember = (keys: readonly string[]): void => {
    for (const key of keys) known.add(key);
    for (const key of known) {
      if (known.size <= REMEMBERED) return;
      known.delete(key);
    }
  };
  const takeIn = async (labId: LabId, all: readonly HostReport[]): Promise<boolean> => {
    const actor = await parts.owned(labId);
    if (!actor) return await isNobodys(labId, all.length);
    const reports = all.filter((one) => !known.has(keyOf(one)));
    const seen = reports.flatMap(({ hostId, report, position }) => {
      const { observations, faults } = readReport(report, now());
      for (const fault of faults) logger.error({ labId, hostId, reportId: report.id, fault }, 'observation is not understood and left out');
      return observations.map((observation) => ({ host: hostId, observation, position }));
    });
    for (const { observation } of seen) {
      if (observation.type === 'node.progress') publishNotice(nc, renderProgress(actor.state, observation.at, { node: observation.node, text: observation.text }));
    }
    try {
      await actor.report(seen.filter(({ observation }) => observation.type !== 'node.progress'));
    } catch (error) {
      if (error instanceof SteppedDownError) throw error;
      // A lab that cannot fold a report must not have it come again without end.
      logger.error({ err: error, labId, reports: reports.length }, 'reports could not be folded and are dropped');
    }
    remember(reports.map(keyOf));
    crashPoint('supervisor/before-report-ack');
    return true;
  };
  /** Whether nobody waits for reports about the lab: then they are dropped. */
  const isNobodys = async (labId: LabId, reports: number): Promise<boolean> => {
    if (await parts.hasLog(labId)) {
      logger.debug({ labId, reports }, 'report about a lab that this supervisor does not own, given back');
      return false;
    }
    logger.warn({ labId, reports }, 'report about a lab that the log does not know');
    return true;
  };
  /** To whoever owns the lab now, and the next one when that one goes; false when we stop before. */
  const deliver = async (lab: LabId, reports: readonly HostReport[]): Promise<boolean> => {
    while (!stopped && !nc.isClosed()) {
      const owner = members.ownerOf(lab);
      try {
        if (owner === self) return await takeIn(lab, reports);
        const taken = owner === undefined ? null : await handOver(owner, lab, reports);
        if (taken !== null) return taken;
      } catch (error) {
        if (!(error instanceof SteppedDownError || error instanceof MemberSilentError)) throw error;
        if (error instanceof MemberSilentError && error.code === 'member-gone' && owner !== undefined) members.gone(owner);
      }
      await members.whenChanged(AGAIN_MS);
    }
    return false;
  };
  /** What `takeIn` says there; null when it is not the owner. What went before in parts is known there when it comes again. */
  const handOver = async (owner: string, lab: LabId, reports: readonly HostReport[]): Promise<boolean | null> => {
    // What came in one message is taken in at once, for it has one place among all.
    const messages = [...Map.groupBy(reports, ({ seq }) => seq).values()];
    for (const part of splitBySize(messages, Math.floor(serverFeatures(nc).maxPayload / 2))) {
      const answer = await whileLive(members, owner, bus.ask(owner, { what: ['obs', lab], body: part.flat() }, ANSWER_MS));
      if (!answer.ok) return null;
      if (!TakenIn.parse(answer.value).taken) return false;
    }
    return true;
  };
  const consume = (): Consuming => consumeReports(nc, {
    schema: RawReport,
    parallel: AT_ONCE,
    handle: async (reports) => {
      const byLab = Map.groupBy(reports, ({ report }) => report.lab);
      const givenBack = await Promise.all([...byLab].map(async ([lab, ofLab]) => {
        const taken = await inOrder(lab, async () => await deliver(lab, ofLab.map(({ hostId, report, seq, streamBorn }) => ({ hostId, report, seq, position: overLogs(Math.floor(streamBorn / 1000), seq) }))));
        return taken ? [] : ofLab.map(({ seq }) => seq);
      }));
      return new Set(givenBack.flat());
    },
    onProblem: (error) => logger.error({ err: error }, 'report could not be taken in'),
  });
  const end = async (): Promise<void> => {
    const running = consuming;
    consuming = null;
    if (running) ending = ending.then(async () => await running.stop());
    await ending;
  };
  return {
    takeIn,
    review() {
      if (stopped) return;
      if (!members.leads()) void end();
      else consuming ??= consume();
    },
    async stop() {
      stopped = true;
      await end();
    },
  };
}
