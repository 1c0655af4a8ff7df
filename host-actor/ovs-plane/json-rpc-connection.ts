// One JSON-RPC connection over a unix socket: calls with deadlines, echoes answered, its end told at once.
import { createConnection, type Socket } from 'node:net';
import { LinkPlaneError } from '../link-plane/link-plane-error.ts';
import { answerText, readRpcMessage, requestText } from './json-rpc-message.ts';
import { createJsonStream } from './json-stream.ts';

export type RpcConnection = {
  /** @throws {LinkPlaneError} `switch-away` when there is no answer in time or the connection ends, `switch-refused` when the answer is an error. */
  readonly call: (method: string, params: readonly unknown[], deadlineMs?: number) => Promise<unknown>;
  readonly close: () => void;
};

export type RpcListeners = {
  readonly onNotification?: (method: string, params: readonly unknown[]) => void;
  /** Told once, also after `close`. */
  readonly onEnd: () => void;
};

type Waiting = { readonly resolve: (result: unknown) => void; readonly reject: (error: LinkPlaneError) => void; readonly timer: NodeJS.Timeout; readonly method: string };

const DEADLINE_MS = 20_000;

/** Connects. @throws {LinkPlaneError} `switch-away` when nobody listens at the path. */
export async function connectRpc(path: string, listeners: RpcListeners): Promise<RpcConnection> {
  const socket = await connectSocket(path);
  const waiting = new Map<number, Waiting>();
  const parse = createJsonStream();
  let nextId = 0;
  const take = (value: unknown): void => {
    const message = readRpcMessage(value);
    if (!message) return;
    if (message.kind === 'request') {
      if (message.method === 'echo') socket.write(answerText(message.id, message.params));
    } else if (message.kind === 'notification') listeners.onNotification?.(message.method, message.params);
    else {
      const call = waiting.get(message.id);
      waiting.delete(message.id);
      clearTimeout(call?.timer);
      // Only who waits for an answer keeps the process alive.
      if (waiting.size === 0) socket.unref();
      if (message.kind === 'answer') call?.resolve(message.result);
      else call?.reject(new LinkPlaneError('switch-refused', `${call.method} was refused by ${path}: ${JSON.stringify(message.error).slice(0, 500)}`));
    }
  };
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    try {
      for (const value of parse(chunk)) take(value);
    } catch {
      // Not JSON: whoever is at the other end, it is nobody that we can talk to.
      socket.destroy();
    }
  });
  socket.once('close', () => {
    for (const { reject, timer, method } of waiting.values()) {
      clearTimeout(timer);
      reject(new LinkPlaneError('switch-away', `${method} had no answer: ${path} closed the connection`));
    }
    waiting.clear();
    listeners.onEnd();
  });
  return {
    call: (method, params, deadlineMs = DEADLINE_MS) =>
      new Promise((resolve, reject) => {
        const id = nextId;
        nextId += 1;
        const timer = setTimeout(() => {
          waiting.delete(id);
          reject(new LinkPlaneError('switch-away', `${method} had no answer from ${path} within ${deadlineMs} ms`));
        }, deadlineMs);
        waiting.set(id, { resolve, reject, timer, method });
        socket.ref();
        if (socket.destroyed) reject(new LinkPlaneError('switch-away', `${method} was not sent: ${path} has closed the connection`));
        else socket.write(requestText(id, method, params));
      }),
    close: () => socket.destroy(),
  };
}

/** A connected socket that keeps no process alive by itself.
 *  @throws {LinkPlaneError} `switch-away` */
export function connectSocket(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path });
    const fail = (cause: Error): void => reject(new LinkPlaneError('switch-away', `nobody answers at ${path}: ${cause.message}`, { path }, cause));
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.off('error', fail);
      // The end of the connection is told by its close.
      socket.on('error', () => undefined);
      socket.unref();
      resolve(socket);
    });
  });
}
