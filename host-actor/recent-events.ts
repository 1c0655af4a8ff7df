// The last engine events of each node, by which a death is told from a restart and an own end from somebody's hand.
import type { EpochMs } from '../machines/vocabulary/ids.ts';
import { nodeKey } from './node-states.ts';
import type { NodeEvent } from './providers/provider.ts';

/** Times of the last event of each kind (epoch ms), of one container. */
export type Recent = {
  readonly runtimeId: string;
  readonly killAt?: EpochMs;
  /** Of a signal other than SIGKILL: what a stop or a restart begins with. */
  readonly termAt?: EpochMs;
  readonly dieAt?: EpochMs;
  readonly stopAt?: EpochMs;
  readonly startAt?: EpochMs;
  readonly oomAt?: EpochMs;
  readonly destroyAt?: EpochMs;
  readonly exitCode?: number;
};

const SIGKILL = 9;

export class RecentEvents {
  readonly #recent = new Map<string, Recent>();

  of(key: string): Recent | undefined {
    return this.#recent.get(key);
  }

  note(event: NodeEvent): void {
    const key = nodeKey(event.labId, event.nodeId);
    const before = this.#recent.get(key);
    const same = before?.runtimeId === event.runtimeId ? before : { runtimeId: event.runtimeId };
    this.#recent.set(key, withEvent(same, event));
  }

  forget(key: string): void {
    this.#recent.delete(key);
  }
}

function withEvent(recent: Recent, event: NodeEvent): Recent {
  switch (event.action) {
    case 'kill':
      return { ...recent, killAt: event.at, ...(event.signal === SIGKILL ? {} : { termAt: event.at }) };
    case 'die':
      return { ...recent, dieAt: event.at, ...(event.exitCode === undefined ? {} : { exitCode: event.exitCode }) };
    case 'stop':
      return { ...recent, stopAt: event.at };
    case 'start':
      return { ...recent, startAt: event.at };
    case 'oom':
      return { ...recent, oomAt: event.at };
    case 'destroy':
      return { ...recent, destroyAt: event.at };
    case 'create':
    case 'restart':
    case 'pause':
    case 'unpause':
    case 'rename':
    case 'health_status':
      return recent;
  }
}
