// What on the hosts bears our mark and is nobody's: asked of each host, compared with the labs of the log, removed on request.
import type { NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
import { concerns } from '../machines/evolve/lab-parts.ts';
import type { LabState } from '../machines/evolve/lab-state.ts';
import type { HostId } from '../machines/vocabulary/ids.ts';
import { Orphan, OrphanOutcome } from '../machines/vocabulary/orphan.ts';
import type { HostOrphans, RemovedOrphans } from '../machines/vocabulary/orphan.ts';
import { rpcSubject } from '../nats/subjects.ts';
import type { KnownHost } from './host-registry.ts';
import { OpsError } from './ops-error.ts';
import type { Supervisor } from './supervisor.ts';

export type OrphanParts = { readonly supervisor: Pick<Supervisor, 'hosts' | 'labs' | 'log'>; readonly nc: NatsConnection };

const failure = z.object({ error: z.object({ message: z.string() }) });
const Listed = z.union([z.object({ orphans: z.array(Orphan) }), failure]);
const Removed = z.union([z.object({ outcomes: z.array(OrphanOutcome) }), failure]);
const LIST_TIMEOUT_MS = 10_000;
const REMOVE_TIMEOUT_MS = 60_000;

/** What each host, or the one named, has without an owner; hosts that are not there are named as not asked. @throws {OpsError} `host-not-found`. */
export async function readOrphans(parts: OrphanParts, request: { host?: HostId | undefined }): Promise<{ hosts: HostOrphans[] }> {
  return { hosts: await Promise.all(hostsToAsk(parts, request.host).map(async (host) => await askHost(parts, host))) };
}

/** Removes what `readOrphans` would tell and what is older than the grace, host by host; a dry run removes nothing. @throws {OpsError} `host-not-found`. */
export async function removeOrphans(parts: OrphanParts, request: { host?: HostId | undefined; graceMs: number; dryRun: boolean }): Promise<{ hosts: RemovedOrphans[] }> {
  const { hosts } = await readOrphans(parts, request);
  return { hosts: await Promise.all(hosts.map(async (read) => await removeOn(parts, read, request))) };
}

function hostsToAsk({ supervisor }: OrphanParts, named: HostId | undefined): KnownHost[] {
  const known = supervisor.hosts.hosts();
  if (named === undefined) return known;
  const host = known.find((one) => one.id === named);
  if (!host) throw new OpsError('host-not-found', `no host ${named} ever joined`);
  return [host];
}

async function askHost(parts: OrphanParts, { id: host, state }: KnownHost): Promise<HostOrphans> {
  if (state === 'lost') return { host, asked: false, reason: 'it is lost', orphans: [] };
  try {
    const reply = await parts.nc.request(rpcSubject(host, 'orphans'), JSON.stringify({ op: 'list' }), { timeout: LIST_TIMEOUT_MS });
    const answer = Listed.parse(reply.json());
    if ('error' in answer) return { host, asked: false, reason: answer.error.message, orphans: [] };
    // The log is read after the host: a lab stands in it before its first object is made.
    return { host, asked: true, orphans: await withoutOwned(parts, host, answer.orphans) };
  } catch (error) {
    return { host, asked: false, reason: `it does not answer: ${error instanceof Error ? error.message : String(error)}`, orphans: [] };
  }
}

async function removeOn(parts: OrphanParts, read: HostOrphans, { graceMs, dryRun }: { graceMs: number; dryRun: boolean }): Promise<RemovedOrphans> {
  if (!read.asked || read.orphans.length === 0) return { ...read, outcomes: [] };
  const kept = (reason: string): OrphanOutcome[] => read.orphans.map(({ id }) => ({ id, outcome: 'kept', reason }));
  try {
    const question = { op: 'remove', ids: read.orphans.map(({ id }) => id), graceMs, dryRun };
    const reply = await parts.nc.request(rpcSubject(read.host, 'orphans'), JSON.stringify(question), { timeout: REMOVE_TIMEOUT_MS });
    const answer = Removed.parse(reply.json());
    return { ...read, outcomes: 'error' in answer ? kept(answer.error.message) : answer.outcomes };
  } catch (error) {
    return { ...read, outcomes: kept(`the host does not answer: ${error instanceof Error ? error.message : String(error)}`) };
  }
}

/** Without what a lab of the log may still speak for: it has a part on the host. What its host itself says that the lab lost stays in the list. */
async function withoutOwned(parts: OrphanParts, host: HostId, orphans: readonly Orphan[]): Promise<Orphan[]> {
  if (orphans.length === 0) return [];
  const live = (await allLabs(parts)).filter(speaks);
  const [labs, networks] = [new Set(live.filter((state) => concerns(state, host)).map(({ id }) => id)), new Set(live.flatMap(({ spec, plan }) => [spec?.mgmt.network, plan?.mgmt.network]))];
  return orphans.filter(({ lab, network, ofLiveLab }) => ofLiveLab === true || (lab === undefined || !labs.has(lab)) && (network === undefined || !networks.has(network)));
}

/** All labs of the log, those of other supervisors too. */
async function allLabs({ supervisor }: OrphanParts): Promise<LabState[]> {
  return (await supervisor.labs()).map((actor) => actor.latest);
}

/** A destroyed lab speaks only for what it still owes. */
function speaks(state: LabState): boolean {
  return Object.keys(state.owed).length > 0 || (state.lab.value !== 'absent' && state.lab.value !== 'destroyed');
}
