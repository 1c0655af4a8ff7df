// The world that faults strike: hosts with two labs over them, and what must be there when nothing is wrong.
import type { LogEntry } from '../../../machines/vocabulary/event.ts';
import type { LabSpec } from '../../../machines/vocabulary/lab-spec.ts';
import type { EventLog } from '../../../nats/event-log.ts';
import { labFromText } from '../test-bed.ts';
import type { TestHosts } from '../test-hosts.ts';
import type { HostShape } from './host-shape.ts';

export type FaultLab = { readonly name: string; readonly spec: LabSpec; readonly links: readonly FaultLink[] };
/** Pinging `to` from node `from` crosses this link alone. */
export type FaultLink = { readonly link: string; readonly from: string; readonly to: string };

export type FaultWorld = {
  readonly bed: TestHosts;
  readonly labs: readonly FaultLab[];
  readonly log: EventLog<LogEntry>;
  /** What each host shows beside what the labs have there, by host id. */
  readonly beside: ReadonlyMap<string, HostShape>;
};

/** Of Open vSwitch: our own bridge, and the one of somebody else that links share on one host. */
export const OWN_BRIDGE = 'lw-ovs';
export const SHARED_BRIDGE = 'br-shared';
export const SHARED_BRIDGE_HOST = 3;

/** A host is lost after so much silence, and after so much more the nodes of the lab that roams are elsewhere. */
export const LOST_SECONDS = 6;
const MOVE_SECONDS = 5;
export const LEFT_AFTER_MS = (LOST_SECONDS + MOVE_SECONDS + 3) * 1_000;

/** `hosts`: of each node; one without may go anywhere, and leaves a lost host. */
type Plan = { readonly name: string; readonly subnet: string; readonly net: number; readonly hosts: Readonly<Record<string, string | undefined>>; readonly pairs: readonly (readonly [string, string])[] };

/** Each link has a subnet of its own. */
function labOf({ name, subnet, net, hosts, pairs }: Plan): FaultLab {
  const used = new Map<string, number>();
  const next = (node: string): string => {
    used.set(node, (used.get(node) ?? 0) + 1);
    return `${node}:eth${used.get(node)}`;
  };
  const addresses = new Map<string, string[]>();
  const links = pairs.map(([a, b], index) => {
    const ends = [next(a), next(b)] as const;
    ends.forEach((end, side) => {
      const [node = '', port = ''] = end.split(':');
      addresses.set(node, [...(addresses.get(node) ?? []), `ip addr replace 10.${net}.${index}.${side + 1}/24 dev ${port}`]);
    });
    return { link: ends.toSorted().join('--'), endpoints: ends, from: a, to: `10.${net}.${index}.2` };
  });
  const text = JSON.stringify({
    name,
    mgmt: { network: `${name}-net`, 'ipv4-subnet': subnet },
    ...(Object.values(hosts).includes(undefined) ? { placement: { policy: 'spread', 'on-lost-host': `${MOVE_SECONDS}s` } } : {}),
    topology: {
      defaults: { kind: 'linux', image: 'alpine:3' },
      nodes: Object.fromEntries(Object.entries(hosts).map(([node, host]) => [node, { host, exec: addresses.get(node) ?? [] }])),
      links: links.map(({ endpoints }) => ({ endpoints })),
    },
  });
  return { name, spec: labFromText(text, `/tmp/${name}/t.clab.yml`), links };
}

/** A ring of eight with two chords and a line, whose nodes are pinned, and a lab whose nodes roam but for one; over four hosts. */
export function faultLabs(prefix: string): FaultLab[] {
  return [
    labOf({
      name: `${prefix}-ring`, subnet: '172.31.124.0/24', net: 61, hosts: { a: 'h1', b: 'h1', c: 'h1', d: 'h2', e: 'h2', f: 'h2', g: 'h3', h: 'h3' },
      pairs: [['a', 'b'], ['b', 'c'], ['c', 'd'], ['d', 'e'], ['e', 'f'], ['f', 'g'], ['g', 'h'], ['h', 'a'], ['a', 'd'], ['b', 'g']],
    }),
    labOf({ name: `${prefix}-line`, subnet: '172.31.125.0/24', net: 62, hosts: { x: 'h1', y: 'h2', z: 'h3', w: 'h4' }, pairs: [['x', 'y'], ['y', 'z'], ['z', 'w']] }),
    labOf({
      name: `${prefix}-roam`, subnet: '172.31.126.0/24', net: 63, hosts: { m: 'h4', n: undefined, o: undefined, p: undefined, q: undefined, r: undefined },
      pairs: [['m', 'n'], ['n', 'o'], ['o', 'p'], ['p', 'q'], ['q', 'r'], ['r', 'm'], ['m', 'p'], ['n', 'q']],
    }),
  ];
}
