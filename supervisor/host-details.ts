// Hosts as people see them, with what labs have on them; wishing for one, and forgetting one.
import { concerns } from '../machines/evolve/lab-parts.ts';
import { stuckOn } from '../machines/evolve/stuck-nodes.ts';
import { addCeilings, allocatedBy, NOTHING } from '../machines/plan/choose-places.ts';
import { HostFacts } from '../machines/vocabulary/host-facts.ts';
import type { HostDetail, HostNode, HostSummary, HostWish, UnsavedNode } from '../machines/vocabulary/host-view.ts';
import type { HostId, LabId } from '../machines/vocabulary/ids.ts';
import type { Ceilings } from '../machines/vocabulary/placement.ts';
import type { OpsRequest, OpsResponse } from '../nats/ops-contract.ts';
import type { KnownHost } from './host-registry.ts';
import type { LabActor } from './lab-actor.ts';
import { OpsError } from './ops-error.ts';
import type { Supervisor } from './supervisor.ts';

type Holding = { readonly labs: LabId[]; nodes: number; allocated: Ceilings };

export function hostSummary({ id, state, firstSeenAt, lastSeenAt, beat, problem }: KnownHost): HostSummary {
  const { version, protocol } = beat;
  return {
    host: id, state, firstSeenAt, lastSeenAt,
    ...(problem === undefined ? {} : { problem }), ...(version === undefined ? {} : { version }), ...(protocol === undefined ? {} : { protocol }), ...HostFacts.parse(beat),
  };
}

/** All hosts; the labs are walked once for all of them. */
export async function hostDetails(supervisor: Supervisor): Promise<HostDetail[]> {
  const known = supervisor.hosts.hosts();
  const held = new Map(known.map(({ id }) => [id, { labs: [], nodes: 0, allocated: NOTHING } as Holding]));
  for (const actor of await liveLabs(supervisor)) addLab(held, actor);
  return known.map((host) => {
    const { labs, nodes, allocated } = held.get(host.id) ?? { labs: [], nodes: 0, allocated: NOTHING };
    return { ...hostSummary(host), wish: host.wish, labs, nodes, allocated, ...(host.conflict.length === 0 ? {} : { conflict: [...host.conflict] }) };
  });
}

function addLab(held: ReadonlyMap<HostId, Holding>, actor: LabActor): void {
  const ceilings = allocatedBy(actor.state);
  for (const [host, holding] of held) {
    if (!concerns(actor.state, host)) continue;
    holding.labs.push(actor.id);
    holding.nodes += nodesOf(actor, host).length;
    holding.allocated = addCeilings(holding.allocated, ceilings.get(host) ?? NOTHING);
  }
}

const liveLabs = async (supervisor: Supervisor): Promise<LabActor[]> => (await supervisor.labs()).filter((actor) => actor.state.n > 0 && actor.state.lab.value !== 'absent');

function nodesOf({ id, state }: LabActor, host: HostId): HostNode[] {
  return Object.values(state.nodes).filter((node) => node.plan.host === host)
    .map(({ spec, machine }) => ({ lab: id, node: spec.id, state: machine.value, pinned: spec.host === host })).toSorted((a, b) => (a.node < b.node ? -1 : 1));
}

/** @throws {OpsError} `host-not-found`. */
export async function hostWithNodes(supervisor: Supervisor, id: HostId): Promise<OpsResponse<'host'>> {
  const host = await detailOf(supervisor, id);
  const labs = await liveLabs(supervisor);
  const fingerprint = supervisor.hosts.fingerprint(id);
  return { host, nodes: labs.flatMap((actor) => nodesOf(actor, id)), stuck: labs.flatMap(({ id: lab, state }) => stuckOn(state, id).map((stuck) => ({ lab, ...stuck }))), unsaved: labs.flatMap((actor) => unsavedFrom(actor, id)), ...(fingerprint === undefined ? {} : { fingerprint }) };
}

function unsavedFrom({ id, state }: LabActor, host: HostId): UnsavedNode[] {
  return Object.values(state.nodes).flatMap(({ spec, save }) => (save?.host === host && save.problem !== undefined ? [{ lab: id, node: spec.id, reason: save.problem }] : []));
}

export async function wishForHost(supervisor: Supervisor, id: HostId, wish: HostWish): Promise<OpsResponse<'host-wish'>> {
  knownHost(supervisor, id);
  await supervisor.hosts.wish(id, wish);
  return { host: await detailOf(supervisor, id) };
}

/** @throws {OpsError} `host-not-found`; `host-in-use` with the nodes there, unless it is forced. */
export async function removeHost(supervisor: Supervisor, { host: id, force }: OpsRequest<'host-rm'>): Promise<OpsResponse<'host-rm'>> {
  const host = knownHost(supervisor, id);
  const { nodes } = await hostWithNodes(supervisor, id);
  const { labs } = await detailOf(supervisor, id);
  if (labs.length > 0 && !force) {
    const remedy = `its nodes move if the lab says so, else the next deploy makes them elsewhere; ${host.state === 'lost' ? 'what runs there is not removed' : 'what runs there goes on without supervision'}`;
    throw new OpsError('host-in-use', `host ${id} carries ${nodes.length} node${nodes.length === 1 ? '' : 's'} of ${labs.join(', ')}: move them away first (labwright host drain ${id}), or destroy these labs. With --force it is forgotten all the same: ${remedy}`, { labs, nodes });
  }
  // Labs learn of it from their owners: what only had to be removed there is given up.
  await supervisor.hosts.forget(id);
  return { labs, nodes };
}

function knownHost(supervisor: Supervisor, id: HostId): KnownHost {
  const found = supervisor.hosts.hosts().find((host) => host.id === id);
  if (!found) throw new OpsError('host-not-found', `there is no host ${id}: see \`labwright host ls\``);
  return found;
}

async function detailOf(supervisor: Supervisor, id: HostId): Promise<HostDetail> {
  const found = (await hostDetails(supervisor)).find((one) => one.host === id);
  if (!found) throw new OpsError('host-not-found', `there is no host ${id}: see \`labwright host ls\``);
  return found;
}
