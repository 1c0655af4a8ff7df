// Reads lines of `ip -d -o monitor all-nsid link address` and `tc monitor`.
import type { TunnelRead } from './wire.ts';

export type LinkEvent = {
  readonly kind: 'link';
  /** Namespace id of the device, or undefined for the monitor's own namespace. */
  readonly netnsId?: number;
  readonly deleted: boolean;
  /** Its other end has gone: the first line of a deletion, some milliseconds before the one that says so. */
  readonly dying: boolean;
  readonly ifindex: number;
  readonly name: string;
  readonly adminUp: boolean;
  readonly carrier: boolean;
  readonly master?: string;
  readonly mtu: number;
  readonly tunnel?: TunnelRead;
};
/** An address inside a namespace came or went; its device is known by index only. */
export type AddressEvent = { readonly kind: 'address'; readonly netnsId?: number; readonly ifindex: number };
export type TcEvent = { readonly kind: 'filter-deleted' | 'clsact-deleted'; readonly device: string; /** Of a filter. */ readonly pref?: number };

const HEAD = /^(?:\[nsid (\S+)\])?(Deleted )?(\d+): ([^\s@:]+)(?:@(\S+?))?:? +(.*)$/;

/** A link or address event, or undefined for anything else (netns ids, blank lines). */
export function parseIpMonitorLine(line: string): LinkEvent | AddressEvent | undefined {
  const match = HEAD.exec(line);
  if (!match) return undefined;
  const [, nsid, deleted, index, name = '', peer, rest = ''] = match;
  const ifindex = Number(index);
  const where = nsid === undefined || nsid === 'current' ? {} : { netnsId: Number(nsid) };
  if (Number.isNaN(where.netnsId)) return undefined;
  if (/^inet6? /.test(rest)) return { kind: 'address', ifindex, ...where };
  const flags = /^<([^>]*)>/.exec(rest)?.[1]?.split(',');
  if (!flags) return undefined;
  const master = / master (\S+)/.exec(rest)?.[1];
  const tunnel = parseTunnel(rest);
  return {
    kind: 'link',
    deleted: deleted !== undefined,
    dying: peer === 'NONE' && !flags.includes('UP'),
    ifindex,
    name,
    adminUp: flags.includes('UP'),
    carrier: flags.includes('LOWER_UP'),
    mtu: Number(/ mtu (\d+)/.exec(rest)?.[1] ?? 0),
    ...where,
    ...(master === undefined ? {} : { master }),
    ...(tunnel === undefined ? {} : { tunnel }),
  };
}

function parseTunnel(text: string): TunnelRead | undefined {
  const [, vni, details = ''] = /\\ +vxlan id (\d+) (.*)$/.exec(text) ?? [];
  if (vni === undefined) return undefined;
  const word = (name: string): string => new RegExp(`(?:^| )${name} (\\S+)`).exec(details)?.[1] ?? '';
  return { vni: Number(vni), udpPort: Number(word('dstport')), remote: word('remote') || word('group'), local: word('local') };
}

/** The loss of a filter or of a whole clsact. An action changed in place is not among the events: tc prints it without flushing, so
 *  it would come with the next event, whenever that is; only a read shows it. */
export function parseTcMonitorLine(line: string): TcEvent | undefined {
  const filter = /^deleted filter dev (\S+) ingress (?:.* )?pref (\d+) /.exec(line);
  if (filter?.[1]) return { kind: 'filter-deleted', device: filter[1], pref: Number(filter[2]) };
  const clsact = /^deleted qdisc clsact \S+ dev (\S+) /.exec(line);
  return clsact?.[1] ? { kind: 'clsact-deleted', device: clsact[1] } : undefined;
}
