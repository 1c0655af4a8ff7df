// A host's underlay is another one now: tunnels are led to its address, and what they can carry follows from its MTU, in place.
import { hostOfSide, linkHosts, sideOfHost, SIDES } from '../link/crossing.ts';
import { fitMgmtMtu, fitMtu, mgmtTooLarge, vanishes } from '../plan/plan-tunnels.ts';
import type { LabEvent } from '../vocabulary/event.ts';
import type { HostUnderlay } from '../vocabulary/host-facts.ts';
import type { HostId, LinkId } from '../vocabulary/ids.ts';
import type { LabPlan, LinkPlan, MgmtSpan } from '../vocabulary/lab-plan.ts';
import type { LabSpec } from '../vocabulary/lab-spec.ts';
import { ensureNetwork } from './apply-deploy.ts';
import { sendLink } from './draft.ts';
import type { Draft } from './draft.ts';
import type { LabState } from './lab-state.ts';
import { concerns, isPlannedOn, plannedHosts } from './lab-parts.ts';
import { markUntold } from './untold.ts';

type Changed = Extract<LabEvent, { type: 'VtepChanged' }>;

/** Whether the lab counts with the MTU of the host's underlay, and all tunnels to it lead to its address; so of a host that the lab has nothing on. */
export function knowsUnderlay(state: LabState, host: HostId, { address, mtu }: Pick<HostUnderlay, 'address' | 'mtu'>): boolean {
  const span = state.plan?.span?.hosts[host];
  if (!span) return true;
  const links = Object.values(state.links).flatMap(({ plan }) => (plan.far && linkHosts(plan).includes(host) ? [plan.far.tunnel[sideOfHost(plan, host)].vtep] : []));
  return (span.mtu === mtu && [span.vtep, ...links].every((known) => known === address)) || !concerns(state, host);
}

export function applyUnderlay(draft: Draft, { host, vtep, mtu }: Changed): boolean {
  const { state } = draft;
  const { plan: before, spec } = state;
  const known = before?.span?.hosts[host];
  if (!before?.span || !known) return false;
  const span = { ...before.span, hosts: { ...before.span.hosts, [host]: { ...known, vtep, ...(mtu === undefined ? {} : { mtu }) } } };
  const linkPlans = Object.entries(state.links).map(([id, link]): [LinkId, LinkPlan] => [id as LinkId, fitted(withVtep(link.plan, host, vtep), span)]);
  const links = Object.fromEntries(Object.entries(before.links).map(([id, link]) => [id, fitted(withVtep(link, host, vtep), span)]));
  const mgmt = { ...before.mgmt, mtu: mgmtFit(spec, { ...before, span })?.mtu ?? before.mgmt.mtu };
  state.plan = { ...before, mgmt, links, span };
  orderNetworks(draft, { before, after: state.plan }, { host, vtep, mtu });
  for (const [id, plan] of linkPlans) changeLink(draft, id, { plan, isOrdered: mtu === undefined && linkHosts(plan).includes(host) });
  if (known.vtep !== vtep || mtu === undefined) draft.news.push(`host ${host} has the underlay address ${vtep} now`);
  if (mtu !== undefined && known.mtu !== undefined && known.mtu !== mtu) draft.news.push(`host ${host} has an underlay MTU of ${mtu} now (was ${known.mtu})`);
  return true;
}

/** Why packets of the management network's MTU do not pass between the lab's hosts; empty = they do, or it is not known. */
export function mgmtMisfit({ spec, plan, lab }: Pick<LabState, 'spec' | 'plan' | 'lab'>): string {
  const fit = plan && lab.value !== 'destroying' ? mgmtFit(spec, plan) : undefined;
  return plan && fit && fit.mtu > fit.largest ? mgmtTooLarge({ mtu: fit.mtu, largest: fit.largest, hosts: plannedHosts(plan) }) : '';
}

/** Undefined where the underlay of a host that the lab is on is not known, as in plans of older supervisors. */
function mgmtFit(spec: LabSpec | null, plan: LabPlan): ReturnType<typeof fitMgmtMtu> | undefined {
  const hosts = plannedHosts(plan);
  const underlays = hosts.flatMap((host) => underlayOf(plan.span, host) ?? []);
  return spec && hosts.length > 1 && underlays.length === hosts.length ? fitMgmtMtu(spec.mgmt.mtu, underlays) : undefined;
}

function underlayOf(span: MgmtSpan | undefined, host: HostId): Pick<HostUnderlay, 'address' | 'mtu'> | undefined {
  const { vtep, mtu } = span?.hosts[host] ?? {};
  return vtep === undefined || mtu === undefined ? undefined : { address: vtep, mtu };
}

/** What nodes see of the link stays: its MTU is the one that was planned. */
function fitted(plan: LinkPlan, span: MgmtSpan): LinkPlan {
  if (!plan.far) return plan;
  const [a, b] = SIDES.map((side) => underlayOf(span, hostOfSide(plan, side)));
  if (!a || !b) return plan;
  const { fragmented, whole } = fitMtu(plan.mtu, a, b);
  const { tunnel } = plan.far;
  if (tunnel.fragmented === fragmented && tunnel.whole === whole) return plan;
  return { ...plan, far: { ...plan.far, tunnel: { ...tunnel, fragmented, whole } } };
}

function withVtep(link: LinkPlan, host: HostId, vtep: string): LinkPlan {
  if (!link.far || !linkHosts(link).includes(host)) return link;
  const side = sideOfHost(link, host);
  const { tunnel } = link.far;
  if (tunnel[side].vtep === vtep) return link;
  return { ...link, far: { ...link.far, tunnel: { ...tunnel, [side]: { ...tunnel[side], vtep } } } };
}

/** Hosts and nodes are told of what has changed for them. */
function orderNetworks(draft: Draft, { before, after }: { before: LabPlan; after: LabPlan }, { host, vtep, mtu }: Omit<Changed, 'type'>): void {
  const isOther = before.span?.hosts[host]?.vtep !== vtep || before.mgmt.mtu !== after.mgmt.mtu;
  // An event of before hosts told their MTU ordered all networks, whatever it changed.
  if (mtu !== undefined && !(isOther && isPlannedOn(draft.state, host))) return;
  for (const one of plannedHosts(after)) ensureNetwork(draft, after, one);
  markUntold(draft, { spec: draft.state.spec, plan: before }, [{ object: 'mgmt', id: after.mgmt.network, action: 'update', reason: '' }]);
}

/** A link that only comes to travel in fragments, or whole, needs no order; events of before hosts told their MTU ordered all of the host's. */
function changeLink(draft: Draft, id: LinkId, { plan, isOrdered }: { plan: LinkPlan; isOrdered: boolean }): void {
  const record = draft.state.links[id];
  if (!record || (record.plan === plan && !(isOrdered && plan.far))) return;
  draft.state.links[id] = { ...record, plan };
  draft.touchedLinks.add(id);
  if (record.machine.context.desired === 'present' && (isOrdered || needsOrder(record.plan, plan))) sendLink(draft, id, { type: 'want.update' });
}

function needsOrder(before: LinkPlan, after: LinkPlan): boolean {
  const vteps = ({ far }: LinkPlan) => [far?.tunnel.a.vtep, far?.tunnel.b.vtep].join();
  return vteps(before) !== vteps(after) || (vanishes(before) && !vanishes(after));
}
