// Published UDP ports on ::1: datagrams of several clients find the node, and its answers each their client.
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { PortRelays } from '../../../host-actor/mgmt-network/port-relay.ts';
import type { RelayRoute } from '../../../host-actor/mgmt-network/port-relay.ts';
import { eventually } from '../../support/eventually.ts';

const open: Socket[] = [];
const relays = new PortRelays();
afterEach(async () => {
  await relays.close();
  for (const socket of open.splice(0)) socket.close();
});

async function bound(type: 'udp4' | 'udp6', address: string): Promise<Socket> {
  const socket = createSocket({ type, ...(type === 'udp6' ? { ipv6Only: true } : {}) });
  open.push(socket);
  socket.bind(0, address);
  await once(socket, 'listening');
  return socket;
}

/** Answers each datagram with its text and the port that it came from. */
async function echo(type: 'udp4' | 'udp6', address: string): Promise<Socket> {
  const server = await bound(type, address);
  server.on('message', (message, from) => server.send(`${message.toString()} ${from.port}`, from.port, from.address));
  return server;
}

const route = (node: Socket, port: number): RelayRoute => ({ protocol: 'udp', listen: '::1', port, target: node.address().address, targetPort: node.address().port, lab: 'a', node: 'n1' });

async function freePort(): Promise<number> {
  const socket = createSocket({ type: 'udp6', ipv6Only: true });
  socket.bind(0, '::1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}

describe('relay of datagrams', () => {
  it.each([['udp6', '::1'], ['udp4', '127.0.0.1']] as const)('answers each client of a node by %s', async (type, address) => {
    const node = await echo(type, address);
    const port = await freePort();
    expect(await relays.sync([route(node, port)])).toEqual([]);
    const clients = await Promise.all(['a', 'b'].map(async (name) => ({ name, socket: await bound('udp6', '::1'), got: [] as string[] })));
    for (const { name, socket, got } of clients) {
      socket.on('message', (message) => got.push(message.toString()));
      for (const turn of [1, 2]) socket.send(`${name}${turn}`, port, '::1');
    }
    await eventually(() => clients.every(({ got }) => got.length === 2), { what: 'two answers for each client' });
    const seen = clients.map(({ name, got }) => {
      expect(got.map((text) => text.split(' ')[0])).toEqual([`${name}1`, `${name}2`]);
      return new Set(got.map((text) => text.split(' ')[1]));
    });
    // One socket a client, and not the same for both.
    expect(seen.map((ports) => ports.size)).toEqual([1, 1]);
    expect(seen[0]).not.toEqual(seen[1]);
  });

  it('goes on after the node refused, and closes with the route', async () => {
    const node = await echo('udp6', '::1');
    const [gone, port] = [await freePort(), await freePort()];
    await relays.sync([{ ...route(node, port), targetPort: gone }]);
    const client = await bound('udp6', '::1');
    client.send('into the void', port, '::1');
    await relays.sync([route(node, port)]);
    client.send('again', port, '::1');
    const [answer] = await once(client, 'message');
    expect(String(answer)).toMatch(/^again /);
    await relays.sync([]);
    const taken = createSocket({ type: 'udp6', ipv6Only: true });
    open.push(taken);
    taken.bind(port, '::1');
    await once(taken, 'listening');
  });

  it('says which port it could not open', async () => {
    const node = await echo('udp6', '::1');
    expect(await relays.sync([route(node, node.address().port)])).toEqual([expect.stringMatching(/^published port \d+\/udp of node n1 \(lab a\) does not answer on \[::1\]: bind EADDRINUSE/)]);
  });
});
