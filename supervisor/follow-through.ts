// What follows from an entry once it stands in the log: orders to hosts, waits, notices, a snapshot.
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import type { Evolution } from '../machines/evolve/evolve.ts';
import type { PendingEffect } from '../machines/vocabulary/effect.ts';
import type { LogEntry } from '../machines/vocabulary/event.ts';
import type { HostId, LabId } from '../machines/vocabulary/ids.ts';
import { createDeadlines } from './deadlines.ts';
import { createDispatcher } from './dispatch.ts';
import type { LabActor } from './lab-actor.ts';
import { publishNotice, renderNotice } from './notices.ts';
import type { Snapshots } from './snapshots.ts';

export type FollowThroughParts = {
  readonly logger: Logger;
  readonly now: () => number;
  readonly snapshots: Pick<Snapshots, 'note'>;
  readonly mayOrder: (host: HostId) => boolean;
  readonly find: (lab: LabId) => LabActor | undefined;
};

export type FollowThrough = {
  readonly committed: (actor: LabActor, entry: LogEntry, evolution: Evolution) => void;
  /** The lab is ours now: what it was owed is sent again with the same ids. */
  taken(actor: LabActor, owed: readonly PendingEffect[]): void;
  /** Keeps the waits of the lab, or forgets them when somebody else owns it. */
  readonly watch: (actor: LabActor) => void;
  /** No wait ends from here on. */
  stop(): void;
  /** Resolves when all orders that were sent are in the queue, but for what waits for a host that may not be told. */
  flushed(): Promise<void>;
};

const AGAIN_MS = 1_000;

export function createFollowThrough(nc: NatsConnection, parts: FollowThroughParts): FollowThrough {
  const { logger, now, snapshots, find } = parts;
  const dispatcher = createDispatcher({ nc, logger, mayOrder: parts.mayOrder });
  const deadlines = createDeadlines({
    now,
    passed: (labId, name) => {
      const actor = find(labId);
      if (!actor?.isOwner) return;
      actor.record({ type: 'DeadlinePassed', name }).catch((error: unknown) => {
        if (!actor.isOwner) return;
        logger.error({ err: error, labId, name }, 'deadline could not be recorded, it is tried again');
        setTimeout(() => watch(actor), AGAIN_MS).unref();
      });
    },
  });
  const watch = (actor: LabActor): void => deadlines.watch(actor.id, actor.isOwner ? actor.state.deadlines : {});
  return {
    committed(actor, entry, evolution) {
      dispatcher.send(actor.state, evolution.effects, 'first');
      watch(actor);
      publishNotice(nc, renderNotice(entry, evolution));
      snapshots.note(actor);
    },
    taken(actor, owed) {
      dispatcher.send(actor.state, owed, `resume-${actor.state.term}`);
      watch(actor);
    },
    watch,
    stop: () => deadlines.stop(),
    flushed: async () => await dispatcher.flushed(),
  };
}
