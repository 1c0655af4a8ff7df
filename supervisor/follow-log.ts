// The log of all labs as it grows, read by every supervisor: each entry goes to its lab, whoever owns that.
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { LogEntry } from '../machines/vocabulary/event.ts';
import type { LabId } from '../machines/vocabulary/ids.ts';
import type { EventLog } from '../nats/event-log.ts';
import type { LabActor } from './lab-actor.ts';

export type FollowParts = {
  readonly log: Pick<EventLog<LogEntry>, 'follow'>;
  /** Sequence after which to read. */
  readonly from: number;
  readonly logger: Logger;
  readonly find: (lab: LabId) => LabActor | undefined;
  readonly make: (lab: LabId) => LabActor;
};

export type LogFollower = {
  /** Resolves when all up to a sequence of the stream was handed on, at most after two seconds: what is read then may be a little old. */
  until(seq: number): Promise<void>;
  stop(): void;
};

const UNTIL_MS = 2_000;
const LOOK_EVERY_MS = 5;

export function followLog({ log, from, logger, find, make }: FollowParts): LogFollower {
  const following = log.follow(from, {
    skip: (lab, seq, entryId) => find(lab)?.knows(seq, entryId) ?? false,
    unreadable: (labId, err) => logger.error({ err, labId }, 'entry cannot be read, its lab is left as it was'),
  });
  const running = (async () => {
    for await (const { labId, seq, entry } of following.records) {
      // A lab that is not known and does not begin here could not be read before.
      const actor = find(labId) ?? (entry.n === 1 ? make(labId) : undefined);
      actor?.follow({ seq, entry });
    }
  })();
  running.catch((error: unknown) => logger.error({ err: error }, 'log is not followed any more'));
  return {
    async until(seq) {
      const giveUpAt = performance.now() + UNTIL_MS;
      while (following.seq < seq && performance.now() < giveUpAt) await delay(LOOK_EVERY_MS);
      // What was handed on is folded within one turn of the loop.
      await turn();
    },
    stop: () => following.stop(),
  };
}
