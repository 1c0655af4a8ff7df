// Which labs this supervisor owns: what is ours by the members that live is taken over, what is not is let go.
import type { Logger } from 'pino';
import type { LabState } from '../machines/evolve/lab-state.ts';
import type { LabId } from '../machines/vocabulary/ids.ts';
import type { PendingEffect } from '../machines/vocabulary/effect.ts';
import type { LabActor } from './lab-actor.ts';
import { SteppedDownError } from './lab-actor.ts';
import type { Members } from './members.ts';

export type OwnershipParts = {
  readonly self: string;
  readonly members: Pick<Members, 'ownerOf'>;
  readonly labs: () => Iterable<LabActor>;
  readonly logger: Logger;
  /** The lab is ours now; `owed` = orders that were not answered when it was taken. */
  readonly taken: (lab: LabActor, owed: readonly PendingEffect[]) => void;
  readonly released: (lab: LabActor) => void;
};

export type Ownership = {
  /** Resolves once the lab is owned here. @throws {SteppedDownError} it is somebody else's. */
  ensure(lab: LabActor): Promise<void>;
  /** Takes over and lets go what the members that live now say; commands are not held up by labs that they do not concern. */
  review(): void;
  releaseAll(): void;
  /** Resolves when no takeover is under way. */
  settled(): Promise<void>;
  stop(): void;
};

const AT_ONCE = 32;

export const isLive = (state: LabState): boolean => (state.lab.value !== 'absent' && state.lab.value !== 'destroyed') || Object.keys(state.owed).length + Object.keys(state.givenUp).length > 0;

export function createOwnership(parts: OwnershipParts): Ownership {
  const { self, members, labs, logger } = parts;
  const taking = new Map<LabId, Promise<void>>();
  const queue = new Set<LabActor>();
  let workers = 0;
  let stopped = false;

  const isOurs = (lab: LabActor): boolean => !stopped && members.ownerOf(lab.id) === self;
  const takeOver = (lab: LabActor): Promise<void> => {
    const under = taking.get(lab.id) ?? takeOverNow(lab).finally(() => taking.delete(lab.id));
    taking.set(lab.id, under);
    return under;
  };
  /** A higher term fences whoever owned the lab before; what it was owed is sent again with the same ids. */
  const takeOverNow = async (lab: LabActor): Promise<void> => {
    queue.delete(lab);
    const owed = Object.values(lab.state.pending);
    try {
      await lab.takeOver();
    } catch (error) {
      lab.release();
      throw error;
    }
    parts.taken(lab, owed.filter((effect) => lab.state.pending[effect.id]));
  };
  const work = async (): Promise<void> => {
    workers += 1;
    for (let [lab] = queue; lab; [lab] = queue) {
      queue.delete(lab);
      if (!isOurs(lab) || lab.isOwner) continue;
      // The next review, within a beat, tries again.
      await takeOver(lab).catch((error: unknown) => logger.warn({ err: error, labId: lab.id }, 'lab could not be taken over, it is tried again'));
    }
    workers -= 1;
  };
  const release = (lab: LabActor): void => {
    lab.release();
    parts.released(lab);
  };
  return {
    async ensure(lab) {
      if (!isOurs(lab)) throw new SteppedDownError(`lab ${lab.id} is owned by another supervisor`);
      const under = taking.get(lab.id);
      if (under) await under;
      else if (lab.isOwner) return;
      else if (isLive(lab.state)) await takeOver(lab);
      else lab.own();
    },
    review() {
      for (const lab of labs()) {
        const ours = isOurs(lab);
        if (lab.isOwner && !ours) release(lab);
        else if (ours && !lab.isOwner && !taking.has(lab.id) && isLive(lab.state)) queue.add(lab);
      }
      while (workers < Math.min(AT_ONCE, queue.size)) void work();
    },
    releaseAll() {
      queue.clear();
      for (const lab of labs()) if (lab.isOwner) release(lab);
    },
    async settled() {
      await Promise.allSettled(taking.values());
    },
    stop() {
      stopped = true;
      queue.clear();
    },
  };
}
