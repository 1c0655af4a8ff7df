// Answers published ports where NAT cannot reach: the host's ::1, and its IPv6 addresses for nodes that have IPv4 only.
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { MgmtState } from './mgmt-network-state.ts';

/** One listener of the relay: TCP from `listen` on the host to the node. */
export interface RelayRoute { readonly listen: string; readonly port: number; readonly target: string; readonly targetPort: number; readonly lab: string; readonly node: string }

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
        if (port.protocol === 'tcp') routes.push({ listen, port: port.hostPort, target, targetPort: port.containerPort, lab: lab.lab, node: node.node });
        else warnings.push(`published port ${port.hostPort}/${port.protocol} of node ${node.node} (lab ${lab.lab}) does not answer on [${listen}], only on the host's other addresses`);
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

interface Listener { readonly server: Server; readonly sockets: Set<Socket> }

/** Keeps one listener per route. Nothing listens before the first `sync`. */
export class PortRelays {
  readonly #listeners = new Map<string, Listener>();

  /** Opens what is missing and closes what is no longer wanted, open connections included. Returns ports it could not open. */
  async sync(routes: readonly RelayRoute[]): Promise<string[]> {
    const wanted = new Map(routes.map((route) => [JSON.stringify(route), route]));
    for (const [key, listener] of this.#listeners) {
      if (!wanted.has(key)) await this.#close(key, listener);
    }
    const failed: string[] = [];
    for (const [key, route] of wanted) {
      if (this.#listeners.has(key)) continue;
      const sockets = new Set<Socket>();
      const server = createServer({ allowHalfOpen: true }, (socket) => relayConnection(socket, route, sockets));
      const fault = await listening(server, route);
      if (fault === undefined) this.#listeners.set(key, { server, sockets });
      else failed.push(`published port ${route.port}/tcp of node ${route.node} (lab ${route.lab}) does not answer on [${route.listen}]: ${fault}`);
    }
    return failed;
  }

  /** Whether this very process listens there, so that its own listener is no conflict. */
  listensOn(port: number): boolean {
    return [...this.#listeners.keys()].some((key) => key.includes(`"port":${port},`));
  }

  async close(): Promise<void> {
    await this.sync([]);
  }

  async #close(key: string, { server, sockets }: Listener): Promise<void> {
    this.#listeners.delete(key);
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => { server.close(() => resolve()); });
  }
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
