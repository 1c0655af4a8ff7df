// The labs that this supervisor knows, owned or followed: folded from the log at its start, brought on by what others write.
import type { Logger } from 'pino';
import { initialLab } from '../machines/evolve/lab-state.ts';
import type { LogEntry } from '../machines/vocabulary/event.ts';
import type { LabId } from '../machines/vocabulary/ids.ts';
import type { EventLog } from '../nats/event-log.ts';
import { crashPoint } from './crash-point.ts';
import { followLog } from './follow-log.ts';
import type { LogFollower } from './follow-log.ts';
import type { LabActor } from './lab-actor.ts';
import { isLive } from './ownership.ts';
import { foldLabs } from './resume-lab.ts';
import type { Folded } from './resume-lab.ts';

export type KnownLabsParts = {
  readonly log: EventLog<LogEntry>;
  readonly logger: Logger;
  readonly now: () => number;
  readonly make: (lab: LabId, folded: Folded) => LabActor;
};

export type KnownLabs = {
  all(): LabActor[];
  get(lab: LabId): LabActor | undefined;
  /** One that nobody knew begins without an entry. */
  obtain(lab: LabId): LabActor;
  readonly drop: (lab: LabId) => void;
  /** Folds all labs, has `before` done with those that live, then follows the log. */
  resume(snapshots: ReadonlyMap<LabId, Folded>, before: (live: readonly LabActor[]) => Promise<void>): Promise<void>;
  /** A lab as of now: one whose owner is another supervisor may be behind by what is on its way to us. */
  readonly fresh: (lab: LabId) => Promise<LabActor | undefined>;
  /** Resolves when what is in the log by now is folded in, at most after a while. */
  caughtUp(): Promise<void>;
  stop(): void;
};

export function createKnownLabs({ log, logger, now, make }: KnownLabsParts): KnownLabs {
  const labs = new Map<LabId, LabActor>();
  let following: LogFollower | null = null;
  const obtain = (lab: LabId): LabActor => {
    const actor = labs.get(lab) ?? make(lab, { state: initialLab(lab), seq: 0 });
    labs.set(lab, actor);
    return actor;
  };
  return {
    all: () => [...labs.values()],
    get: (lab) => labs.get(lab),
    obtain,
    drop: (lab) => void labs.delete(lab),
    async resume(snapshots, before) {
      const began = now();
      const from = await log.endSeq();
      const unreadable = (labId: LabId, err: unknown) => logger.error({ err, labId }, 'log of lab cannot be read, the lab is left alone');
      for (const [lab, folded] of await foldLabs(log, snapshots, { unreadable })) {
        labs.set(lab, make(lab, folded));
        crashPoint('supervisor/after-fold');
      }
      const live = [...labs.values()].filter((actor) => isLive(actor.state));
      await before(live);
      logger.info({ labs: labs.size, live: live.length, durationMs: now() - began }, 'labs resumed');
      following = followLog({ log, from, logger, find: (lab) => labs.get(lab), make: obtain });
    },
    async fresh(lab) {
      const actor = labs.get(lab);
      if (actor?.isOwner) return actor;
      const seq = await log.lastSeq(lab).catch(() => 0);
      if (seq > (actor?.seq ?? 0)) await following?.until(seq);
      return labs.get(lab);
    },
    async caughtUp() {
      await log.endSeq().then(async (seq) => await following?.until(seq), () => undefined);
    },
    stop: () => following?.stop(),
  };
}
