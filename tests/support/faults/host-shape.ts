// What a host shows of labs: as read from its kernel and engine, and as the labs' plans say that it must be.
import { hostOfSide, SIDES } from '../../../machines/link/crossing.ts';
import { plannedHosts } from '../../../machines/evolve/lab-parts.ts';
import type { LabState } from '../../../machines/evolve/lab-state.ts';
import type { HostId } from '../../../machines/vocabulary/ids.ts';
import type { TestHost } from '../test-hosts.ts';

/** A line a thing, sorted; names and numbers that no fault may change for longer than it lasts. */
export type HostShape = readonly string[];

/** What a host shows now. */
export async function shapeOf(host: TestHost): Promise<HostShape> {
  return (await host.exec('sh', '-c', READ_SHAPE)).split('\n').filter(Boolean).toSorted();
}

/** Devices with their plugs and switches, redirects by device, tunnels, namespaces, containers, networks, look-ups, tables. Indexes, what a switch does to its ports, and its bridge of somebody else, which is as its ports are, are left out. */
const READ_SHAPE = String.raw`
ip -o link | grep -v ': br-shared:' | sed -E 's/^[0-9]+: ([^:@]+)(@[^:]*)?: <([^>]*)>.* mtu ([0-9]+)(.*)$/\1 \3 mtu \4 \5/; s/ (qdisc [a-z_]+|qlen [0-9]+|link\/.*|state [A-Z]+|mode [A-Z]+|group [a-z]+)//g; s/\\.*//; s/ master ovs-system//; s/PROMISC,//; s/ +/ /g; s/ $//; s/^/device /'
for d in $(ls /sys/class/net); do case $d in lw*) echo "redirects $d $(tc filter show dev $d ingress | grep -c mirred)" ;; esac; done
ip -o -d link show type vxlan | sed -E 's/^[0-9]+: ([^:@]+).* vxlan id ([0-9]+) .*/tunnel \1 \2/'
bridge fdb show | sed -nE 's/^00:00:00:00:00:00 dev ([^ ]+) dst ([^ ]+).*/flood \1 \2/p'
ip netns | sed 's/ .*//; s/^/namespace /'
docker ps -a --format 'container {{.Names}} {{.State}}'
docker network ls --format 'network {{.Name}}'
ls /run/labwright/sandboxes | sed 's/.*/lookup/'
nft list tables | sed -E 's/^/rules /; s/(labwright)-.*/\1/'
`;

/** All there is, by host id. */
export async function shapesOf(hosts: readonly TestHost[]): Promise<Map<string, HostShape>> {
  return new Map(await Promise.all(hosts.map(async (host) => [host.id as string, await shapeOf(host)] as const)));
}

const device = (name: string, mtu: number, master?: string): string => `device ${name} BROADCAST,MULTICAST,UP,LOWER_UP mtu ${mtu}${master === undefined ? '' : ` master ${master}`}`;

/** What these labs have on the host when nothing is wrong, by their folded logs alone. */
export function wantedShape(host: HostId, labs: readonly LabState[]): HostShape {
  const lines = labs.flatMap((state) => [...networkOn(state, host), ...nodesOn(state, host), ...linksOn(state, host)]);
  return [...lines, ...(lines.length > 0 ? ['rules table inet labwright'] : [])].toSorted();
}

function networkOn({ plan, networks }: LabState, host: HostId): string[] {
  const mgmt = networks[host]?.mgmt;
  if (!plan || !mgmt) return [];
  const { span } = plan;
  const remotes = plannedHosts(plan).filter((other) => other !== host).flatMap((other) => span?.hosts[other]?.vtep ?? []);
  const tunnel = `lwm${span?.vni.toString(36)}`;
  // One counts the probes that come back from each remote; one sends back, and one ends what is nobody's.
  const across = [device(tunnel, mgmt.mtu, mgmt.bridge), `redirects ${tunnel} ${remotes.length + 2}`, `tunnel ${tunnel} ${span?.vni}`, ...remotes.map((remote) => `flood ${tunnel} ${remote}`)];
  return [`network ${mgmt.network}`, device(mgmt.bridge, mgmt.mtu), ...(remotes.length > 0 ? across : [])];
}

function nodesOn({ nodes, networks }: LabState, host: HostId): string[] {
  const mgmt = networks[host]?.mgmt;
  return Object.values(nodes).filter(({ plan }) => plan.host === host).flatMap(({ spec: { containerName }, plan }) => {
    const port = plan.mgmt?.port.device;
    return [`container ${containerName} running`, `namespace ${containerName}`, 'lookup', ...(port === undefined ? [] : [device(port, mgmt?.mtu ?? 0, mgmt?.bridge), `redirects ${port} 0`])];
  });
}

function linksOn({ links }: LabState, host: HostId): string[] {
  return Object.values(links).flatMap(({ plan }) => SIDES.filter((side) => hostOfSide(plan, side) === host).flatMap((side) => {
    const port = plan[side].device;
    // A switch joins the ends in place of redirects, and sends probes back; that they came back is counted by a redirect all the same.
    const isSwitched = (side === 'b' && plan.far ? plan.far.plane : plan.plane)?.kind === 'ovs';
    const ends = [device(port, plan.mtu), `redirects ${port} ${isSwitched ? 0 : 1}`];
    if (!plan.far) return ends;
    const { vni, [side]: own, [side === 'a' ? 'b' : 'a']: far } = plan.far.tunnel;
    // A rule for each kind of frame: those of nodes, probes to send back, probes that came back.
    return [...ends, device(own.device, plan.mtu), `redirects ${own.device} ${isSwitched ? 1 : 3}`, `tunnel ${own.device} ${vni}`, `flood ${own.device} ${far.vtep}`];
  }));
}
