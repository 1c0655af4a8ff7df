// Why a process is away, and what its restart policy says about it. Pure.
import type { NodeSpec } from '../machines/vocabulary/lab-spec.ts';
import type { InspectedNode } from './providers/provider.ts';
import type { Recent } from './recent-events.ts';

/** `own`: it ended by itself. `hand`: somebody stopped or killed it. `removed`: its container is gone. `outage`: it went with the
 *  engine or the host. `never-ran`: its container is there and nothing of it ever ran. */
export type DeathKind = 'own' | 'hand' | 'removed' | 'outage' | 'never-ran';

export type Death = {
  readonly kind: DeathKind;
  /** The same for two looks at the same death. */
  readonly id: string;
  readonly runtimeId: string | undefined;
  readonly exitCode: number;
  readonly oomKilled: boolean;
};

const KILLED = 137;
/** A signal sent through the engine ends a process at once or not at all. */
const KILL_REACH_MS = 30_000;
/** After a stop signal the engine says `stop`, and in a restart starts the container again, within this time each. */
const RESTART_FOLLOWS_MS = 1_000;

/** Reads the death from the container as it is and the events that led there. */
export function deathOf(found: InspectedNode, recent: Recent | undefined): Death {
  if (found.found !== 'ours') {
    const runtimeId = recent?.runtimeId;
    return { kind: 'removed', id: `removed ${runtimeId ?? ''}`, runtimeId, exitCode: recent?.exitCode ?? KILLED, oomKilled: false };
  }
  const { node } = found;
  const about = { id: `${node.runtimeId} ${node.finishedAt ?? 0}`, runtimeId: node.runtimeId, exitCode: node.exitCode, oomKilled: node.oomKilled || recent?.oomAt !== undefined };
  if (node.status === 'created' && node.startedAt === undefined) return { ...about, kind: 'never-ran' };
  const events = recent?.runtimeId === node.runtimeId ? recent : undefined;
  // The engine tells each death while it lives; a death that nobody told went with the engine or the host.
  if (events?.dieAt === undefined || isBefore(events.dieAt, events.startAt)) return { ...about, kind: 'outage' };
  return { ...about, kind: wasByHand(events) ? 'hand' : 'own' };
}

/** What the host does: an own end is judged by the restart policy, everything else is drift and mended. */
export function nextAfterDeath(policy: NodeSpec['restartPolicy'], death: Death): 'restart' | 'leave' {
  if (death.kind !== 'own') return 'restart';
  switch (policy) {
    case 'no':
      return 'leave';
    case 'on-failure':
      return death.exitCode === 0 ? 'leave' : 'restart';
    case 'always':
    case 'unless-stopped':
      return 'restart';
  }
}

/** Milliseconds to wait before a death is believed: the engine may be about to start the container again by itself. */
export function graceLeftMs(recent: Recent | undefined, now: number): number {
  if (recent?.dieAt === undefined || !wasByHand(recent) || recent.destroyAt !== undefined) return 0;
  if (recent.stopAt !== undefined && recent.stopAt >= recent.dieAt) return Math.max(0, recent.stopAt + RESTART_FOLLOWS_MS - now);
  // A bare SIGKILL is somebody's kill or removal: nothing follows it.
  const isStop = recent.termAt !== undefined && recent.dieAt - recent.termAt < KILL_REACH_MS && !isBefore(recent.termAt, recent.startAt);
  return isStop ? Math.max(0, recent.dieAt + RESTART_FOLLOWS_MS - now) : 0;
}

function wasByHand(recent: Recent): boolean {
  if (recent.dieAt === undefined) return false;
  const killed = recent.killAt !== undefined && recent.killAt <= recent.dieAt + 1 && recent.dieAt - recent.killAt < KILL_REACH_MS && !isBefore(recent.killAt, recent.startAt);
  const stopped = recent.stopAt !== undefined && recent.stopAt >= recent.dieAt;
  return killed || stopped;
}

function isBefore(at: number, other: number | undefined): boolean {
  return other !== undefined && at < other;
}
