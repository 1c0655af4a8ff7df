// Where other hosts reach this one: the local address, device and MTU on the way to the control plane, or as configured.
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { HostUnderlay } from '../machines/vocabulary/host-facts.ts';

/** Addresses of documentation networks (RFC 5737, RFC 3849): nobody is there, so they are reached by the default route. */
const ANYWHERE = ['192.0.2.1', '2001:db8::1'];
/** No packet is sent; a socket needs some port to be connected to. */
const DISCARD_PORT = 9;

export type UnderlayQuestion = {
  /** Address that the operator chose; it must be on a device here. */
  readonly configured: string | undefined;
  /** URL of NATS: whatever leads there leads to the other hosts, unless NATS runs on this one. */
  readonly natsUrl: string;
};

/** To list all interfaces holds this process up for tens of milliseconds where labs have hundreds, the longer the more are being made. */
const DEVICES_HOLD_MS = 6_000;

type Devices = { readonly byAddress: ReadonlyMap<string, string>; readonly readAt: number };

/** Reads it anew, for addresses and routes change; that an address went to another device is seen some seconds later. Undefined while this host has none; sends nothing. */
export function createUnderlayReader(question: UnderlayQuestion): () => Promise<HostUnderlay | undefined> {
  let known: Devices | undefined;
  const find = async (devices: Devices): Promise<HostUnderlay | undefined> => {
    const address = question.configured ?? (await routedAddress(question.natsUrl, devices.byAddress));
    const device = address === undefined ? undefined : devices.byAddress.get(address);
    if (address === undefined || device === undefined) return undefined;
    return { address, device, mtu: Number(await readFile(`/sys/class/net/${encodeURIComponent(device)}/mtu`, 'utf8')) };
  };
  return async () => {
    const held = known !== undefined && performance.now() - known.readAt < DEVICES_HOLD_MS ? known : undefined;
    // The device may be gone since.
    const found = held && (await find(held).catch(() => undefined));
    if (found !== undefined) return found;
    known = { byAddress: devicesByAddress(), readAt: performance.now() };
    return await find(known);
  };
}

async function routedAddress(natsUrl: string, devices: ReadonlyMap<string, string>): Promise<string | undefined> {
  const name = URL.parse(natsUrl)?.hostname.replace(/^\[(.*)\]$/, '$1');
  const found = name === undefined ? [] : await lookup(name, { all: true }).catch(() => []);
  for (const target of [...found.map(({ address }) => address), ...ANYWHERE]) {
    const local = await sourceAddressTo(target);
    // An address of this host itself comes back as its own source, so the whole of 127/8 counts.
    if (local !== undefined && !local.startsWith('127.') && devices.get(local) !== 'lo') return local;
  }
  return undefined;
}

/** The address that the kernel would send from; undefined without a route. Source: connect(2) of a datagram socket. */
async function sourceAddressTo(target: string): Promise<string | undefined> {
  const socket = createSocket(isIPv6(target) ? 'udp6' : 'udp4');
  try {
    const connected = once(socket, 'connect');
    socket.connect(DISCARD_PORT, target);
    await connected;
    return socket.address().address;
  } catch {
    return undefined;
  } finally {
    socket.close();
  }
}

/** Of an address that several devices have, the first. */
function devicesByAddress(): ReadonlyMap<string, string> {
  const found = Object.entries(networkInterfaces()).flatMap(([device, entries = []]) => entries.map(({ address }): [string, string] => [address, device]));
  return new Map(found.toReversed());
}
