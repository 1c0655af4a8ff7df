// One OpenFlow connection to a bridge: rules read and changed in bundles, foreign changes told, a dead or hanging daemon seen.
import { LinkPlaneError } from '../link-plane/link-plane-error.ts';
import { connectSocket } from './json-rpc-connection.ts';
import { bundle, flowMonitorRequest, flowStatsRequest, HEADER_BYTES, message, MULTIPART, OF_TYPE, OF_VERSION, readError, readFlowEvents, readFlowStats, type Flow, type FlowEvent, type FlowRead } from './openflow-message.ts';

export type OpenflowClient = {
  readonly readFlows: () => Promise<readonly FlowRead[]>;
  /** All of it or nothing, removals first. @throws {LinkPlaneError} `switch-refused`, `switch-away` */
  readonly changeFlows: (change: { readonly remove: readonly Flow[]; readonly add: readonly Flow[] }) => Promise<void>;
  readonly close: () => void;
};

export type OpenflowListeners = { readonly onEvent: (event: FlowEvent) => void; /** Told once; the daemon died, hangs, or the bridge went. */ readonly onEnd: () => void; /** Milliseconds for which the daemon may still be at work on a change of ours, and answer nothing. */ readonly busyMs: () => number };

type Waiting = { readonly resolve: (bodies: readonly Buffer[]) => void; readonly reject: (error: LinkPlaneError) => void; readonly timer: NodeJS.Timeout; readonly bodies: Buffer[] };

/** The daemon has one thread for all: while it takes in hundreds of ports it answers nothing. */
const DEADLINE_MS = 30_000;
const ECHO_EVERY_MS = 1_000;
const ECHO_DEADLINE_MS = 3_000;
const MORE = 1;
const MULTIPART_HEADER = 8;

/** Connects to a bridge's management socket, agrees on version 1.4 and asks to be told of changes.
 *  @throws {LinkPlaneError} `switch-away` */
export async function connectOpenflow(path: string, listeners: OpenflowListeners): Promise<OpenflowClient> {
  const socket = await connectSocket(path);
  const waiting = new Map<number, Waiting>();
  let nextXid = 1;
  let monitorXid = 0;
  let unread: Buffer = Buffer.alloc(0);

  const ask = (make: (xid: number) => Buffer, deadlineMs = DEADLINE_MS): Promise<readonly Buffer[]> =>
    new Promise((resolve, reject) => {
      const xid = nextXid;
      nextXid += 1;
      const timer = setTimeout(() => {
        reject(new LinkPlaneError('switch-away', `${path} gave no answer within ${deadlineMs} ms`));
        socket.destroy();
      }, deadlineMs).unref();
      waiting.set(xid, { resolve, reject, timer, bodies: [] });
      socket.ref();
      if (socket.destroyed) reject(new LinkPlaneError('switch-away', `${path} has closed the connection`));
      else socket.write(make(xid));
    });
  const settle = (xid: number): Waiting | undefined => {
    const call = waiting.get(xid);
    waiting.delete(xid);
    clearTimeout(call?.timer);
    if (waiting.size === 0) socket.unref();
    return call;
  };
  const take = (type: number, xid: number, body: Buffer): void => {
    if (type === OF_TYPE.echoRequest) socket.write(message(OF_TYPE.echoReply, xid, body));
    else if (type === OF_TYPE.error) {
      settle(xid)?.reject(new LinkPlaneError('switch-refused', `${path} refused a change of rules: ${readError(body)}`));
    } else if (type === OF_TYPE.multipartReply) {
      const rest = Buffer.from(body.subarray(MULTIPART_HEADER));
      if (body.readUInt16BE(0) === MULTIPART.flowMonitor) {
        settle(monitorXid)?.resolve([]);
        for (const event of readFlowEvents(rest)) listeners.onEvent(event);
        return;
      }
      waiting.get(xid)?.bodies.push(rest);
      if ((body.readUInt16BE(2) & MORE) === 0) resolveWith(xid);
    } else if (type === OF_TYPE.echoReply) settle(xid)?.resolve([]);
    // The answer to the opening of a bundle (type 1) says nothing yet; that to its commit is 5.
    else if (type === OF_TYPE.bundleControl && body.readUInt16BE(4) === 5) settle(xid)?.resolve([]);
  };
  const resolveWith = (xid: number): void => {
    const call = settle(xid);
    call?.resolve(call.bodies);
  };
  socket.on('data', (chunk: Buffer) => {
    unread = unread.length === 0 ? chunk : Buffer.concat([unread, chunk]);
    while (unread.length >= HEADER_BYTES) {
      const length = unread.readUInt16BE(2);
      if (length < HEADER_BYTES) return void socket.destroy();
      if (unread.length < length) return;
      const one = unread.subarray(0, length);
      unread = unread.subarray(length);
      take(one.readUInt8(1), one.readUInt32BE(4), one.subarray(HEADER_BYTES));
    }
  });
  const echo = setInterval(() => void ask((xid) => message(OF_TYPE.echoRequest, xid), ECHO_DEADLINE_MS + listeners.busyMs()).catch(() => undefined), ECHO_EVERY_MS).unref();
  socket.once('close', () => {
    clearInterval(echo);
    for (const { reject, timer } of waiting.values()) {
      clearTimeout(timer);
      reject(new LinkPlaneError('switch-away', `${path} closed the connection`));
    }
    waiting.clear();
    listeners.onEnd();
  });
  socket.write(message(OF_TYPE.hello, 0, helloBody()));
  try {
    await ask((xid) => {
      monitorXid = xid;
      return flowMonitorRequest(xid);
    });
  } catch (error) {
    // A switch without monitors of 1.4 (before 2.17) works too; what is done to its rules is then found by the sweep.
    if (!(error instanceof LinkPlaneError) || error.code !== 'switch-refused') throw error;
  }
  return {
    readFlows: async () => (await ask(flowStatsRequest)).flatMap(readFlowStats),
    changeFlows: async (change) => {
      if (change.remove.length + change.add.length > 0) await ask((xid) => bundle(xid, change));
    },
    close: () => socket.destroy(),
  };
}

/** Version bitmap: exactly ours. */
function helloBody(): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt16BE(1, 0);
  body.writeUInt16BE(8, 2);
  body.writeUInt32BE(1 << OF_VERSION, 4);
  return body;
}
