// What a host says of a link, or of its end of one -> what it means to the link's machine.
import { crossingFault, farAway, linkHosts, NOT_CROSSED, sideOfHost, SIDES } from '../link/crossing.ts';
import type { LegSeen, Side } from '../link/crossing.ts';
import type { HostId, LinkId } from '../vocabulary/ids.ts';
import type { Failure } from '../vocabulary/lab-view.ts';
import type { Observation } from '../vocabulary/observation.ts';
import { deepEqual } from '../plan/deep-equal.ts';
import { sendLink } from './draft.ts';
import type { Draft } from './draft.ts';
import { noteRemoved } from './lab-parts.ts';
import type { LinkRecord } from './lab-state.ts';

export type LinkSeen = Extract<Observation, { link: LinkId }>;

/** What a host says of a link that it has no part of any more, or of how the link was before its plan was made anew. A removal is an answer, and counts. */
export function isOfAnotherPlan(record: LinkRecord | undefined, host: HostId, seen: LinkSeen): boolean {
  if (!record || seen.type === 'link.removed') return false;
  const { generation } = record.plan;
  const isOlder = generation !== undefined && seen.generation !== undefined && seen.generation !== generation;
  return isOlder || !linkHosts(record.plan).includes(host);
}

/** Returns whether it was news. */
export function applyLinkReport(draft: Draft, host: HostId, seen: LinkSeen): boolean {
  const id = seen.link;
  if (draft.state.links[id]?.plan.far && seen.type !== 'link.removed') return applyLeg(draft, host, seen);
  const failure = (code: string, message: string): Failure => ({ code, message, log: [] });
  switch (seen.type) {
    case 'link.joined':
      return sendLink(draft, id, { type: 'joined', carrierA: seen.carrier.a, carrierB: seen.carrier.b, adminUp: seen.adminUp, held: seen.held });
    case 'link.repaired':
      draft.news.push(`link ${id} repaired: ${seen.what}`);
      return sendLink(draft, id, { type: 'repaired', carrierA: seen.carrier.a, carrierB: seen.carrier.b, adminUp: seen.adminUp, held: seen.held });
    case 'link.carrier': {
      const context = draft.state.links[id]?.machine.context;
      if (!context || (context.carrierA === seen.carrier.a && context.carrierB === seen.carrier.b)) return false;
      return sendLink(draft, id, { type: 'carrier', carrierA: seen.carrier.a, carrierB: seen.carrier.b });
    }
    case 'link.lost':
      draft.news.push(`link ${id} lost: ${seen.what}`);
      return sendLink(draft, id, { type: 'lost', failure: failure('drifted', seen.what) });
    case 'link.gave-up':
      draft.news.push(`link ${id}: the host gave up repairing: ${seen.message}`);
      return sendLink(draft, id, { type: 'gave-up', failure: failure(seen.code, seen.message) });
    case 'link.removed':
      return noteRemoved(draft, id);
  }
}

type LegNews = Exclude<LinkSeen, { type: 'link.removed' }>;

/** One end of a link across hosts: remembered, and told to the link's machine once both ends say the same. */
function applyLeg(draft: Draft, host: HostId, seen: LegNews): boolean {
  const record = draft.state.links[seen.link];
  if (!record) return false;
  const side = sideOfHost(record.plan, host);
  const before = (record.crossing ?? NOT_CROSSED).legs[side];
  const leg = legOf(before, side, seen);
  if (deepEqual(leg, before)) return seen.type === 'link.joined' || seen.type === 'link.repaired' ? tellCrossing(draft, seen) : false;
  const crossing = record.crossing ?? NOT_CROSSED;
  draft.state.links[seen.link] = { ...record, crossing: { ...crossing, legs: { ...crossing.legs, [side]: leg } } };
  draft.touchedLinks.add(seen.link);
  if (seen.type === 'link.lost') draft.news.push(`link ${seen.link}: host ${host} lost its end: ${seen.what}`);
  if (seen.type === 'link.repaired') draft.news.push(`link ${seen.link}: host ${host} repaired its end: ${seen.what}`);
  // The end that could not be made is there after all: the other one is wanted again.
  if (leg !== null && crossing.undone !== undefined && crossing.undone !== side) sendLink(draft, seen.link, { type: 'retry' });
  if (seen.type === 'link.gave-up') sendLink(draft, seen.link, { type: 'gave-up', failure: { code: seen.code, message: seen.message, log: [] } });
  tellCrossing(draft, seen);
  return true;
}

function legOf(before: LegSeen | null, side: Side, seen: LegNews): LegSeen | null {
  if (seen.type === 'link.lost' || seen.type === 'link.gave-up') return null;
  if (seen.type === 'link.carrier') return before && { ...before, carrier: seen.carrier[side] };
  // Without a tunnel it is a port that waits in the dark, and no leg.
  return seen.tunnel ? { adminUp: seen.adminUp, carrier: seen.carrier[side], ...(seen.mtu === undefined ? {} : { mtu: seen.mtu }), held: seen.held, tunnel: seen.tunnel } : null;
}

/** Whether the link's machine made anything of what both ends say now. */
function tellCrossing(draft: Draft, seen: LegNews): boolean {
  const record = draft.state.links[seen.link];
  if (!record) return false;
  const fault = crossingFault(record, draft.state.lost);
  const { value } = record.machine;
  if (fault !== '') return (value === 'up' || value === 'down') && sendLink(draft, seen.link, { type: 'lost', failure: { code: 'not-crossing', message: fault, log: [] } });
  const [a, b] = [record.crossing?.legs.a, record.crossing?.legs.b];
  if (!a || !b || !isSettled(draft, seen.link)) return false;
  const held = [...new Set([...a.held, ...b.held])].toSorted();
  return sendLink(draft, seen.link, { type: seen.type === 'link.repaired' ? 'repaired' : 'joined', adminUp: a.adminUp && b.adminUp, carrierA: a.carrier, carrierB: b.carrier, held });
}

/** Both ends have answered the last order, and it told them truly of each other. */
function isSettled(draft: Draft, id: LinkId): boolean {
  const record = draft.state.links[id];
  if (!record) return false;
  const hosts = linkHosts(record.plan);
  const pending = Object.values(draft.state.pending).some((effect) => effect.type === 'link.ensure' && effect.target === id && hosts.includes(effect.host));
  return !pending && SIDES.every((side) => record.crossing?.told[side] === (farAway(record, side, draft.state.lost) === ''));
}
