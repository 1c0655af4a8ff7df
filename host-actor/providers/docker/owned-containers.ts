// Finds what is ours at the engine by labels and mark, never by name alone.
import type Docker from 'dockerode';
import type { HostId, LabId, NodeId } from '../../../machines/vocabulary/ids.ts';
import type { InspectedNode, NodeKey, ObservedNode, VerbOptions } from '../provider.ts';
import { ownLabel } from './container-labels.ts';
import type { EngineClient } from './engine-client.ts';
import { engineStatus } from './engine-client.ts';
import { readObservedNode } from './observed-node.ts';

export interface OwnedFilter {
  readonly hostId: HostId;
  readonly labId?: LabId;
  readonly nodeId?: NodeId;
}

/** All of ours that match exactly, running or not, in order of lab, node and age. */
export async function listOwned(engine: EngineClient, filter: OwnedFilter, options: VerbOptions = {}): Promise<readonly ObservedNode[]> {
  const listed = await listLabels(engine, filter, options);
  const found = await Promise.all(listed.map(({ runtimeId }) => inspectContainer(engine, runtimeId, options)));
  return found
    .flatMap((info) => (info === undefined ? [] : (readObservedNode(info) ?? [])))
    .filter((node) => matches(node, filter))
    .toSorted(byIdentity);
}

/** What bears our labels; whether it is ours says only its mark. */
export async function listLabels(engine: EngineClient, filter: OwnedFilter, options: VerbOptions = {}): Promise<readonly { readonly runtimeId: string; readonly labels: Readonly<Record<string, string>> }[]> {
  const label = [
    `${ownLabel.host}=${filter.hostId}`,
    ...(filter.labId === undefined ? [] : [`${ownLabel.lab}=${filter.labId}`]),
    ...(filter.nodeId === undefined ? [] : [`${ownLabel.node}=${filter.nodeId}`]),
  ];
  const listed = await engine.call({ what: `listing containers of host ${filter.hostId}`, ...options, lane: 'read' }, (docker, abortSignal) =>
    docker.listContainers({ all: true, filters: { label }, abortSignal }),
  );
  return listed.map((entry) => ({ runtimeId: entry.Id, labels: entry.Labels }));
}

/** The node's container: ours by mark whatever its name is now; else whether something foreign holds the name. */
export async function inspectNode(engine: EngineClient, key: NodeKey, options: VerbOptions = {}): Promise<InspectedNode> {
  // By name first: one cheap call, right in nearly all cases.
  const named = await inspectContainer(engine, key.containerName, options);
  const atName = named === undefined ? undefined : readObservedNode(named);
  if (atName !== undefined && matches(atName, key)) return { found: 'ours', node: atName };
  const renamed = (await listOwned(engine, key, options)).at(-1);
  if (renamed !== undefined) return { found: 'ours', node: renamed };
  return named === undefined ? { found: 'absent' } : { found: 'foreign', holder: readHolder(named) };
}

/** Read-back by engine id; `foreign` where the id is not one of ours. */
export async function inspectById(engine: EngineClient, runtimeId: string, options: VerbOptions = {}): Promise<InspectedNode> {
  const info = await inspectContainer(engine, runtimeId, options);
  if (info === undefined) return { found: 'absent' };
  const node = readObservedNode(info);
  return node === undefined ? { found: 'foreign', holder: readHolder(info) } : { found: 'ours', node };
}

/** The engine's answer, or undefined where there is no such container. */
export async function inspectContainer(engine: EngineClient, idOrName: string, options: VerbOptions = {}): Promise<Docker.ContainerInspectInfo | undefined> {
  try {
    return await engine.call({ what: `inspecting container ${idOrName}`, ...options, lane: 'read' }, (docker, abortSignal) =>
      docker.getContainer(encodeURIComponent(idOrName)).inspect({ abortSignal }),
    );
  } catch (error) {
    if (engineStatus(error) === 404) return undefined;
    throw error;
  }
}

function readHolder(info: Docker.ContainerInspectInfo) {
  return { runtimeId: info.Id, name: info.Name.replace(/^\//, ''), image: info.Config.Image };
}

function matches(node: ObservedNode, filter: OwnedFilter): boolean {
  return (
    node.hostId === filter.hostId &&
    (filter.labId === undefined || node.labId === filter.labId) &&
    (filter.nodeId === undefined || node.nodeId === filter.nodeId)
  );
}

function byIdentity(a: ObservedNode, b: ObservedNode): number {
  return a.labId.localeCompare(b.labId, 'en') || a.nodeId.localeCompare(b.nodeId, 'en') || a.createdAt - b.createdAt;
}
