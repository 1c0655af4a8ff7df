// What each verb of the ops API does: a command to a lab's actor, a look at folded states, or a question to a host.
import { setTimeout as delay } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
import { decide } from '../machines/decide/decide.ts';
import { isSaving } from '../machines/evolve/apply-save.ts';
import { evolve } from '../machines/evolve/evolve.ts';
import { labView, nodeView } from '../machines/evolve/lab-view.ts';
import { initialLab } from '../machines/evolve/lab-state.ts';
import type { LabState } from '../machines/evolve/lab-state.ts';
import type { Command, Rejection } from '../machines/vocabulary/command.ts';
import { ExecResult } from '../machines/vocabulary/observation.ts';
import type { CommandId, HostId, LabId, NodeId } from '../machines/vocabulary/ids.ts';
import type { Change } from '../machines/vocabulary/lab-plan.ts';
import type { LabSpec } from '../machines/vocabulary/lab-spec.ts';
import { serverFeatures } from '../nats/connect.ts';
import type { Accepted, HistoryEntry, LabSummary, NodeExecResult, OpsRequest, OpsResponse, OpsVerb } from '../nats/ops-contract.ts';
import type { Asker } from '../nats/roles.ts';
import { rpcSubject } from '../nats/subjects.ts';
import { hostDetails, hostSummary, hostWithNodes, removeHost, wishForHost } from './host-details.ts';
import type { KnownHost } from './host-registry.ts';
import type { LabActor } from './lab-actor.ts';
import type { LabFiles } from './lab-files.ts';
import type { LoopWatch } from './loop-watch.ts';
import { OpsError } from './ops-error.ts';
import { readOrphans, removeOrphans } from './orphans.ts';
import { entryWithoutEnv, secretsOf, withoutEnv, withoutSecrets } from './secrets.ts';
import type { Supervisor } from './supervisor.ts';

export type OpsHandlers = { readonly [V in OpsVerb]: (lab: LabId | undefined, request: OpsRequest<V>, asker: Asker) => Promise<OpsResponse<V>> };

export type OpsParts = {
  readonly supervisor: Supervisor;
  readonly nc: NatsConnection;
  readonly files: Pick<LabFiles, 'missing' | 'put'>;
  readonly version: string;
  /** What the NATS server in use keeps at a power loss, in words. */
  readonly durable: () => Promise<string>;
  readonly loop: Pick<LoopWatch, 'maxMs' | 'p99Ms'>;
  readonly now: () => number;
};

/** How long a first deploy waits for the host of a controller that is just starting. */
const HOST_WAIT_MS = 15_000;
/** How often it is looked whether the nodes that a deploy has made anew are saved. */
const SAVE_LOOK_MS = 50;
const FINGERPRINT_TIMEOUT_MS = 60_000;

/** The table of handlers; refusals and accidents are thrown as OpsError. */
export function opsHandlers(parts: OpsParts): OpsHandlers {
  const { supervisor } = parts;
  const order = async (lab: LabId | undefined, command: Command, id: CommandId) => await sendCommand(await supervisor.owned(named(lab)), command, id);
  return {
    deploy: async (lab, { commandId, ...deploy }) => {
      if (deploy.spec.id !== named(lab)) throw new OpsError('invalid-request', `the subject names lab ${lab}, the request lab ${deploy.spec.id}`);
      await supervisor.hosts.whenJoined(HOST_WAIT_MS);
      await supervisor.learn(deploy.spec);
      return await order(lab, { type: 'lab.deploy', ...deploy }, commandId);
    },
    destroy: async (lab, { commandId, ...destroy }) => await order(lab, { type: 'lab.destroy', ...destroy }, commandId),
    retry: async (lab, { commandId, nodes, links }) => await order(lab, { type: 'lab.retry', nodes, links }, commandId),
    'node-start': async (lab, { commandId, nodes }) => await order(lab, { type: 'node.start', nodes }, commandId),
    'node-stop': async (lab, { commandId, nodes }) => await order(lab, { type: 'node.stop', nodes }, commandId),
    'node-restart': async (lab, { commandId, nodes }) => await order(lab, { type: 'node.restart', nodes }, commandId),
    'node-exec': async (lab, request) => {
      // Whoever asked has asked another one since, or waits no more.
      if (supervisor.stoodStill()) throw new OpsError('stepped-down', 'this supervisor stood still: ask again', {}, { retryable: true });
      return { results: await execInNodes(parts, await existing(supervisor, lab), request) };
    },
    'link-set': async (lab, { commandId, ...set }) => await order(lab, { type: 'link.set', ...set }, commandId),
    'files-missing': async (_lab, { sha256 }) => ({ missing: await parts.files.missing(sha256) }),
    'files-put': async (_lab, { pieces }) => {
      await parts.files.put(pieces);
      return {};
    },
    prune: async (lab) => {
      await pruneLab(supervisor, named(lab));
      return {};
    },
    plan: async (lab, { spec, takeOver, reconfigure }, asker) => {
      const state = (await supervisor.lab(named(lab)))?.latest ?? initialLab(named(lab));
      await supervisor.hosts.whenJoined(HOST_WAIT_MS);
      await supervisor.learn(spec);
      const decision = decide({ type: 'lab.deploy', spec, takeOver, reconfigure }, state, supervisor.facts(named(lab)));
      if (decision.kind === 'rejected') throw refused(decision.rejections);
      const exists = state.lab.value !== 'absent' && state.lab.value !== 'destroyed';
      const changes = (decision.kind === 'nothing' ? [] : decision.changes).map((change) => withLimit(change, supervisor.hosts.hosts()));
      return { exists, changes: [...fitFor(asker, changes, state.spec)], ...(decision.placement ? { placement: decision.placement } : {}) };
    },
    inspect: async (lab, _request, asker) => {
      const { state } = await existing(supervisor, lab);
      return fitFor(asker, labView(state), state.spec);
    },
    spec: async (lab, _request, asker) => {
      const { spec } = (await existing(supervisor, lab)).state;
      if (!spec) throw new OpsError('lab-not-found', `lab ${lab} was never deployed`);
      return { spec: asker === 'operator' ? spec : withoutSecrets(withoutEnv(spec), secretsOf(spec)) };
    },
    node: async (lab, { node }, asker) => {
      const { state } = await existing(supervisor, lab);
      const view = nodeView(state, node);
      if (!view) throw new OpsError('node-not-found', `lab ${lab} has no node ${node}`);
      return fitFor(asker, view, state.spec);
    },
    history: async (lab, request, asker) => await readHistory(supervisor, named(lab), { ...request, asker }),
    list: async (_lab, { destroyed }) => ({ labs: (await supervisor.labs()).map(({ state }) => summary(state)).filter((one) => one.state !== 'absent' && (destroyed || one.state !== 'destroyed')) }),
    hosts: async () => ({ hosts: await hostDetails(supervisor) }),
    host: async (_lab, { host }) => await hostWithNodes(supervisor, host),
    'host-wish': async (_lab, { host, wish }) => await wishForHost(supervisor, host, wish),
    'host-rm': async (_lab, request) => await removeHost(supervisor, request),
    status: async () => ({
      version: parts.version, supervisor: supervisor.id, pid: process.pid, startedAt: supervisor.startedAt,
      nats: { version: serverFeatures(parts.nc).version, durable: await parts.durable() },
      supervisors: supervisor.members().map(({ id, startedAt, version, labs }) => ({ id, startedAt, version, labs })), gone: [...supervisor.gones()],
      hosts: supervisor.hosts.hosts().map(hostSummary), labs: (await supervisor.labs()).filter((actor) => !['absent', 'destroyed'].includes(actor.state.lab.value)).length,
      loopDelayMaxMs: parts.loop.maxMs(), loopDelayP99Ms: parts.loop.p99Ms(), loops: [...supervisor.loops()],
    }),
    fingerprint: async (_lab, { host }) => await askFingerprint(parts, host),
    orphans: async (_lab, request) => await readOrphans(parts, request),
    'orphans-remove': async (_lab, request) => await removeOrphans(parts, request),
  };
}

function named(lab: LabId | undefined): LabId {
  if (lab === undefined) throw new OpsError('invalid-request', 'the subject of this request must name a lab');
  return lab;
}

async function existing(supervisor: Supervisor, lab: LabId | undefined): Promise<LabActor> {
  const actor = await supervisor.lab(named(lab));
  if (!actor || actor.state.n === 0) throw new OpsError('lab-not-found', `lab ${lab} does not exist: see \`labwright ls\``);
  return actor;
}

const refused = (rejections: readonly Rejection[]): OpsError => {
  const [first] = rejections;
  return new OpsError(first?.code ?? 'refused', rejections.map((rejection) => rejection.message).join('\n'), { rejections });
};

async function sendCommand(actor: LabActor, command: Command, commandId: CommandId): Promise<Accepted> {
  const outcome = await actor.command(command, commandId);
  switch (outcome.kind) {
    case 'rejected':
      throw refused(outcome.rejections);
    case 'saving':
      while (isSaving(actor.state)) await delay(SAVE_LOOK_MS);
      return await sendCommand(actor, command, commandId);
    case 'nothing':
      return { outcome: 'nothing', n: outcome.n, repeated: false, changes: [], existed: outcome.existed };
    case 'accepted':
      return { outcome: 'accepted', n: outcome.n, repeated: outcome.repeated, changes: [...outcome.changes] satisfies Change[], ...(outcome.existed === undefined ? {} : { existed: outcome.existed }) };
  }
}

async function pruneLab(supervisor: Supervisor, lab: LabId): Promise<void> {
  const actor = await existing(supervisor, lab);
  if (actor.state.lab.value !== 'destroyed') throw new OpsError('not-applicable', `lab ${lab} is ${actor.state.lab.value}: destroy it before its log is pruned`);
  await supervisor.forget(lab);
}

/** Refolds the lab from its first entry, since sentences are derived, not stored. */
async function readHistory(supervisor: Supervisor, lab: LabId, request: OpsRequest<'history'> & { asker: Asker }): Promise<OpsResponse<'history'>> {
  await existing(supervisor, lab);
  let state = initialLab(lab);
  const entries: HistoryEntry[] = [];
  const secrets = new Set<string>();
  for await (const record of supervisor.log.read(lab)) {
    const evolution = evolve(state, record.entry);
    state = evolution.state;
    for (const secret of secretsOf(state.spec)) secrets.add(secret);
    if (record.entry.n >= (request.before ?? Infinity)) continue;
    if (record.entry.n > request.after) entries.push({ entry: record.entry, news: [...evolution.news] });
    if (entries.length > request.limit) entries.shift();
  }
  if (request.asker === 'operator') return { entries, last: state.n };
  return { entries: entries.map(({ entry, news }) => withoutSecrets({ entry: entryWithoutEnv(entry), news }, [...secrets])), last: state.n };
}

/** Where an engine knows no runtime of ours the plan says what that costs. */
function withLimit(change: Change, hosts: readonly KnownHost[]): Change {
  const isMade = change.object === 'node' && (change.action === 'add' || change.action === 'recreate');
  const limited = hosts.filter((host) => host.beat.joinsNamespaces === false).map((host) => host.id);
  if (!isMade || limited.length === 0) return change;
  return { ...change, reason: `${change.reason}; on host ${limited.join(', ')} its links do not survive a restart, they are re-made after it: the engine knows no runtime labwright (labwright doctor)` };
}

/** A view as this asker may see it. */
function fitFor<T>(asker: Asker, view: T, spec: LabSpec | null): T {
  return asker === 'operator' ? view : withoutSecrets(view, secretsOf(spec));
}

/** What the list says of a lab: counted from the view that `inspect` shows. */
export function summary(state: LabState): LabSummary {
  const view = labView(state);
  const { destroyedAt } = state.lab.context;
  return {
    lab: view.lab, n: view.n, state: view.state,
    ...(view.topologyPath === undefined ? {} : { topologyPath: view.topologyPath }),
    ...(view.owner === undefined ? {} : { owner: view.owner }),
    ...(view.deployedAt === undefined ? {} : { deployedAt: view.deployedAt }),
    ...(destroyedAt === null ? {} : { destroyedAt }),
    nodes: view.nodes.length, nodesRunning: view.nodes.filter((node) => node.state === 'running').length,
    links: view.links.length, linksUp: view.links.filter((link) => link.oper === 'up').length,
    problems: view.problems.length,
  };
}

const ExecAnswer = z.union([ExecResult, z.object({ error: z.object({ code: z.string(), message: z.string() }) })]);

async function execInNodes({ nc }: OpsParts, actor: LabActor, request: OpsRequest<'node-exec'>): Promise<NodeExecResult[]> {
  return await Promise.all(request.nodes.map(async (node) => await execInNode(nc, actor, { ...request, node })));
}

async function execInNode(nc: NatsConnection, actor: LabActor, request: { node: NodeId; argv: string[]; timeoutMs: number; commandId?: CommandId | undefined }): Promise<NodeExecResult> {
  const record = actor.state.nodes[request.node];
  if (!record) throw new OpsError('node-not-found', `lab ${actor.id} has no node ${request.node}`);
  const body = JSON.stringify({ lab: actor.id, node: request.node, containerName: record.spec.containerName, argv: request.argv, timeoutMs: request.timeoutMs, ...(request.commandId === undefined ? {} : { commandId: request.commandId }) });
  const reply = await nc.request(rpcSubject(record.plan.host, 'exec'), body, { timeout: request.timeoutMs + 2_000 }).catch((cause: unknown) => {
    throw new OpsError('host-unreachable', `host ${record.plan.host} did not answer for node ${request.node}: is its host-actor running? (labwright status)`, {}, { retryable: true, cause });
  });
  const answer = ExecAnswer.parse(reply.json());
  const head = { node: request.node, containerName: record.spec.containerName, lab: actor.id };
  if (!('error' in answer)) return { ...answer, ...head };
  return { ...head, command: request.argv.join(' '), target: 'container', exitCode: -1, stdout: '', stderr: answer.error.message };
}

async function askFingerprint({ nc, supervisor }: OpsParts, host: HostId | undefined): Promise<OpsResponse<'fingerprint'>> {
  const target = host ?? supervisor.hosts.hosts()[0]?.id;
  if (target === undefined) throw new OpsError('no-host', 'no host has joined: start one with `labwright up`');
  const reply = await nc.request(rpcSubject(target, 'fingerprint'), '{}', { timeout: FINGERPRINT_TIMEOUT_MS });
  return { host: target, probes: z.object({ probes: z.array(z.record(z.string(), z.unknown())) }).parse(reply.json()).probes };
}
