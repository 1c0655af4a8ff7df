// Reads published ports in all forms that container engines take: [[address:]host port[-last]:]port[-last][/protocol].
import type { PublishedPort } from '../machines/vocabulary/lab-spec.ts';
import { parseAddress } from './ip-address.ts';

/** The ports of one entry (several for ranges), or what is wrong with it. */
export type ParsedPorts = { ports: PublishedPort[] } | { error: string };

type Span = { first: number; last: number };

/** Reads one entry of `ports`. A missing host port is 0: the host picks one. */
export function parsePorts(entry: string): ParsedPorts {
  const [spec, protocolText = 'tcp', ...rest] = entry.trim().split('/');
  const protocol = protocolOf(protocolText);
  if (protocol === undefined || rest.length > 0) return { error: 'the protocol is none of tcp, udp, sctp' };
  const bracketed = /^\[([^\]]*)\]:(.*)$/.exec(spec ?? '');
  const parts = bracketed === null ? splitPlain(spec ?? '') : [bracketed[1] ?? '', ...splitPlain(bracketed[2] ?? '')];
  if (parts.length > 3) return { error: 'it has too many parts (an IPv6 address stands in brackets)' };
  const inner = spanOf(parts.at(-1) ?? '', 1);
  if (inner === undefined) return { error: 'the port of the container is not a number between 1 and 65535' };
  const outer = parts.length < 2 || parts.at(-2) === '' ? undefined : spanOf(parts.at(-2) ?? '', 0);
  if (outer === undefined && parts.length >= 2 && parts.at(-2) !== '') return { error: 'the port of the host is not a number between 0 and 65535' };
  const address = parts.length === 3 ? (parts[0] ?? '') : '';
  if (address !== '' && parseAddress(address) === undefined) return { error: `${JSON.stringify(address)} is not an IP address` };
  return pair(inner, outer, { protocol, ...(address === '' ? {} : { hostIp: address }) });
}

function protocolOf(word: string): PublishedPort['protocol'] | undefined {
  const lower = word.toLowerCase();
  return lower === 'tcp' || lower === 'udp' || lower === 'sctp' ? lower : undefined;
}

function splitPlain(spec: string): string[] {
  return spec.split(':');
}

function spanOf(word: string, least: number): Span | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(word);
  if (match === null) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  return first >= least && last <= 65_535 && first <= last ? { first, last } : undefined;
}

function pair(inner: Span, outer: Span | undefined, rest: Pick<PublishedPort, 'protocol' | 'hostIp'>): ParsedPorts {
  const count = inner.last - inner.first + 1;
  if (outer !== undefined && outer.last - outer.first + 1 !== count) return { error: 'the two ranges have different lengths' };
  const ports = Array.from({ length: count }, (_, index) => ({
    hostPort: outer === undefined || outer.first === 0 ? 0 : outer.first + index,
    containerPort: inner.first + index,
    ...rest,
  }));
  return { ports };
}
