// What on this host bears our exact mark and is wanted by no order: read, told, and removed on request, each by its own mark.
import type { LabId, NodeId } from '../machines/vocabulary/ids.ts';
import type { Orphan, OrphanKind, OrphanOutcome } from '../machines/vocabulary/orphan.ts';
import type { HostContext } from './host-context.ts';
import type { OrphanNetwork } from './mgmt-network/orphan-networks.ts';
import { nodeKey } from './node-states.ts';
import { hostMarkPrefix, labOfMark } from './ownership-mark.ts';
import type { ObservedNode } from './providers/provider.ts';

export type OrphanContext = Pick<HostContext, 'hands' | 'ledger' | 'wanted' | 'queue' | 'now' | 'log'> & { readonly hasOrder: (key: string) => boolean };

type Found = Omit<Orphan, 'seenForMs'>;
/** `remove` resolves with the reason where it stays. */
type Stray = { readonly found: Found; readonly remove: () => Promise<string | undefined> };

/** The order in which they go: what is plugged in before what it is plugged into. */
const REMOVED_IN: readonly OrphanKind[] = ['container', 'look-up', 'device', 'engine-network', 'bridge', 'namespace'];
const NO_MORE = 'it is not there any more, or something wants it by now';

export class Orphans {
  readonly #context: OrphanContext;
  readonly #since = new Map<string, number>();

  constructor(context: OrphanContext) {
    this.#context = context;
  }

  /** All there are now, sorted by id. @param known.owned - the engine's list, where it was just read. @throws what engine and kernel say. */
  async read(known: { owned?: readonly ObservedNode[] } = {}): Promise<readonly Orphan[]> {
    return (await this.#strays(known)).map(({ found }) => ({ ...found, seenForMs: this.#ageOf(found.id) }));
  }

  /** Logs those that were not there at the last reading; they are left alone, for a ledger may be lost, and labs are not ours to end. */
  async tellNew(owned: readonly ObservedNode[]): Promise<void> {
    const before = new Set(this.#since.keys());
    for (const { id, kind, name, lab, network } of await this.read({ owned })) {
      if (!before.has(id)) this.#context.log.warn({ orphan: id, kind, name, labId: lab, network }, 'object bears our mark and no order wants it');
    }
  }

  /** Removes those of the ids that are still nobody's and were so for `graceMs` at least. */
  async remove(ids: readonly string[], { graceMs, dryRun }: { graceMs: number; dryRun: boolean }): Promise<readonly OrphanOutcome[]> {
    const strays = new Map((await this.#strays({})).map((stray) => [stray.found.id, stray]));
    const outcomes = new Map<string, OrphanOutcome>();
    const place = (id: string): number => REMOVED_IN.indexOf(strays.get(id)?.found.kind ?? 'container');
    for (const id of [...new Set(ids)].toSorted((one, other) => place(one) - place(other))) outcomes.set(id, await this.#removeOne(strays.get(id), id, { graceMs, dryRun }));
    return ids.map((id) => outcomes.get(id) ?? { id, outcome: 'kept', reason: NO_MORE });
  }

  async #removeOne(stray: Stray | undefined, id: string, { graceMs, dryRun }: { graceMs: number; dryRun: boolean }): Promise<OrphanOutcome> {
    if (stray === undefined) return { id, outcome: 'kept', reason: NO_MORE };
    const ageMs = this.#ageOf(id);
    if (ageMs < graceMs) return { id, outcome: 'kept', reason: `it has been without an owner for ${Math.floor(ageMs / 1000)} s only` };
    if (dryRun) return { id, outcome: 'would-remove' };
    try {
      const reason = await stray.remove();
      if (reason !== undefined) return { id, outcome: 'kept', reason };
    } catch (error) {
      return { id, outcome: 'kept', reason: error instanceof Error ? error.message : String(error) };
    }
    this.#context.log.info({ orphan: id, name: stray.found.name, labId: stray.found.lab }, 'object without an owner was removed on request');
    this.#since.delete(id);
    return { id, outcome: 'removed' };
  }

  #ageOf(id: string): number {
    return Math.max(0, this.#context.now() - (this.#since.get(id) ?? this.#context.now()));
  }

  async #strays({ owned }: { owned?: readonly ObservedNode[] }): Promise<readonly Stray[]> {
    const { provider, host, network, sight, plane } = this.#context.hands;
    const [containers, lookups, ends, networks, namespaces] = await Promise.all([
      owned ?? provider.listOwned({ hostId: host }), sight.readLookups(), plane.readOrphans(hostMarkPrefix(host)), network.readOrphans(), plane.namespaces.list(),
    ]);
    const strays = [
      ...containers.filter((node) => !this.#wants(node.labId, node.nodeId)).map((node) => this.#container(node)),
      ...lookups.filter((one) => !containers.some((node) => node.runtimeId === one.runtimeId) && !this.#wants(one.lab, one.node)).map((one) => this.#lookup(one)),
      ...ends.flatMap(({ device, mark }) => this.#ofLab('device', mark, { name: device, remove: async () => await this.#removeEnd(mark) })),
      ...networks.map((one) => this.#network(one)),
      ...namespaces.filter(({ present }) => present).flatMap(({ name, mark }) => this.#ofLab('namespace', mark, { key: name, name, remove: async () => await this.#removeNamespace(name, mark) })),
    ].toSorted((one, other) => (one.found.id < other.found.id ? -1 : 1));
    this.#noteSeen(strays.map(({ found }) => found.id));
    return strays;
  }

  #noteSeen(ids: readonly string[]): void {
    const there = new Set(ids);
    for (const id of this.#since.keys()) if (!there.has(id)) this.#since.delete(id);
    for (const id of ids) if (!this.#since.has(id)) this.#since.set(id, this.#context.now());
  }

  #container(node: ObservedNode): Stray {
    const { labId, nodeId, hostId, name, runtimeId } = node;
    const remove = async (): Promise<string | undefined> => await this.#context.queue.run(nodeKey(labId, nodeId), async () => {
      if (this.#wants(labId, nodeId)) return NO_MORE;
      await this.#context.hands.provider.ensureRemoved({ labId, nodeId, hostId, containerName: name });
      return undefined;
    });
    return { found: { id: `container/${runtimeId}`, kind: 'container', name, lab: labId, node: nodeId }, remove };
  }

  #lookup({ runtimeId, lab, node }: { runtimeId: string; lab: LabId; node: NodeId }): Stray {
    const remove = async (): Promise<undefined> => {
      await this.#context.hands.sight.removeLookup(runtimeId);
    };
    return { found: { id: `look-up/${runtimeId}`, kind: 'look-up', name: runtimeId.slice(0, 12), lab, node }, remove };
  }

  #network(orphan: OrphanNetwork): Stray {
    const key = orphan.kind === 'engine-network' ? orphan.engineId : orphan.name;
    return { found: { id: `${orphan.kind}/${key}`, kind: orphan.kind, name: orphan.name, network: orphan.network }, remove: async () => await this.#context.hands.network.removeOrphan(orphan) };
  }

  /** None where the mark names a lab of which the host holds any order: what belongs to it is its orders' affair. */
  #ofLab(kind: 'device' | 'namespace', mark: string, { key = mark, name, remove }: { key?: string; name: string; remove: Stray['remove'] }): Stray[] {
    const lab = labOfMark(this.#context.hands.host, mark);
    return lab === undefined || this.#holds(lab) ? [] : [{ found: { id: `${kind}/${key}`, kind, name, lab }, remove }];
  }

  async #removeEnd(mark: string): Promise<string | undefined> {
    const { plane, host } = this.#context.hands;
    const lab = labOfMark(host, mark);
    const isThere = (await plane.readOrphans(mark)).some((end) => end.mark === mark);
    if (!isThere || lab === undefined || this.#holds(lab)) return NO_MORE;
    await plane.removeOrphans([mark]);
    return undefined;
  }

  async #removeNamespace(name: string, mark: string): Promise<string | undefined> {
    const { plane, host } = this.#context.hands;
    const lab = labOfMark(host, mark);
    if (lab === undefined || this.#holds(lab)) return NO_MORE;
    const { foreign } = await plane.namespaces.remove([name]);
    return foreign.length === 0 ? undefined : 'it is not the one that we made';
  }

  #wants(lab: LabId, node: NodeId): boolean {
    const order = this.#context.wanted.node(lab, node);
    return (order !== undefined && order.type !== 'node.remove') || this.#context.hasOrder(nodeKey(lab, node));
  }

  /** Removals that were carried out hold nothing. */
  #holds(lab: LabId): boolean {
    const { orders, open } = this.#context.ledger.state;
    return [...orders.values()].some((order) => order.lab === lab && (open.has(order.id) || !order.type.endsWith('.remove')));
  }
}
