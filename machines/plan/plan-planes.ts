// What joins the ends of each link on its hosts: the lab's wish, else the host's own plane; with a VLAN of its own on a bridge that is shared.
import type { LabState } from '../evolve/lab-state.ts';
import { linkHosts } from '../link/crossing.ts';
import type { Rejection } from '../vocabulary/command.ts';
import type { HostId, LinkId, NodeId } from '../vocabulary/ids.ts';
import type { LabSpec, LinkEnd, LinkSpec } from '../vocabulary/lab-spec.ts';
import type { LinkPlan, LinkPlane } from '../vocabulary/lab-plan.ts';
import { PlaneKind } from '../vocabulary/placement.ts';
import { linkPlaces } from './link-places.ts';
import type { PlanHost } from './plan-lab.ts';

/** Of a link: on the host of end `a` (or of the whole link), and on that of end `b` where it is another one. */
export type LinkPlanes = { readonly plane?: LinkPlane; readonly far?: LinkPlane };

export type PlannedPlanes = { readonly of: ReadonlyMap<LinkId, LinkPlanes>; readonly rejections: readonly Rejection[] };

type Input = {
  readonly state: LabState;
  readonly spec: LabSpec;
  readonly hosts: readonly PlanHost[];
  readonly placeOf: (node: NodeId) => HostId;
  /** VLANs that other labs hold on the host's shared bridge. */
  readonly takenVlans: (host: HostId) => ReadonlySet<number>;
};

/** Where the host names none. */
const ALL_VLANS: readonly [number, number][] = [[1, 4094]];

/** Planes of all links. What is there keeps its plane as long as its host offers it and the lab does not want another. */
export function planPlanes(input: Input): PlannedPlanes {
  const rejections = new Map<string, Rejection>();
  const vlans = vlanLeases(input);
  const hosts = new Map(input.hosts.map((host) => [host.id, host]));
  const lease = (link: LinkSpec, host: HostId, before: LinkPlan | undefined): LinkPlane | undefined => {
    const told: PlanHost = hosts.get(host) ?? { id: host, state: 'lost' };
    const held = before === undefined ? undefined : planeOn(before, host);
    const isUntold = before !== undefined && held === undefined && linkHosts(before).includes(host) && told.ovs?.sharedBridge === undefined;
    const kind = kindOf(input.spec, told, held, isUntold);
    if (kind === undefined) return undefined;
    if (told.planes?.includes(kind) === false) rejections.set(host, { code: 'no-plane', message: `host ${host} has no link plane ${kind}, which the lab file asks for (placement.plane): it has ${told.planes.join(', ')}`, details: { host, plane: kind } });
    if (kind !== 'ovs' || told.ovs?.sharedBridge === undefined) return { kind };
    const vlan = vlans.take(host, isTaken(input.state, link) ? undefined : held?.vlan);
    if (vlan === undefined) rejections.set(`vlans ${host}`, { code: 'no-numbers', message: `link ${link.id}: all VLANs of bridge ${told.ovs.sharedBridge} on host ${host} ${told.ovs.vlans === undefined ? '' : 'that labs may have (LABWRIGHT_OVS_VLANS) '}are in use: place links elsewhere, or on plane tc`, details: { host, link: link.id } });
    return { kind, ...(vlan === undefined ? {} : { vlan }) };
  };
  const of = new Map(input.spec.links.map((link): [LinkId, LinkPlanes] => {
    const [host, farHost] = linkPlaces(link, input.placeOf);
    if (host === farHost && !isJoined(link)) return [link.id, {}];
    const present = input.state.links[link.id];
    const before = present?.machine.context.desired === 'present' ? present.plan : undefined;
    const here = lease(link, host, before);
    const there = host === farHost ? undefined : lease(link, farHost, before);
    return [link.id, { ...planeKey('plane', withChecksums(here, there, hosts.get(farHost))), ...planeKey('far', withChecksums(there, here, hosts.get(host))) }];
  }));
  return { of, rejections: [...rejections.values()] };
}

/** What joins a link's ends on one of its hosts. */
export const planeOn = (plan: LinkPlan, host: HostId): LinkPlane | undefined => (plan.host === host ? plan.plane : plan.far?.host === host ? plan.far.plane : undefined);

/** VLANs that a lab holds on each host, links on their way out and parts that a lost host still has included. */
export function vlansHeldBy(state: LabState): Map<HostId, number[]> {
  const held = new Map<HostId, number[]>();
  const owed = Object.values(state.owed).flatMap((one) => (one.kind === 'link' ? [one.plan] : []));
  for (const plan of [...Object.values(state.links).map((link) => link.plan), ...owed]) {
    for (const [host, plane] of [[plan.host, plan.plane], [plan.far?.host, plan.far?.plane]] as const) {
      if (host !== undefined && plane?.vlan !== undefined) held.set(host, [...(held.get(host) ?? []), plane.vlan]);
    }
  }
  return held;
}

/** Ports that a lab's links take up in Open vSwitch, by host: two a link on each host that it touches. */
export function switchPortsOf(state: LabState): Map<HostId, number> {
  const ports = new Map<HostId, number>();
  for (const { plan } of Object.values(state.links)) {
    for (const [host, plane] of [[plan.host, plan.plane], [plan.far?.host, plan.far?.plane]] as const) {
      if (host !== undefined && plane?.kind === 'ovs') ports.set(host, (ports.get(host) ?? 0) + 2);
    }
  }
  return ports;
}

function kindOf({ placement }: LabSpec, host: PlanHost, held: LinkPlane | undefined, isUntold: boolean): PlaneKind | undefined {
  if (placement?.plane !== undefined) return placement.plane;
  // A link of an older plan is where its host put it, and stays there.
  if (isUntold) return undefined;
  if (held !== undefined && host.planes?.includes(held.kind) !== false) return held.kind;
  return PlaneKind.safeParse(host.planes?.[0]).data;
}

/** Nodes leave checksums to hardware; a userspace switch at the far end passes on what it gets. */
function withChecksums(own: LinkPlane | undefined, far: LinkPlane | undefined, farHost: PlanHost | undefined): LinkPlane | undefined {
  return own?.kind === 'tc' && far?.kind === 'ovs' && farHost?.ovs?.datapath !== 'system' ? { ...own, computeChecksums: true } : own;
}

const planeKey = <K extends 'plane' | 'far'>(key: K, plane: LinkPlane | undefined): { [key in K]?: LinkPlane } => (plane === undefined ? {} : ({ [key]: plane } as { [key in K]?: LinkPlane }));

/** Somebody else came to have the link's VLAN: the next deploy gives it another. */
const isTaken = ({ links }: LabState, { id }: LinkSpec): boolean => links[id]?.machine.context.failure?.code === 'vlan-taken';

/** Bridges, plain interfaces of the host and devices inside a node need nothing that joins them. */
function isJoined({ a, b }: LinkSpec): boolean {
  const inner = (end: LinkEnd): boolean => end.at === 'node' || end.at === 'node-bridge';
  return [a, b].every((end) => inner(end) || (end.at === 'vxlan' && end.stitch));
}

/** Numbers of one bridge each: what this lab, other labs, or any port there has is left out. */
function vlanLeases({ state, hosts, takenVlans }: Input): { take(host: HostId, held: number | undefined): number | undefined } {
  const own = vlansHeldBy(state);
  const free = new Map<HostId, number[]>();
  const freeOf = (id: HostId): number[] => {
    const ovs = hosts.find((host) => host.id === id)?.ovs;
    const used = new Set([...numbersOf(ovs?.usedVlans ?? []), ...takenVlans(id), ...(own.get(id) ?? [])]);
    // People count from below: the last ones are the likeliest to be free, and taken first.
    return [...new Set(numbersOf(ovs?.vlans ?? ALL_VLANS))].filter((vlan) => !used.has(vlan)).toSorted((a, b) => a - b);
  };
  return {
    take(host, held) {
      if (held !== undefined) return held;
      const left = free.get(host) ?? freeOf(host);
      free.set(host, left);
      return left.pop();
    },
  };
}

const numbersOf = (ranges: readonly (readonly [number, number])[]): number[] => ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_unused, index) => first + index));
