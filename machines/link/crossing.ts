// A link across hosts seen as one: what its two legs read back must agree before frames can be said to pass.
import { tunnelMtu, vanishes } from '../plan/plan-tunnels.ts';
import type { HostId, NodeId } from '../vocabulary/ids.ts';
import type { LinkPlan } from '../vocabulary/lab-plan.ts';
import type { TunnelSeen } from '../vocabulary/observation.ts';

export type Side = 'a' | 'b';

/** What one host last read back of its end; `carrier` is that end's own, `mtu` the smaller one of port and tunnel, where the host says it. */
export type LegSeen = {
  readonly adminUp: boolean;
  readonly carrier: boolean;
  readonly mtu?: number;
  readonly held: readonly NodeId[];
  readonly tunnel: TunnelSeen;
};

/**
 * `told`: whether the side's last order said that its far end is there. A leg is null until its host read it back joined.
 * `undone`: the side whose tunnel was ordered away, for the other one cannot be made.
 */
export type Crossing = {
  readonly legs: Readonly<Record<Side, LegSeen | null>>;
  readonly told: Readonly<Record<Side, boolean>>;
  readonly undone?: Side;
};

export type Lost = Readonly<Record<HostId, string>>;
type Crossed = { readonly plan: LinkPlan; readonly crossing?: Crossing | undefined };

export const NOT_CROSSED: Crossing = { legs: { a: null, b: null }, told: { a: false, b: false } };
export const SIDES = ['a', 'b'] as const;
export const otherSide = (side: Side): Side => (side === 'a' ? 'b' : 'a');

export const hostOfSide = (plan: LinkPlan, side: Side): HostId => (side === 'a' ? plan.host : (plan.far?.host ?? plan.host));

/** The end that a host of the link holds. */
export const sideOfHost = (plan: LinkPlan, host: HostId): Side => (plan.host === host ? 'a' : 'b');

/** Hosts that have a part of the link: one, or the two of its legs. */
export const linkHosts = (plan: LinkPlan): readonly HostId[] => (plan.far ? [plan.host, plan.far.host] : [plan.host]);

/** Why the legs do not carry frames to each other, in words; empty = they do (both read back, in agreement, both echoes back). */
export function crossingFault({ plan, crossing = NOT_CROSSED }: Crossed, lost: Lost): string {
  if (!plan.far) return '';
  for (const side of SIDES) {
    const why = lost[hostOfSide(plan, side)];
    if (why !== undefined) return `host ${hostOfSide(plan, side)} is lost: ${why}`;
  }
  if (vanishes(plan)) return misfit(plan);
  for (const side of SIDES) if (!crossing.legs[side]) return `host ${hostOfSide(plan, side)} has not made its end yet`;
  return SIDES.map((side) => legFault(plan, side, crossing.legs[side])).find((fault) => fault !== '') ?? '';
}

/** Over an underlay that does not fragment. A deploy fits what the file leaves open. */
export const misfit = ({ mtu, far }: LinkPlan): string =>
  `packets of its MTU, ${mtu}, do not arrive over the IPv6 underlay between its hosts any more, ${far?.tunnel.whole ?? 0} is the most: set its mtu to that or less, or leave it out, and deploy again`;

function legFault(plan: LinkPlan, side: Side, leg: LegSeen | null): string {
  const tunnel = plan.far?.tunnel;
  if (!leg || !tunnel) return '';
  const [host, far] = [hostOfSide(plan, side), otherSide(side)];
  const seen = leg.tunnel;
  if (seen.vni !== tunnel.vni) return `host ${host} read back VNI ${seen.vni}, wanted ${tunnel.vni}`;
  if (seen.remote !== tunnel[far].vtep) return `the tunnel of host ${host} leads to ${seen.remote}, wanted ${tunnel[far].vtep}`;
  if (leg.mtu !== undefined && leg.mtu !== plan.mtu) return `host ${host} read back an MTU of ${leg.mtu}, wanted ${plan.mtu}`;
  if (seen.echo === 'ok') return '';
  const from = `host ${hostOfSide(plan, far)} (${seen.remote}, VNI ${seen.vni}) to host ${host}`;
  return seen.echo === 'lost' ? `no echo comes back from ${from}${narrowWay(plan, seen)}` : `the echo from ${from} is awaited`;
}

/** The way to one far end may be another one than that to the control plane, by which the link was fitted. */
function narrowWay({ mtu }: LinkPlan, { remote, underlayMtu }: TunnelSeen): string {
  const isNarrow = underlayMtu > 0 && tunnelMtu({ address: remote, mtu: underlayMtu }) < mtu;
  return isNarrow ? `; packets of ${mtu} bytes do not fit whole into the way there, whose MTU is ${underlayMtu}` : '';
}

/** Why the side's far end is not there for it, so that its node shall see no carrier; empty = it is there. */
export function farAway(link: Crossed, side: Side, lost: Lost): string {
  const fault = crossingFault(link, lost);
  if (fault !== '') return fault;
  const held = link.crossing?.legs[otherSide(side)]?.held ?? [];
  return held.length === 0 ? '' : `node ${held.join(' and ')} does not run`;
}
