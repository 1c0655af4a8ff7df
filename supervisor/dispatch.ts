// Orders on their way to hosts: rendered from the folded state, sent in the order decided, until the queue has them.
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { setTimeout as delay } from 'node:timers/promises';
import type { LabState } from '../machines/evolve/lab-state.ts';
import { renderOrder } from '../machines/evolve/render-order.ts';
import type { Order, PendingEffect } from '../machines/vocabulary/effect.ts';
import type { HostId } from '../machines/vocabulary/ids.ts';
import { publishOrders } from '../nats/work-queue.ts';
import { crashPoint } from './crash-point.ts';

const RETRY_MS = 500;

export type DispatchParts = {
  readonly nc: NatsConnection;
  readonly logger: Logger;
  /** Orders for a host that may not be told any wait here; what never left is sent again after a restart, by the log. */
  readonly mayOrder: (host: HostId) => boolean;
};

export type Dispatcher = {
  /** Sends effects of one state; `reason` tells a first sending from one after a resume, which must not be taken for a repeat. */
  send(state: LabState, effects: readonly PendingEffect[], reason: string): void;
  /** Resolves when all that was sent before is in the queue, but for what waits for a host that may not be told. For the end. */
  flushed(): Promise<void>;
};

export function createDispatcher(parts: DispatchParts): Dispatcher {
  const tails = new Map<HostId, Promise<void>>();
  const ending = new AbortController();
  return {
    send(state, effects, reason) {
      for (const [host, orders] of byHost(state, effects)) {
        const job = async () => await publishUntilStored({ ...parts, ending: ending.signal }, { host, orders, msgId: `${state.id}/${state.n}/${reason}` });
        tails.set(host, (tails.get(host) ?? Promise.resolve()).then(job));
      }
    },
    flushed: async () => {
      ending.abort();
      await Promise.all(tails.values());
    },
  };
}

function byHost(state: LabState, effects: readonly PendingEffect[]): Map<HostId, Order[]> {
  const hosts = new Map<HostId, Order[]>();
  for (const effect of effects) {
    const order = renderOrder(state, effect);
    if (order) hosts.set(effect.host, [...(hosts.get(effect.host) ?? []), order]);
  }
  return hosts;
}

type Sending = { host: HostId; orders: Order[]; msgId: string };

async function publishUntilStored({ nc, logger, mayOrder, ending }: DispatchParts & { ending: AbortSignal }, { host, orders, msgId }: Sending): Promise<void> {
  crashPoint('supervisor/before-dispatch');
  while (!mayOrder(host)) {
    if (nc.isClosed() || ending.aborted) return;
    await delay(RETRY_MS);
  }
  while (!nc.isClosed()) {
    try {
      await publishOrders(nc, host, orders, msgId);
      crashPoint('supervisor/after-dispatch');
      return;
    } catch (error) {
      if (nc.isClosed()) return;
      logger.warn({ err: error, hostId: host, orders: orders.length }, 'orders could not be sent, trying again');
      await delay(RETRY_MS);
    }
  }
}
