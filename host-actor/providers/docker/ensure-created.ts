// Makes a node's container exist, not started: reuses the right one, replaces an old one, never touches a foreign one.
import { access } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { NodeSpec } from '../../../machines/vocabulary/lab-spec.ts';
import { ProviderError, isProviderError } from '../provider-error.ts';
import type { CreatedNode, InspectedNode, NodePlacement, ObservedNode, VerbOptions } from '../provider.ts';
import { impossibleCapabilities } from './capabilities.ts';
import type { CreateRequest, EngineTraits } from './container-config.ts';
import { renderCreateRequest, sandboxRuntime } from './container-config.ts';
import { ownLabel, specDigest } from './container-labels.ts';
import type { EngineClient } from './engine-client.ts';
import { defaultDeadlineMs, engineStatus, engineText } from './engine-client.ts';
import { inspectNode } from './owned-containers.ts';
import type { OwnedListing } from './owned-listing.ts';
import { removeContainer } from './ensure-removed.ts';
import type { SandboxLookups } from './sandbox-lookups.ts';

export interface CreateContext {
  readonly engine: EngineClient;
  readonly traits: EngineTraits;
  readonly missingCapabilities: readonly string[];
  readonly lookups: SandboxLookups;
  readonly listing: OwnedListing;
}

/** @throws {ProviderError} `name-invalid`, `name-taken`, `newer-generation`, `image-absent`, `bind-source-missing`, `privileged-not-possible`, `capability-not-possible`, `spec-invalid`, and those of the client. */
export async function ensureCreated(context: CreateContext, spec: NodeSpec, placement: NodePlacement, options: VerbOptions = {}): Promise<CreatedNode> {
  checkName(placement);
  checkCapabilities(spec, context.missingCapabilities);
  await checkBindSources(spec, placement);
  try {
    return await reuseOrCreate(context, spec, placement, options);
  } catch (error) {
    // Two orders for the same node met: the other one's container is there now.
    if (isProviderError(error, 'name-taken') && error.retryable) return reuseOrCreate(context, spec, placement, options);
    throw error;
  }
}

async function reuseOrCreate(context: CreateContext, spec: NodeSpec, placement: NodePlacement, options: VerbOptions): Promise<CreatedNode> {
  const owned = await context.listing.nodesOf(placement, options);
  const { keep, outdated } = sortOwned(owned, spec, placement);
  for (const node of outdated) await removeContainer(context.engine, context.lookups, node.runtimeId, options);
  if (keep !== undefined) return { outcome: 'reused', node: await restoreName(context.engine, keep, placement, options) };
  const node = await create(context, spec, placement, options);
  return { outcome: outdated.length === 0 ? 'created' : 'recreated', node };
}

/** Why the engine would refuse the name, or undefined. Source: the engine's pattern for container names. */
export function containerNameFault(name: string): string | undefined {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) return undefined;
  return `container name "${name}" is not possible: it needs at least two characters, a letter or digit first, then letters, digits, "_", "." or "-"`;
}

function checkName(placement: NodePlacement): void {
  const fault = containerNameFault(placement.containerName);
  if (fault !== undefined) throw new ProviderError('name-invalid', `${fault} (node ${placement.nodeId})`);
}

function checkCapabilities(spec: NodeSpec, missing: readonly string[]): void {
  const impossible = impossibleCapabilities(spec, missing);
  if (impossible.length === 0) return;
  const names = impossible.join(', ');
  if (spec.privileged) {
    throw new ProviderError('privileged-not-possible', `node ${spec.id} asks for "privileged: true", but this host itself lacks ${names}; leave it out (NET_ADMIN, NET_RAW and SYS_ADMIN are given anyway) or run the lab on another host`, { details: { missing: impossible } });
  }
  throw new ProviderError('capability-not-possible', `node ${spec.id} needs ${names}, which this host itself lacks; take it out of cap-add or run the lab on another host`, { details: { missing: impossible } });
}

/** The engine would make an absent source as an empty folder of root and leave it behind. */
async function checkBindSources(spec: NodeSpec, { hostId }: NodePlacement): Promise<void> {
  const sources = spec.binds.map((bind) => bind.split(':')[0] ?? '').filter(isAbsolute);
  const missing: string[] = [];
  for (const source of new Set(sources)) {
    await access(source).catch(() => missing.push(source));
  }
  if (missing.length === 0) return;
  throw new ProviderError('bind-source-missing', `node ${spec.id} binds ${missing.join(', ')}, which is not there on host ${hostId}; make it or correct "binds"`, { details: { missing, host: hostId } });
}

function sortOwned(owned: readonly ObservedNode[], spec: NodeSpec, placement: NodePlacement) {
  const newer = owned.find((node) => node.generation > placement.generation);
  if (newer !== undefined) {
    throw new ProviderError('newer-generation', `container ${newer.name} of node ${placement.nodeId} has generation ${newer.generation}, the order is for ${placement.generation}`, { details: { runtimeId: newer.runtimeId, generation: newer.generation } });
  }
  const digest = specDigest(spec, placement);
  const keep = owned.find((node) => node.generation === placement.generation && node.specDigest === digest && node.status !== 'dead' && node.status !== 'removing');
  return { keep, outdated: owned.filter((node) => node !== keep) };
}

/** A person may have renamed it; people's scripts need the old name, and the engine renames a running container too. */
async function restoreName(engine: EngineClient, node: ObservedNode, placement: NodePlacement, options: VerbOptions): Promise<ObservedNode> {
  if (node.name === placement.containerName) return node;
  try {
    await engine.call({ what: `renaming container ${node.name} to ${placement.containerName}`, ...options }, (docker, abortSignal) =>
      docker.getContainer(node.runtimeId).rename({ name: placement.containerName, abortSignal }),
    );
  } catch (error) {
    if (engineStatus(error) === 409) throw await nameTaken(engine, placement, options);
    throw error;
  }
  return { ...node, name: placement.containerName };
}

async function create(context: CreateContext, spec: NodeSpec, placement: NodePlacement, options: VerbOptions): Promise<ObservedNode> {
  if (isCancelled(options)) throw cancelled(placement);
  const request = renderCreateRequest(spec, placement, context.traits);
  // Cut off half-way the engine goes on and a container is left behind. So the call runs to its end, cancelled or not.
  const call = context.engine.call({ what: `creating container ${placement.containerName}`, deadlineMs: options.deadlineMs ?? defaultDeadlineMs, lane: 'create' }, (docker, abortSignal) =>
    docker.createContainer({ ...request, abortSignal }),
  );
  const made = await call.catch(async (error: unknown) => {
    throw await explainCreateError(context.engine, error, spec, placement, options);
  });
  if (isCancelled(options)) {
    await removeContainer(context.engine, context.lookups, made.id, {});
    throw cancelled(placement);
  }
  context.listing.notePresent(made.id);
  return bornNode(spec, placement, { runtimeId: made.id, request });
}

/** What the engine just made as it was asked to; its start reads it back. */
function bornNode(spec: NodeSpec, placement: NodePlacement, { runtimeId, request }: { runtimeId: string; request: CreateRequest }): ObservedNode {
  const { labId, nodeId, hostId, generation, containerName } = placement;
  return {
    labId, nodeId, hostId, generation, specDigest: request.Labels?.[ownLabel.spec] ?? '', runtimeId, name: containerName,
    status: 'created', pid: 0, exitCode: 0, oomKilled: false, error: '', createdAt: Date.now(), startedAt: undefined, finishedAt: undefined,
    health: spec.healthcheck === undefined ? 'none' : 'starting', image: request.Image ?? '', imageId: '', tty: request.Tty === true, wiring: wiringOf(request), engineNetworks: {},
  };
}

function wiringOf(request: CreateRequest): ObservedNode['wiring'] {
  if (request.HostConfig.Runtime === sandboxRuntime) return 'before-start';
  return request.NetworkDisabled === true ? 'after-start' : 'engine';
}

function isCancelled(options: VerbOptions): boolean {
  return options.signal?.aborted === true;
}

function cancelled(placement: NodePlacement): ProviderError {
  return new ProviderError('cancelled', `creating container ${placement.containerName} was cancelled`);
}

async function explainCreateError(engine: EngineClient, error: unknown, spec: NodeSpec, placement: NodePlacement, options: VerbOptions): Promise<unknown> {
  const text = engineText(error);
  const status = engineStatus(error);
  if (status === 404) {
    return new ProviderError('image-absent', `image ${spec.image ?? ''} of node ${spec.id} is not on this host: ${text}`, { cause: error, details: { image: spec.image ?? '' } });
  }
  if (status === 409) return nameTaken(engine, placement, options);
  if (status === 400) return new ProviderError('spec-invalid', `the engine refuses node ${spec.id}: ${text}`, { cause: error });
  return error;
}

async function nameTaken(engine: EngineClient, placement: NodePlacement, options: VerbOptions): Promise<ProviderError> {
  const holder = await inspectHolder(engine, placement, options);
  if (holder.found === 'foreign') {
    const { name, runtimeId, image } = holder.holder;
    return new ProviderError('name-taken', `container name ${name} is taken by a container that is not ours (id ${runtimeId.slice(0, 12)}, image ${image}); remove or rename it, or set another lab name or prefix`, { details: { runtimeId, image } });
  }
  return new ProviderError('name-taken', `container name ${placement.containerName} was taken while the container was made; try again`, { retryable: true });
}

/** The engine reserves a name some time before it shows the container that gets it. */
async function inspectHolder(engine: EngineClient, placement: NodePlacement, options: VerbOptions): Promise<InspectedNode> {
  for (let attempt = 0; attempt < 40; attempt += 1) {
    const holder = await inspectNode(engine, placement, options);
    if (holder.found !== 'absent') return holder;
    await delay(50);
  }
  return { found: 'absent' };
}
