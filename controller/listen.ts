// Where the embedded NATS server listens: on loopback, or on an address that a person named so that hosts can reach it.
import { readFile } from 'node:fs/promises';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIP, isIPv6 } from 'node:net';
import { z } from 'zod';
import { ControllerError } from './controller-error.ts';
import type { StateDir } from './state-dir.ts';
import { writeAtomically } from './write-atomically.ts';

export const LOOPBACK = '127.0.0.1';

const Listen = z.object({ address: z.union([z.ipv4(), z.ipv6()]), port: z.number().int().min(1).max(65_535).optional() });
export type Listen = z.infer<typeof Listen>;

/** `ADDRESS`, `ADDRESS:PORT`, `[IPv6]:PORT`. @throws {ControllerError} `bad-listen`. */
export const parseListen = (text: string): Listen => {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^[\]]+?))(?::(\d+))?$/.exec(isIPv6(text) ? `[${text}]` : text) ?? [];
  const parsed = Listen.safeParse({ address: bracketed ?? plain, ...(port === undefined ? {} : { port: Number(port) }) });
  if (parsed.success) return parsed.data;
  throw new ControllerError('bad-listen', `${JSON.stringify(text)} is no address to listen on: write e.g. 10.0.0.1, 10.0.0.1:4222 or [fd00::1]:4222 (an address of this machine, no name)`);
};

/** What was asked for; undefined = loopback, any port. @throws {ControllerError} `bad-state-file`. */
export const readListen = async (dir: StateDir): Promise<Listen | undefined> => {
  const text = await readFile(dir.natsListen, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const parsed = Listen.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new ControllerError('bad-state-file', `${dir.natsListen} is damaged. Say again where to listen: labwright up --listen ADDRESS[:PORT]`);
};

export const writeListen = async (dir: StateDir, listen: Listen): Promise<void> => writeAtomically(dir.natsListen, `${JSON.stringify(listen)}\n`, 0o600);

export const isLoopbackAddress = (address: string): boolean => address.startsWith('127.') || address === '::1' || address === 'localhost';
export const isWildcard = (address: string): boolean => address === '0.0.0.0' || address === '::';

/** An address as a URL holds it. */
export const urlOf = (address: string, port: number): string => `nats://${isIPv6(address) ? `[${address}]` : address}:${port}`;

/** Host and port of a NATS URL. */
export const addressOfUrl = (url: string): { readonly address: string; readonly port: number } | undefined => {
  const parsed = URL.parse(url.split(',')[0] ?? '');
  const port = Number(parsed?.port);
  return parsed === null || !Number.isInteger(port) || port === 0 ? undefined : { address: parsed.hostname.replace(/^\[(.*)\]$/, '$1'), port };
};

/** By which URL other machines reach the server of this endpoint; undefined when it listens on loopback only. */
export const reachableUrl = async (endpointUrl: string, listen: Listen | undefined): Promise<string | undefined> => {
  const at = addressOfUrl(endpointUrl);
  if (at === undefined) return undefined;
  if (listen !== undefined && isWildcard(listen.address)) {
    const address = await addressOfDefaultRoute();
    return address === undefined ? undefined : urlOf(address, at.port);
  }
  return isLoopbackAddress(at.address) ? undefined : endpointUrl;
};

// Addresses of a documentation network (RFC 5737): nobody is there, so the default route leads to them. Nothing is sent.
const addressOfDefaultRoute = async (): Promise<string | undefined> => {
  const socket = createSocket('udp4');
  try {
    const connected = once(socket, 'connect');
    socket.connect(9, '192.0.2.1');
    await connected;
    const { address } = socket.address();
    return isIP(address) === 0 || isLoopbackAddress(address) ? undefined : address;
  } catch {
    return undefined;
  } finally {
    socket.close();
  }
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
