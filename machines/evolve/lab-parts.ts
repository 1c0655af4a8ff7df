// How the parts of a lab hang together while an entry is folded: its hosts, a node's links, an object's orders.
import { linkHosts } from '../link/crossing.ts';
import type { HostId, LinkId, NodeId } from '../vocabulary/ids.ts';
import type { LabPlan, MgmtPlan } from '../vocabulary/lab-plan.ts';
import { dropEffect, sendLink } from './draft.ts';
import type { Draft } from './draft.ts';
import type { LabState } from './lab-state.ts';
import { isAtNode } from './waits.ts';

/** Hosts that the plan puts nodes on, each of which has a part of the management network. */
export function plannedHosts(plan: LabPlan): HostId[] {
  return [...new Set(Object.values(plan.nodes).map(({ host }) => host))].toSorted();
}

/** The management network as one host sees it: its own gateway where the network spans hosts. */
export function mgmtOn(plan: LabPlan, host: HostId): MgmtPlan {
  const { ipv4Gateway, ipv6Gateway } = plan.span?.hosts[host] ?? {};
  return { ...plan.mgmt, ...(ipv4Gateway === undefined ? {} : { ipv4Gateway }), ...(ipv6Gateway === undefined ? {} : { ipv6Gateway }) };
}

/** Whether the lab wants nodes on the host. */
export function isPlannedOn(state: LabState, host: HostId): boolean {
  return state.lab.value !== 'destroying' && state.lab.value !== 'destroyed' && state.plan !== null && plannedHosts(state.plan).includes(host);
}

/** Whether a host still has, or is about to have, anything of the lab that stands on its management network. */
export function needsNetwork(state: LabState, host: HostId): boolean {
  if (isPlannedOn(state, host)) return true;
  if (Object.values(state.nodes).some((node) => node.plan.host === host || node.next?.plan.host === host)) return true;
  if (Object.values(state.owed).some((owed) => owed.host === host)) return true;
  // A link on its way out is gone from the hosts that have answered, also while another one is lost.
  const leaving = new Set(Object.values(state.pending).flatMap((effect) => (effect.type === 'link.remove' && effect.host === host ? [effect.target] : [])));
  return Object.values(state.links).some((link) => linkHosts(link.plan).includes(host) && (link.machine.value !== 'removing' || leaving.has(link.spec.id)));
}

/** Whether the lab has, or owes the removal of, anything on the host. */
export function concerns(state: LabState, host: HostId): boolean {
  return Object.values(state.nodes).some((node) => node.plan.host === host || node.next?.plan.host === host)
    || Object.values(state.links).some((link) => linkHosts(link.plan).includes(host))
    || Object.values(state.owed).some((owed) => owed.host === host)
    || (state.networks[host]?.state ?? 'absent') !== 'absent';
}

/** Links of a node whose namespace goes: they wait until it is back, then are joined again. */
export function rejoinLinksOf(draft: Draft, node: NodeId): void {
  for (const link of Object.values(draft.state.links)) {
    if (link.machine.context.desired === 'present' && isAtNode(link, node)) sendLink(draft, link.spec.id, { type: 'want.rejoin' });
  }
}

/** A link on its way out is gone when the last of its hosts has said so; returns whether it is now. */
export function noteRemoved(draft: Draft, id: LinkId): boolean {
  const isAsked = Object.values(draft.state.pending).some((effect) => effect.type === 'link.remove' && effect.target === id && !effect.owed);
  return !isAsked && sendLink(draft, id, { type: 'removed' });
}

/** Forgets orders of an object to one host: it does not live there any more. */
export function dropEffectsOn(draft: Draft, target: string, host: HostId): void {
  for (const effect of Object.values(draft.state.pending)) if (effect.target === target && effect.host === host) dropEffect(draft, effect.id);
}

/** Forgets orders of an object that is no more. */
export function dropEffectsOf(draft: Draft, target: string): void {
  for (const effect of Object.values(draft.state.pending)) if (effect.target === target && !effect.owed) dropEffect(draft, effect.id);
}
