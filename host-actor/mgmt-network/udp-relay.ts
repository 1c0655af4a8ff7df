// Relays datagrams of one published port: each client gets a socket of its own towards the node, so that answers find back.
import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import type { RelayListener, RelayRoute } from './port-relay.ts';

/** A client that is silent for this long is forgotten; an exchange by UDP has no end of its own. */
const IDLE_MS = 90_000;
/** Of more clients the one that has been silent the longest is forgotten. */
const MOST_CLIENTS = 1_024;

/** Datagrams that wait until the socket towards the node is connected. */
const MOST_WAITING = 64;

interface Client { readonly socket: Socket; timer: NodeJS.Timeout; waiting: Buffer[] | null }

/** Opens the listener, or says why it cannot be opened. */
export function openUdpRelay(route: RelayRoute): Promise<RelayListener | { readonly fault: string }> {
  const clients = new Map<string, Client>();
  const server = createSocket({ type: 'udp6', ipv6Only: true });
  const listener: RelayListener = { close: async () => await closeAll(server, clients) };
  return new Promise((resolve) => {
    server.once('error', (error) => {
      server.close();
      resolve({ fault: error.message });
    });
    server.bind({ address: route.listen, port: route.port }, () => {
      server.removeAllListeners('error');
      // An answer that cannot be delivered is lost, as datagrams may be.
      server.on('error', () => undefined);
      server.on('message', (message, from) => send(clientOf(from, { route, server, clients }), message));
      resolve(listener);
    });
  });
}

type Relay = { readonly route: RelayRoute; readonly server: Socket; readonly clients: Map<string, Client> };

function clientOf(from: RemoteInfo, relay: Relay): Client {
  const { route, server, clients } = relay;
  const key = `${from.address} ${from.port}`;
  const forget = (): void => forgetClient(clients, key);
  const known = clients.get(key);
  const client: Client = known ?? { waiting: [], socket: createSocket(route.target.includes(':') ? 'udp6' : 'udp4'), timer: setTimeout(forget, IDLE_MS) };
  // Set anew at the end: the first of the map is the one that has been silent the longest.
  clients.delete(key);
  clients.set(key, client);
  clearTimeout(client.timer);
  client.timer = setTimeout(forget, IDLE_MS).unref();
  if (known !== undefined) return known;
  client.socket.on('message', (message) => server.send(message, from.port, from.address));
  client.socket.on('error', forget);
  client.socket.connect(route.targetPort, route.target, () => {
    const waiting = client.waiting ?? [];
    client.waiting = null;
    for (const message of waiting) send(client, message);
  });
  const [oldest] = clients.keys();
  if (clients.size > MOST_CLIENTS && oldest !== undefined) forgetClient(clients, oldest);
  return client;
}

function send(client: Client, message: Buffer): void {
  if (client.waiting === null) client.socket.send(message);
  else if (client.waiting.length < MOST_WAITING) client.waiting.push(message);
}

function forgetClient(clients: Map<string, Client>, key: string): void {
  const client = clients.get(key);
  if (client === undefined) return;
  clients.delete(key);
  clearTimeout(client.timer);
  client.socket.close();
}

async function closeAll(server: Socket, clients: Map<string, Client>): Promise<void> {
  for (const key of [...clients.keys()]) forgetClient(clients, key);
  await new Promise<void>((resolve) => { server.close(() => resolve()); });
}
