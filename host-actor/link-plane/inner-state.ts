// What is worth putting back when a node's interface had to be made again: read from ip's JSON, written as batch lines.
import { z } from 'zod';

const Address = z.object({
  local: z.string(),
  address: z.string().optional(),
  prefixlen: z.number(),
  scope: z.string().optional(),
  dynamic: z.boolean().optional(),
  temporary: z.boolean().optional(),
});
const Interface = z.object({ ifname: z.string(), mtu: z.number(), address: z.string().optional(), master: z.string().optional(), addr_info: z.array(Address).default([]) });
const Via = z.object({ family: z.string(), host: z.string() });
const Hop = z.object({ gateway: z.string().optional(), via: Via.optional(), dev: z.string().optional(), weight: z.number().optional() });
const Route = Hop.extend({
  type: z.string().optional(),
  dst: z.string(),
  table: z.string().optional(),
  protocol: z.string().optional(),
  scope: z.string().optional(),
  prefsrc: z.string().optional(),
  metric: z.number().optional(),
  flags: z.array(z.string()).default([]),
  nexthops: z.array(Hop).optional(),
});
type Route = z.infer<typeof Route>;
type Hop = z.infer<typeof Hop>;

/** State of one interface. Addresses and routes are kept as the words that make them again. */
export const InnerState = z.object({ mtu: z.number(), mac: z.string().optional(), master: z.string().optional(), addresses: z.array(z.string()), routes: z.array(z.string()) });
export type InnerState = z.infer<typeof InnerState>;

/** Routes of these origins come from a person or a script; those of a routing daemon it makes itself. `boot` is not printed. */
const KEPT_PROTOCOLS = new Set([undefined, 'boot', 'static']);
/** Words that go into a line come from the kernel, yet a name may hold nearly anything. */
const PLAIN = /^[A-Za-z0-9_.:/@+-]+$/;

/** The lines whose output `parseInnerStates` reads; run with `ip -j`. */
export const INNER_STATE_QUERY = ['address show', 'route show table all'] as const;

/** State of each interface of a namespace by its name, from both answers (each a JSON array on its own line). */
export function parseInnerStates(stdout: string): ReadonlyMap<string, InnerState> {
  const entries: unknown[] = stdout.split('\n').flatMap((line) => (line.startsWith('[') ? [JSON.parse(line)] : [])).flat();
  const interfaces = entries.flatMap((entry) => Interface.safeParse(entry).data ?? []);
  const routes = entries.flatMap((entry) => Route.safeParse(entry).data ?? []).filter((route) => route.type === undefined && KEPT_PROTOCOLS.has(route.protocol));
  return new Map(
    interfaces.map((one): [string, InnerState] => {
      const addresses = one.addr_info.filter((address) => address.dynamic !== true && address.temporary !== true).map(addressWords);
      const own = routes.filter((route) => [route, ...(route.nexthops ?? [])].some((hop) => hop.dev === one.ifname)).toSorted(byReach);
      return [
        one.ifname,
        {
          mtu: one.mtu,
          addresses: addresses.filter(isPlain),
          routes: own.map(routeWords).filter(isPlain),
          ...(one.address === undefined ? {} : { mac: one.address }),
          ...(one.master === undefined || !isPlain(one.master) ? {} : { master: one.master }),
        },
      ];
    }),
  );
}

/** Lines that put a state back on an interface just made; MAC and MTU are given at birth already. */
export function restoreLines(device: string, state: InnerState): readonly string[] {
  return [
    ...(state.master === undefined ? [] : [`link set dev ${device} master ${state.master}`]),
    ...state.addresses.map((address) => `address replace ${address} dev ${device}${address.includes(':') ? ' nodad' : ''}`),
    ...state.routes.map((route) => `route replace ${route}`),
  ];
}

function addressWords(address: z.infer<typeof Address>): string {
  const peer = address.address === undefined ? `${address.local}/${address.prefixlen}` : `${address.local} peer ${address.address}/${address.prefixlen}`;
  return address.scope === undefined || address.scope === 'global' || address.local.includes(':') ? peer : `${peer} scope ${address.scope}`;
}

function routeWords(route: Route): string {
  const hops = route.nexthops?.map((hop) => `nexthop ${hopWords(hop)}${hop.weight === undefined ? '' : ` weight ${hop.weight}`}`).join(' ');
  const options = [
    route.metric === undefined ? '' : `metric ${route.metric}`,
    route.prefsrc === undefined ? '' : `src ${route.prefsrc}`,
    route.table === undefined || route.table === 'main' ? '' : `table ${route.table}`,
    route.scope === 'link' ? 'scope link' : '',
    hops ?? hopWords(route),
    route.flags.includes('onlink') ? 'onlink' : '',
  ];
  return [route.dst, ...options.filter((option) => option !== '')].join(' ');
}

function hopWords(hop: Hop): string {
  const via = hop.gateway === undefined ? (hop.via === undefined ? '' : `via ${hop.via.family} ${hop.via.host} `) : `via ${hop.gateway} `;
  return `${via}dev ${hop.dev ?? 'lo'}`;
}

/** A gateway must be reachable before a route through it is taken. */
function byReach(one: Route, other: Route): number {
  return rank(one) - rank(other);
}

function rank(route: Route): number {
  return route.gateway === undefined && route.via === undefined && route.nexthops === undefined ? 0 : 1;
}

function isPlain(text: string): boolean {
  return text.split(' ').every((word) => PLAIN.test(word));
}
