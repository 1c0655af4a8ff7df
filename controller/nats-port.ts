// The port of the embedded NATS server: kept over restarts, so that its clients find it again.
import { createConnection, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { ControllerError } from './controller-error.ts';

// Below the range of outgoing connections (ip_local_port_range begins at 32768), so that no client takes it while the server is away.
const FIRST_PORT = 14_222;
const LAST_PORT = 14_722;

/** Exactly the port that a person asked for; else the one of before if nobody listens there, else the next free one.
 *  @throws {ControllerError} `no-free-port` (retryable), `address-not-here` (retryable: a device may come up late). */
export const choosePort = async (asked: number | undefined, before: number | undefined, address: string): Promise<number> => {
  if (asked !== undefined) {
    if (await isFree(asked, address)) return asked;
    throw new ControllerError('no-free-port', `Somebody else listens on TCP port ${asked} of ${address}.`, { retryable: true });
  }
  if (before !== undefined && (await isFree(before, address))) return before;
  for (let port = FIRST_PORT; port <= LAST_PORT; port += 1) {
    if (await isFree(port, address)) return port;
  }
  throw new ControllerError('no-free-port', `No free TCP port from ${FIRST_PORT} to ${LAST_PORT} on ${address}.`, { retryable: true });
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

/** Waits until a server with JetStream answers there. @throws the signal's reason when it aborts first. */
export const untilNatsServes = async ({ address, port }: { address: string; port: number }, signal: AbortSignal): Promise<void> => {
  for (;;) {
    signal.throwIfAborted();
    const info = await readNatsInfo(address, port, 500);
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

const isFree = (port: number, address: string): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRNOTAVAIL') resolve(false);
      else reject(new ControllerError('address-not-here', `${address} is no address of this machine now. Name one that is: labwright up --listen ADDRESS[:PORT]`, { retryable: true, cause: error }));
    });
    server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
