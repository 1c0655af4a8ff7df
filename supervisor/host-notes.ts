// Tells each lab what became of its hosts: level, not edge, so that a supervisor that takes over says the same.
import type { Logger } from 'pino';
import { moveName } from '../machines/evolve/apply-host.ts';
import { isSaving } from '../machines/evolve/apply-save.ts';
import { knowsUnderlay } from '../machines/evolve/apply-underlay.ts';
import { concerns } from '../machines/evolve/lab-parts.ts';
import { leaversOf, stuckOn } from '../machines/evolve/stuck-nodes.ts';
import type { LabState } from '../machines/evolve/lab-state.ts';
import { linkHosts } from '../machines/link/crossing.ts';
import type { LabEvent } from '../machines/vocabulary/event.ts';
import { CommandId } from '../machines/vocabulary/ids.ts';
import type { HostId } from '../machines/vocabulary/ids.ts';
import type { LabSpec } from '../machines/vocabulary/lab-spec.ts';
import type { LoopHealth } from '../nats/loop-health.ts';
import type { HostRegistry, KnownHost } from './host-registry.ts';
import type { LabActor } from './lab-actor.ts';
import { randomUUID } from 'node:crypto';

const EVERY_MS = 500;
/** Labs that learn of their hosts no sooner than this learn too late; all of them write their logs in one round. */
const LOOK_WITHIN_MS = 15_000;
/** A lab of which no node could go elsewhere is asked again after so long. */
const LEAVE_AGAIN_MS = 10_000;

export type HostNotes = { stop(): void };

/** What the lab has yet to learn of a host; null = nothing. */
export function newsFor(state: LabState, host: KnownHost, now: number): LabEvent | null {
  const lost = state.lost[host.id] !== undefined || state.givenUp[host.id] !== undefined;
  if (host.state === 'lost') return lost || !concerns(state, host.id) ? null : { type: 'HostLost', host: host.id, reason: host.problem ?? `silent for ${Math.round((now - host.lastSeenAt) / 1000)} s` };
  if (lost) return host.state === 'suspect' || host.state === 'incompatible' ? null : { type: 'HostReturned', host: host.id };
  const { underlay } = host.beat;
  return underlay === undefined || knowsUnderlay(state, host.id, underlay) ? null : { type: 'VtepChanged', host: host.id, vtep: underlay.address, mtu: underlay.mtu };
}

type Left = Pick<KnownHost, 'id' | 'state'>;

/** Whether nodes of the lab are to leave the host. */
function isLeft(state: LabState, host: Left): boolean {
  if (leaversOf(state, host.id).length === 0) return false;
  if (state.lost[host.id] === undefined) return host.state === 'draining';
  return typeof state.spec?.placement?.onLostHost === 'object' && state.deadlines[moveName(host.id)] === undefined;
}

/** Whether they are to go now. From a host that is there one after another: the next one goes when the lab is as wanted again. */
export const isToLeave = (state: LabState, host: Left): boolean => isLeft(state, host) && (state.lost[host.id] !== undefined || (state.lab.value !== 'deploying' && !isSaving(state)));

/** Looks at all labs of this supervisor and all hosts, again and again, until stopped. */
export function noteHosts(parts: { hosts: HostRegistry; learn: (spec: LabSpec) => Promise<void>; labs: () => LabActor[]; now: () => number; logger: Logger; loops: Pick<LoopHealth, 'expect'> }): HostNotes {
  const { hosts, learn, labs, now, logger } = parts;
  const heldUpAt = new Map<string, number>();
  let busy = false;

  const tell = async (actor: LabActor, host: Left, news: LabEvent | null): Promise<void> => {
    if (news) await actor.record(news);
    if (!isLeft(actor.state, host) && stuckOn(actor.state, host.id).length > 0) await actor.record({ type: 'LeaveHeldUp', host: host.id, stuck: [] });
    const key = `${actor.id}\t${host.id}`;
    if (!isToLeave(actor.state, host) || now() - (heldUpAt.get(key) ?? 0) < LEAVE_AGAIN_MS) return;
    if (await leave(actor, host.id)) heldUpAt.delete(key);
    else heldUpAt.set(key, now());
  };
  /** Whether a node is on its way. */
  const leave = async (actor: LabActor, host: HostId): Promise<boolean> => {
    if (actor.state.spec) await learn(actor.state.spec);
    const before = leaversOf(actor.state, host);
    const outcome = await actor.command({ type: 'lab.leave', host }, CommandId.parse(`leave-${randomUUID()}`));
    const stuck = stuckOn(actor.state, host);
    if (outcome.kind === 'accepted' && stuck.length > 0) logger.warn({ labId: actor.id, hostId: host, stuck }, 'nodes cannot leave the host');
    return outcome.kind === 'saving' || leaversOf(actor.state, host).length < before.length;
  };
  /** Whether every lab could be told. */
  const tellAll = async (host: Left, newsOf: (state: LabState) => LabEvent | null): Promise<boolean> => {
    const told = await Promise.allSettled(labs().filter((actor) => actor.state.n > 0).map(async (actor) => await tell(actor, host, newsOf(actor.state))));
    for (const one of told) if (one.status === 'rejected') logger.warn({ err: one.reason as unknown, hostId: host.id }, 'a lab could not be told about a host, it is told again');
    return told.every((one) => one.status === 'fulfilled');
  };
  const look = async (): Promise<void> => {
    for (const host of hosts.hosts()) {
      const told = await tellAll(host, (state) => newsFor(state, host, now()));
      if (host.state === 'returned' && told) hosts.compared(host.id);
    }
    for (const id of hosts.forgotten()) await tellAll({ id, state: 'lost' }, (state) => (state.forgotten[id] || !concerns(state, id) ? null : { type: 'HostForgotten', host: id }));
  };
  const rounds = parts.loops.expect('host notes', LOOK_WITHIN_MS);
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    void rounds.run(look).then(() => {
      busy = false;
    });
  }, EVERY_MS);
  return { stop: () => clearInterval(timer) };
}

/** Hosts of a lab, by its plan. */
export const hostsOfLab = (state: LabState): HostId[] =>
  [...new Set([...Object.values(state.plan?.nodes ?? {}).map((plan) => plan.host), ...Object.values(state.links).flatMap((link) => linkHosts(link.plan)), ...Object.values(state.owed).map((owed) => owed.host)])];
