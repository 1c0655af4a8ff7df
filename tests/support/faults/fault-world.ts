// The world that faults strike: hosts with two labs over them, and what must be there when nothing is wrong.
import type { LogEntry } from '../../../machines/vocabulary/event.ts';
import type { LabSpec } from '../../../machines/vocabulary/lab-spec.ts';
import type { EventLog } from '../../../nats/event-log.ts';
import { labFromText } from '../test-bed.ts';
import type { TestHost, TestHosts } from '../test-hosts.ts';

export type FaultLab = { readonly name: string; readonly spec: LabSpec; readonly nodes: readonly { readonly node: string; readonly host: string }[]; readonly links: readonly FaultLink[] };
/** Pinging `to` from `from` crosses this link alone. */
export type FaultLink = { readonly link: string; readonly from: { readonly node: string; readonly host: string }; readonly to: string };

export type FaultWorld = {
  readonly bed: TestHosts;
  readonly labs: readonly FaultLab[];
  readonly log: EventLog<LogEntry>;
  /** What each host shows when nothing is wrong, by host id. */
  readonly shape: ReadonlyMap<string, HostShape>;
};
/** Names and numbers that no fault may change for longer than it lasts. */
export type HostShape = Readonly<Record<string, readonly string[]>>;

type Plan = { readonly name: string; readonly subnet: string; readonly net: number; readonly hosts: Readonly<Record<string, string>>; readonly pairs: readonly (readonly [string, string])[] };

/** Nodes are pinned, so that places are known; each link has a subnet of its own. */
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
    return { link: ends.toSorted().join('--'), endpoints: ends, from: { node: a, host: hosts[a] ?? '' }, to: `10.${net}.${index}.2` };
  });
  const text = JSON.stringify({
    name,
    mgmt: { network: `${name}-net`, 'ipv4-subnet': subnet },
    topology: {
      defaults: { kind: 'linux', image: 'alpine:3' },
      nodes: Object.fromEntries(Object.entries(hosts).map(([node, host]) => [node, { host, exec: addresses.get(node) ?? [] }])),
      links: links.map(({ endpoints }) => ({ endpoints })),
    },
  });
  return { name, spec: labFromText(text, `/tmp/${name}/t.clab.yml`), nodes: Object.entries(hosts).map(([node, host]) => ({ node, host })), links };
}

/** A ring of eight with two chords, and a small lab beside it, over three hosts. */
export function faultLabs(prefix: string): FaultLab[] {
  return [
    labOf({
      name: `${prefix}-ring`, subnet: '172.31.124.0/24', net: 61, hosts: { a: 'h1', b: 'h1', c: 'h1', d: 'h2', e: 'h2', f: 'h2', g: 'h3', h: 'h3' },
      pairs: [['a', 'b'], ['b', 'c'], ['c', 'd'], ['d', 'e'], ['e', 'f'], ['f', 'g'], ['g', 'h'], ['h', 'a'], ['a', 'd'], ['b', 'g']],
    }),
    labOf({ name: `${prefix}-line`, subnet: '172.31.125.0/24', net: 62, hosts: { x: 'h1', y: 'h2', z: 'h3' }, pairs: [['x', 'y'], ['y', 'z']] }),
  ];
}

/** What a host shows now. */
export async function shapeOf(host: TestHost): Promise<HostShape> {
  const printed = await host.exec('sh', '-c', READ_SHAPE);
  const shape: Record<string, string[]> = {};
  for (const line of printed.split('\n').filter(Boolean)) {
    const [kind = '', ...rest] = line.split(' ');
    (shape[kind] ??= []).push(rest.join(' '));
  }
  return Object.fromEntries(Object.entries(shape).map(([kind, lines]) => [kind, lines.toSorted()]));
}

/** Devices with their plugs and switches, redirects by device, namespaces, containers, networks, look-ups, tables. Indexes change and are left out. */
const READ_SHAPE = String.raw`
ip -o link | sed -E 's/^[0-9]+: ([^:@]+)(@[^:]*)?: <([^>]*)>.* mtu ([0-9]+)(.*)$/\1 \3 mtu \4 \5/; s/ (qdisc [a-z_]+|qlen [0-9]+|link\/.*|state [A-Z]+|mode [A-Z]+|group [a-z]+)//g; s/\\.*//; s/ +/ /g; s/ $//; s/^/device /'
for d in $(ls /sys/class/net); do case $d in lw*) echo "redirects $d $(tc filter show dev $d ingress | grep -c mirred)" ;; esac; done
ip netns | sed 's/ .*//; s/^/namespace /'
docker ps -a --format 'container {{.Names}} {{.State}}'
docker network ls --format 'network {{.Name}}'
ls /run/labwright/sandboxes | wc -l | sed 's/^/lookups /'
nft list tables | sed 's/^/rules /'
`;

/** All there is, by host id. */
export async function shapesOf(hosts: readonly TestHost[]): Promise<Map<string, HostShape>> {
  return new Map(await Promise.all(hosts.map(async (host) => [host.id as string, await shapeOf(host)] as const)));
}
