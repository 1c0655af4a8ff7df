// Tells requests in flight at once that their connection is gone: the client itself lets them wait for their whole timeout.
import type { NatsConnection } from '@nats-io/transport-node';
import { TransportError } from './errors.ts';

export interface ConnectionWatch {
  /** The promise's outcome, or a `nats-unavailable` TransportError as soon as the connection drops. */
  orDisconnect<T>(request: Promise<T>): Promise<T>;
  readonly isConnected: boolean;
  /** Resolves when there is a connection (or the client is closed): what is sent without one is dropped by the client. */
  whenConnected(): Promise<void>;
  /** Calls back after each reconnect; returns how to stop that. */
  onReconnect(listener: () => void): () => void;
}

const watches = new WeakMap<NatsConnection, ConnectionWatch>();

/** The watch of a connection; one a connection, it ends with it. */
export function watchConnection(nc: NatsConnection): ConnectionWatch {
  const known = watches.get(nc);
  if (known !== undefined) return known;
  const inFlight = new Set<() => void>();
  const reconnectListeners = new Set<() => void>();
  const waiting = new Set<() => void>();
  let connected = true;
  void followStatus(nc, (isConnected) => {
    connected = isConnected;
    if (!connected) {
      for (const lost of [...inFlight]) lost();
      return;
    }
    for (const resume of [...waiting]) resume();
    waiting.clear();
    for (const listener of [...reconnectListeners]) listener();
  });
  const watch: ConnectionWatch = {
    get isConnected() {
      return connected;
    },
    async orDisconnect<T>(request: Promise<T>): Promise<T> {
      // Not Promise.race with one long-lived promise: that keeps each reaction for the life of the connection.
      return await new Promise<T>((resolve, reject) => {
        const lost = (): void => reject(new TransportError('nats-unavailable', { message: 'connection to NATS was lost while a request was in flight', retryable: true }));
        inFlight.add(lost);
        request.then(resolve, reject).finally(() => inFlight.delete(lost));
      });
    },
    async whenConnected() {
      if (!connected && !nc.isClosed()) await new Promise<void>((resolve) => waiting.add(resolve));
    },
    onReconnect(listener) {
      reconnectListeners.add(listener);
      return () => reconnectListeners.delete(listener);
    },
  };
  watches.set(nc, watch);
  return watch;
}

async function followStatus(nc: NatsConnection, onChange: (isConnected: boolean) => void): Promise<void> {
  for await (const status of nc.status()) {
    if (status.type === 'disconnect') onChange(false);
    if (status.type === 'reconnect') onChange(true);
  }
  // Closed: requests in flight fail, and whoever waits for a connection goes on to see that there will be none.
  onChange(false);
  onChange(true);
}
