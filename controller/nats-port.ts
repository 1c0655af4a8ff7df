// The loopback port of the embedded NATS server: kept over restarts, so that its clients find it again.
import { createConnection, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { ControllerError } from './controller-error.ts';

export const LOOPBACK = '127.0.0.1';

// Below the range of outgoing connections (ip_local_port_range begins at 32768), so that no client takes it while the server is away.
const FIRST_PORT = 14_222;
const LAST_PORT = 14_722;

/** The wanted port if nobody listens there, else the next free one.
 *  @throws {ControllerError} `no-free-port` (retryable). */
export const choosePort = async (wanted: number | undefined): Promise<number> => {
  if (wanted !== undefined && (await isFree(wanted))) return wanted;
  for (let port = FIRST_PORT; port <= LAST_PORT; port += 1) {
    if (await isFree(port)) return port;
  }
  throw new ControllerError('no-free-port', `No free TCP port from ${FIRST_PORT} to ${LAST_PORT} on ${LOOPBACK}.`, { retryable: true });
};

/** What a NATS server says first on a connection; `jetstream` is true once its store has been recovered. */
export type NatsInfo = { readonly version: string; readonly jetstream: boolean };

/** Reads the greeting of the server at this port; undefined when none answers within the time. */
export const readNatsInfo = (host: string, port: number, timeoutMs: number): Promise<NatsInfo | undefined> =>
  new Promise((resolve) => {
    const socket = createConnection({ host, port });
    let text = '';
    const finish = (info: NatsInfo | undefined): void => {
      socket.destroy();
      resolve(info);
    };
    socket.setTimeout(timeoutMs, () => finish(undefined));
    socket.on('error', () => finish(undefined));
    socket.on('close', () => finish(undefined));
    socket.on('data', (chunk) => {
      text += chunk.toString('utf8');
      if (text.includes('\r\n')) finish(parseNatsInfo(text));
    });
  });

/** Waits until a server with JetStream answers at the port. @throws the signal's reason when it aborts first. */
export const untilNatsServes = async (port: number, signal: AbortSignal): Promise<void> => {
  for (;;) {
    signal.throwIfAborted();
    const info = await readNatsInfo(LOOPBACK, port, 500);
    if (info?.jetstream === true) return;
    await delay(20);
  }
};

/** The greeting in this text; undefined when it is none. Source: NATS client protocol, INFO. */
export const parseNatsInfo = (text: string): NatsInfo | undefined => {
  const json = /^INFO (\{.*\})\s*\r\n/.exec(text)?.[1];
  if (json === undefined) return undefined;
  const value: unknown = JSON.parse(json);
  if (typeof value !== 'object' || value === null || !('version' in value) || typeof value.version !== 'string') return undefined;
  return { version: value.version, jetstream: 'jetstream' in value && value.jetstream === true };
};

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: LOOPBACK, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
