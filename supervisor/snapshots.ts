// Folded states kept beside the log to bound the replay; the log alone is always enough.
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { LabId } from '../machines/vocabulary/ids.ts';
import { openSnapshots } from '../nats/snapshots.ts';
import { crashPoint } from './crash-point.ts';
import { fromSaved, SAVED_VERSION, toSaved } from './saved-state.ts';
import type { SavedState } from './saved-state.ts';
import type { LabActor } from './lab-actor.ts';
import type { Folded } from './resume-lab.ts';

/** A lab is saved when it has gone on by so many entries, or was left alone for so long after a change. */
const SAVE_EVERY_ENTRIES = 500;
const SAVE_AFTER_MS = 5_000;

const Saved = z.object({ version: z.number(), seq: z.number(), state: z.custom<SavedState>((value) => typeof value === 'object' && value !== null) });

export type Snapshots = {
  /** All that fit this code; others are left out and folded from the log. */
  load(): Promise<Map<LabId, Folded>>;
  /** Told after each entry; saves in the background. */
  note(lab: LabActor): void;
  forget(lab: LabId): Promise<void>;
  /** Saves all that changed, then stops. */
  stop(): Promise<void>;
};

export async function createSnapshots(nc: NatsConnection, parts: { logger: Logger }): Promise<Snapshots> {
  const store = await openSnapshots(nc, Saved);
  const savedAt = new Map<LabId, number>();
  const timers = new Map<LabId, { timer: NodeJS.Timeout; actor: LabActor }>();
  const save = async (actor: LabActor) => {
    clearTimeout(timers.get(actor.id)?.timer);
    timers.delete(actor.id);
    const { state, seq } = actor;
    savedAt.set(actor.id, state.n);
    try {
      await store.save(actor.id, { version: SAVED_VERSION, seq, state: toSaved(state) });
      crashPoint('supervisor/after-snapshot');
    } catch (err) {
      parts.logger.warn({ err, labId: actor.id }, 'snapshot could not be saved');
    }
  };
  return {
    async load() {
      const loaded = await store.load();
      const labs = new Map<LabId, Folded>();
      for (const [lab, { version, state, seq }] of loaded) {
        const whole = version === SAVED_VERSION ? fromSaved(state) : null;
        if (whole === null) continue;
        labs.set(lab, { state: whole, seq });
        savedAt.set(lab, whole.n);
      }
      return labs;
    },
    note(actor) {
      if (actor.state.n - (savedAt.get(actor.id) ?? 0) >= SAVE_EVERY_ENTRIES) void save(actor);
      else if (!timers.has(actor.id)) timers.set(actor.id, { actor, timer: setTimeout(() => void save(actor), SAVE_AFTER_MS) });
    },
    forget: async (lab) => {
      clearTimeout(timers.get(lab)?.timer);
      timers.delete(lab);
      await store.remove(lab);
    },
    stop: async () => {
      await Promise.all([...timers.values()].map(async ({ actor }) => await save(actor)));
    },
  };
}
