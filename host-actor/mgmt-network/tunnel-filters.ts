// The filters of a management tunnel's probes, which come before its bridge: answers counted, questions sent back, nothing else passed.
import { ECHO_MAGIC, echoWord, PAIR_ETHER_TYPE } from '../link-plane/echo-frame.ts';
import { redirectCookie } from '../link-plane/host-ports.ts';
import { matchWords } from '../link-plane/render-lines.ts';
import type { HostShell } from './host-shell.ts';

type Tunnel = { readonly device: string; readonly vni: number; readonly local: string };

/** `cookie` tells the filter from any other: it says all that the filter matches, and where it redirects. */
export interface TunnelFilter { readonly cookie: string; readonly line: string }
export interface FilterRead { readonly cookie: string; readonly packets: number }

const COUNT_PREF = 1;
const REFLECT_PREF = 2;
const REST_PREF = 3;

/** Counts what the remote sends back to this host. */
export function countFilter({ device, vni, local }: Tunnel, remote: string): TunnelFilter {
  return filter(device, { pref: COUNT_PREF, words: [vni, echoWord(remote), echoWord(local)], to: 'lo' });
}

/** All filters of a tunnel. What is sent back bears the name of the host that was asked: with a filter gone no probe goes round for ever. */
export function tunnelFilters(tunnel: Tunnel & { readonly remotes: readonly string[] }): TunnelFilter[] {
  const { device, vni, local, remotes } = tunnel;
  return [
    ...remotes.map((remote) => countFilter(tunnel, remote)),
    filter(device, { pref: REFLECT_PREF, words: [vni, echoWord(local)], to: device }),
    // No node is to see a probe, whatever goes wrong with it.
    filter(device, { pref: REST_PREF, words: [vni], to: 'lo' }),
  ];
}

/** Lines for `tc -batch` that leave a device with exactly these filters. The kernel numbers the redirects: from 1 on, far below those that labs lease. */
export function filterLines(device: string, filters: readonly TunnelFilter[]): string[] {
  return [`qdisc replace dev ${device} clsact`, `filter del dev ${device} ingress`, ...filters.map(({ line }) => line)];
}

/** Filters on what comes in at a device; none where it is not there. Not as JSON: older versions of tc break it at u32. */
export async function readFilters(shell: HostShell, device: string, signal?: AbortSignal): Promise<FilterRead[]> {
  const { exitCode, stdout } = await shell.try('tc', ['-s', 'filter', 'show', 'dev', device, 'ingress'], { signal });
  return exitCode === 0 ? parseFilters(stdout) : [];
}

/** What `tc -s filter show` printed, one entry an action; an action without a cookie is not ours and has an empty one. */
export function parseFilters(stdout: string): FilterRead[] {
  return stdout.split(/^\s*action order \d+:/m).slice(1).map((text) => ({
    cookie: /\bcookie ([0-9a-f]+)/.exec(text)?.[1] ?? '',
    packets: Number(/\bSent \d+ bytes (\d+) pkt/.exec(text)?.[1] ?? 0),
  }));
}

/** Whether these are the filters, no less and no more. */
export function hasFilters(read: readonly FilterRead[], wanted: readonly TunnelFilter[]): boolean {
  const cookies = (filters: readonly { readonly cookie: string }[]): string => filters.map(({ cookie }) => cookie).toSorted().join(' ');
  return cookies(read) === cookies(wanted);
}

function filter(device: string, { pref, words, to }: { pref: number; words: readonly number[]; to: string }): TunnelFilter {
  const rule = `filter add dev ${device} ingress protocol 0x${PAIR_ETHER_TYPE.toString(16)} pref ${pref} u32 ${matchWords([ECHO_MAGIC, ...words])} action mirred egress redirect dev ${to}`;
  const cookie = redirectCookie(rule);
  return { cookie, line: `${rule} cookie ${cookie}` };
}
