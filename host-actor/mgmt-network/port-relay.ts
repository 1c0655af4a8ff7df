// Answers published ports where NAT cannot reach: the host's ::1, and its IPv6 addresses for nodes that have IPv4 only.
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { MgmtState } from './mgmt-network-state.ts';
import { openUdpRelay } from './udp-relay.ts';

/** One listener of the relay: from `listen` on the host to the node. */
export interface RelayRoute { readonly protocol: 'tcp' | 'udp'; readonly listen: string; readonly port: number; readonly target: string; readonly targetPort: number; readonly lab: string; readonly node: string }

/** What the relay has to do for the record, and the published ports it cannot help, in words. */
export function planRelays(state: MgmtState): { routes: RelayRoute[]; warnings: string[] } {
  const routes: RelayRoute[] = [];
  const warnings: string[] = [];
  for (const lab of state.labs.filter((one) => one.network !== undefined)) {
    for (const node of lab.nodes) {
      const target = node.ipv6 ?? node.ipv4;
      for (const port of node.ports) {
        const listen = listenOn(port.hostIp, node.ipv6 !== undefined);
        if (target === undefined || listen === undefined || port.hostPort === 0) continue;
        const { protocol } = port;
        if (protocol !== 'sctp') routes.push({ protocol, listen, port: port.hostPort, target, targetPort: port.containerPort, lab: lab.lab, node: node.node });
        // Node.js opens no SCTP sockets.
        else warnings.push(`published port ${port.hostPort}/sctp of node ${node.node} (lab ${lab.lab}) does not answer on [${listen}], only on the host's other addresses: SCTP is not relayed`);
      }
    }
  }
  return { routes, warnings };
}

function listenOn(hostIp: string | undefined, hasIpv6: boolean): string | undefined {
  if (hostIp === undefined || hostIp === '' || hostIp === '::') return hasIpv6 ? '::1' : '::';
  if (hostIp === '::1') return '::1';
  return hostIp.includes(':') && !hasIpv6 ? hostIp : undefined;
}

/** What listens on the host; `close` ends what goes through it too. */
export interface RelayListener { close(): Promise<void> }

/** Keeps one listener per route. Nothing listens before the first `sync`. */
export class PortRelays {
  readonly #listeners = new Map<string, RelayListener>();

  /** Opens what is missing and closes what is no longer wanted, open connections included. Returns ports it could not open. */
  async sync(routes: readonly RelayRoute[]): Promise<string[]> {
    const wanted = new Map(routes.map((route) => [JSON.stringify(route), route]));
    for (const [key, listener] of this.#listeners) {
      if (wanted.has(key)) continue;
      this.#listeners.delete(key);
      await listener.close();
    }
    const failed: string[] = [];
    for (const [key, route] of wanted) {
      if (this.#listeners.has(key)) continue;
      const opened = route.protocol === 'udp' ? await openUdpRelay(route) : await openTcpRelay(route);
      if (!('fault' in opened)) this.#listeners.set(key, opened);
      else failed.push(`published port ${route.port}/${route.protocol} of node ${route.node} (lab ${route.lab}) does not answer on [${route.listen}]: ${opened.fault}`);
    }
    return failed;
  }

  async close(): Promise<void> {
    await this.sync([]);
  }
}

async function openTcpRelay(route: RelayRoute): Promise<RelayListener | { readonly fault: string }> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => relayConnection(socket, route, sockets));
  const fault = await listening(server, route);
  return fault === undefined ? { close: async () => await closeTcp(server, sockets) } : { fault };
}

async function closeTcp(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  for (const socket of sockets) socket.destroy();
  await new Promise<void>((resolve) => { server.close(() => resolve()); });
}

function relayConnection(client: Socket, route: RelayRoute, sockets: Set<Socket>): void {
  const node = connect({ host: route.target, port: route.targetPort, allowHalfOpen: true });
  for (const [socket, other] of [[client, node], [node, client]] as const) {
    sockets.add(socket);
    socket.on('error', () => other.destroy());
    socket.on('close', () => { sockets.delete(socket); if (!other.destroyed) other.end(); });
    socket.pipe(other);
  }
}

function listening(server: Server, route: RelayRoute): Promise<string | undefined> {
  return new Promise((resolve) => {
    server.once('error', (error) => resolve(error.message));
    server.listen({ host: route.listen, port: route.port, ipv6Only: true }, () => {
      server.on('error', () => server.close());
      resolve(undefined);
    });
  });
}
