// Tells each lab what became of its hosts: level, not edge, so that a supervisor that takes over says the same.
import type { Logger } from 'pino';
import { hasVtep, moveName } from '../machines/evolve/apply-host.ts';
import { isSaving } from '../machines/evolve/apply-save.ts';
import { concerns } from '../machines/evolve/lab-parts.ts';
import type { LabState } from '../machines/evolve/lab-state.ts';
import { linkHosts } from '../machines/link/crossing.ts';
import type { LabEvent } from '../machines/vocabulary/event.ts';
import { CommandId } from '../machines/vocabulary/ids.ts';
import type { HostId } from '../machines/vocabulary/ids.ts';
import type { LabSpec } from '../machines/vocabulary/lab-spec.ts';
import type { HostRegistry, KnownHost } from './host-registry.ts';
import type { LabActor } from './lab-actor.ts';
import { randomUUID } from 'node:crypto';

const EVERY_MS = 500;
/** A lab whose nodes cannot go elsewhere is asked again after so long. */
const LEAVE_AGAIN_MS = 10_000;

export type HostNotes = { stop(): void };

/** What the lab has yet to learn of a host; null = nothing. */
export function newsFor(state: LabState, host: KnownHost, now: number): LabEvent | null {
  const lost = state.lost[host.id] !== undefined || state.givenUp[host.id] !== undefined;
  if (host.state === 'lost') return lost || !concerns(state, host.id) ? null : { type: 'HostLost', host: host.id, reason: host.problem ?? `silent for ${Math.round((now - host.lastSeenAt) / 1000)} s` };
  if (lost) return host.state === 'suspect' || host.state === 'incompatible' ? null : { type: 'HostReturned', host: host.id };
  const vtep = host.beat.underlay?.address;
  return vtep === undefined || hasVtep(state, host.id, vtep) ? null : { type: 'VtepChanged', host: host.id, vtep };
}

/** Whether the lab's nodes on the host are to go elsewhere now. */
export function isToLeave(state: LabState, host: Pick<KnownHost, 'id' | 'state'>): boolean {
  const stands = Object.values(state.nodes).some((node) => node.plan.host === host.id && node.next === null && node.spec.host !== host.id && node.machine.context.desired !== 'absent');
  if (!stands || state.lab.value === 'destroying') return false;
  // One after another: the next one goes when the lab is as wanted again.
  if (state.lost[host.id] === undefined) return host.state === 'draining' && state.lab.value !== 'deploying' && !isSaving(state);
  return typeof state.spec?.placement?.onLostHost === 'object' && state.deadlines[moveName(host.id)] === undefined;
}

/** Looks at all labs of this supervisor and all hosts, again and again, until stopped. */
export function noteHosts(parts: { hosts: HostRegistry; learn: (spec: LabSpec) => Promise<void>; labs: () => LabActor[]; now: () => number; logger: Logger }): HostNotes {
  const { hosts, learn, labs, now, logger } = parts;
  const refusedAt = new Map<string, number>();
  let busy = false;

  const tell = async (actor: LabActor, host: Pick<KnownHost, 'id' | 'state'>, news: LabEvent | null): Promise<void> => {
    if (news) await actor.record(news);
    const key = `${actor.id}\t${host.id}`;
    if (!isToLeave(actor.state, host) || now() - (refusedAt.get(key) ?? 0) < LEAVE_AGAIN_MS) return;
    if (await leave(actor, host.id)) refusedAt.delete(key);
    else refusedAt.set(key, now());
  };
  const leave = async (actor: LabActor, host: HostId): Promise<boolean> => {
    if (actor.state.spec) await learn(actor.state.spec);
    const outcome = await actor.command({ type: 'lab.leave', host }, CommandId.parse(`leave-${randomUUID()}`));
    if (outcome.kind === 'rejected') logger.warn({ labId: actor.id, hostId: host, reasons: outcome.rejections.map(({ message }) => message) }, 'nodes cannot leave the host');
    return outcome.kind === 'accepted' || outcome.kind === 'saving';
  };
  /** Whether every lab could be told. */
  const tellAll = async (host: Pick<KnownHost, 'id' | 'state'>, newsOf: (state: LabState) => LabEvent | null): Promise<boolean> => {
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
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    void look().finally(() => {
      busy = false;
    });
  }, EVERY_MS);
  return { stop: () => clearInterval(timer) };
}

/** Hosts of a lab, by its plan. */
export const hostsOfLab = (state: LabState): HostId[] =>
  [...new Set([...Object.values(state.plan?.nodes ?? {}).map((plan) => plan.host), ...Object.values(state.links).flatMap((link) => linkHosts(link.plan)), ...Object.values(state.owed).map((owed) => owed.host)])];
