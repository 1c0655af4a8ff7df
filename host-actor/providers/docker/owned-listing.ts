// Many who look for containers of their own node at the same moment share one list of the engine.
import type { Outcome } from '../../batch-collector.ts';
import { BatchCollector } from '../../batch-collector.ts';
import type { NodeKey, ObservedNode, VerbOptions } from '../provider.ts';
import { ownLabel } from './container-labels.ts';
import type { EngineClient } from './engine-client.ts';
import { inspectById, listLabels } from './owned-containers.ts';

type Wanted = { readonly key: NodeKey; readonly lookInside: boolean; readonly deadlineMs: number | undefined };
type Found = { readonly runtimeIds: readonly string[]; readonly nodes: readonly ObservedNode[] };

export class OwnedListing {
  readonly #engine: EngineClient;
  readonly #lists: BatchCollector<Wanted, Found>;
  /** Containers whose mark was read, or which were made here: an id is never used twice, and its mark never changes. */
  readonly #proven = new Set<string>();

  constructor(engine: EngineClient) {
    this.#engine = engine;
    this.#lists = new BatchCollector((jobs) => this.#list(jobs));
  }

  /** All containers of the node, running or not, oldest first; read after the call. */
  async nodesOf(key: NodeKey, options: Pick<VerbOptions, 'deadlineMs'> = {}): Promise<readonly ObservedNode[]> {
    return (await this.#lists.submit({ key, lookInside: true, deadlineMs: options.deadlineMs })).nodes;
  }

  /** Their ids only, which costs no look into those whose mark is known. */
  async idsOf(key: NodeKey, options: Pick<VerbOptions, 'deadlineMs'> = {}): Promise<readonly string[]> {
    return (await this.#lists.submit({ key, lookInside: false, deadlineMs: options.deadlineMs })).runtimeIds;
  }

  /** A container that was made with our mark just now. */
  notePresent(runtimeId: string): void {
    this.#proven.add(runtimeId);
  }

  noteGone(runtimeId: string): void {
    this.#proven.delete(runtimeId);
  }

  async #list(jobs: readonly Wanted[]): Promise<readonly Outcome<Found>[]> {
    const groups = Map.groupBy(jobs, ({ key }) => `${key.hostId} ${key.labId}`);
    const outcomes = new Map<Wanted, Outcome<Found>>();
    await Promise.all([...groups.values()].map(async (group) => {
      const [first] = group;
      if (first === undefined) return;
      const { hostId, labId, nodeId } = first.key;
      try {
        const listed = await listLabels(this.#engine, group.length === 1 ? { hostId, labId, nodeId } : { hostId, labId }, soonest(group));
        const byNode = Map.groupBy(listed, ({ labels }) => labels[ownLabel.node] ?? '');
        await Promise.all(group.map(async (wanted) => outcomes.set(wanted, await this.#lookAt(wanted, (byNode.get(wanted.key.nodeId) ?? []).map(({ runtimeId }) => runtimeId)))));
      } catch (error) {
        for (const wanted of group) outcomes.set(wanted, { ok: false, error });
      }
    }));
    return jobs.map((job) => outcomes.get(job) ?? { ok: true, value: { runtimeIds: [], nodes: [] } });
  }

  /** Labels alone do not make a container ours. */
  async #lookAt(wanted: Wanted, listed: readonly string[]): Promise<Outcome<Found>> {
    const { key, lookInside } = wanted;
    try {
      const nodes = await Promise.all(listed.map(async (runtimeId) => {
        if (!lookInside && this.#proven.has(runtimeId)) return { runtimeId };
        const seen = await inspectById(this.#engine, runtimeId, soonest([wanted]));
        return seen.found === 'ours' && seen.node.hostId === key.hostId && seen.node.labId === key.labId && seen.node.nodeId === key.nodeId ? seen.node : undefined;
      }));
      const ours = nodes.filter((node) => node !== undefined);
      return { ok: true, value: { runtimeIds: ours.map(({ runtimeId }) => runtimeId), nodes: ours.filter((node) => 'createdAt' in node).toSorted((a, b) => a.createdAt - b.createdAt) } };
    } catch (error) {
      return { ok: false, error };
    }
  }
}

/** Nobody waits longer than asked for. */
function soonest(group: readonly Wanted[]): VerbOptions {
  const deadlines = group.flatMap(({ deadlineMs }) => deadlineMs ?? []);
  return deadlines.length === 0 ? {} : { deadlineMs: Math.min(...deadlines) };
}
