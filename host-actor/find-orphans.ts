// Finds what on this host bears our exact mark and no order wants, each with the way in which it is removed.
import type { Order } from '../machines/vocabulary/effect.ts';
import type { LabId, NodeId } from '../machines/vocabulary/ids.ts';
import type { Orphan, OrphanKind } from '../machines/vocabulary/orphan.ts';
import type { RepairClass } from '../machines/vocabulary/repair-switches.ts';
import type { HostContext } from './host-context.ts';
import type { OrphanEnd } from './link-plane/link-plane.ts';
import type { OwnNamespace } from './link-plane/namespaces.ts';
import type { OrphanNetwork } from './mgmt-network/orphan-networks.ts';
import { keyOf } from './node-placement.ts';
import { nodeKey } from './node-states.ts';
import { hostMarkPrefix, labOfMark } from './ownership-mark.ts';
import type { StrayLookup } from './providers/docker/stray-lookups.ts';
import type { ObservedNode } from './providers/provider.ts';
import { wantedMarks, wantedNamespaces } from './wanted-ends.ts';

export type FinderContext = Pick<HostContext, 'hands' | 'ledger' | 'wanted' | 'queue'> & { readonly hasOrder: (key: string) => boolean };

export type Found = Omit<Orphan, 'seenForMs'>;
export type Stray = {
  readonly found: Found;
  /** Labs that live here and have lost it; none where it may be a matter of orders that this host does not hold. */
  readonly labs: readonly LabId[];
  readonly repair: RepairClass;
  /** Looks again first; resolves with the reason where it stays. */
  readonly remove: () => Promise<string | undefined>;
};

/** What a lab wants of a kind. */
type OfLab = (lab: LabId) => ReadonlySet<string>;
/** `busy`: it is being worked on, so nothing of it is nobody's. `unknown`: this host holds nothing of it, or may have lost what it held. */
type Standing = 'live' | 'busy' | 'unknown';

export const NO_MORE = 'it is not there any more, or something wants it by now';
/** What ends or vanishes in somebody's hands when it goes. */
const INVASIVE: ReadonlySet<OrphanKind> = new Set(['container', 'namespace']);

export class OrphanFinder {
  readonly #context: FinderContext;

  constructor(context: FinderContext) {
    this.#context = context;
  }

  /** All there are now, sorted by id. @param known.owned - the engine's list, where it was just read. @throws what engine and kernel say. */
  async find({ owned }: { owned?: readonly ObservedNode[] }): Promise<readonly Stray[]> {
    const { provider, host, network, sight, plane } = this.#context.hands;
    const [containers, lookups, ends, networks, namespaces] = await Promise.all([
      owned ?? provider.listOwned({ hostId: host }), sight.readLookups(), plane.readOrphans(hostMarkPrefix(host)), network.readOrphans(), plane.namespaces.list(),
    ]);
    // Judged after the reading: what was ordered meanwhile is wanted, and what it makes was not read.
    const [marks, names] = [this.#ofLabs(wantedMarks), this.#ofLabs(wantedNamespaces)];
    const ids = new Set(containers.map(({ runtimeId }) => runtimeId));
    const byNode = Map.groupBy(containers, ({ labId, nodeId }) => nodeKey(labId, nodeId));
    return [
      ...containers.flatMap((node) => this.#container(node, byNode.get(nodeKey(node.labId, node.nodeId)) ?? [])),
      ...lookups.filter(({ runtimeId }) => !ids.has(runtimeId)).flatMap((one) => this.#lookup(one)),
      ...ends.flatMap((end) => this.#end(end, marks)),
      ...networks.flatMap((one) => this.#network(one)),
      ...namespaces.filter(({ present }) => present).flatMap((one) => this.#namespace(one, names)),
    ].toSorted((one, other) => (one.found.id < other.found.id ? -1 : 1));
  }

  /** Labs of which this host has anything that bears our mark. What the engine holds is left out while it does not answer. */
  async labsHere(): Promise<readonly LabId[]> {
    const { provider, host, sight, plane } = this.#context.hands;
    const [containers, lookups, ends, namespaces] = await Promise.all([
      provider.listOwned({ hostId: host }).catch(() => []), sight.readLookups(), plane.readOrphans(hostMarkPrefix(host)), plane.namespaces.list(),
    ]);
    const marked = [...ends, ...namespaces].flatMap(({ mark }) => labOfMark(host, mark) ?? []);
    return [...new Set([...containers.map(({ labId }) => labId), ...lookups.map(({ lab }) => lab), ...marked])].toSorted();
  }

  /** @param all - containers of the same node */
  #container(node: ObservedNode, all: readonly ObservedNode[]): Stray[] {
    const { labId, nodeId, hostId, name, runtimeId } = node;
    const isCopy = this.#isCopy(node, all);
    if (this.#wants(labId, nodeId) && !isCopy) return [];
    const { provider } = this.#context.hands;
    return this.#ofLab(labId, { id: `container/${runtimeId}`, kind: 'container', name, node: nodeId }, async () => await this.#alone(labId, nodeId, async () => {
      if (isCopy) return await this.#removeCopy(node);
      if (this.#wants(labId, nodeId)) return NO_MORE;
      await provider.ensureRemoved({ labId, nodeId, hostId, containerName: name });
      return undefined;
    }));
  }

  /** Beside the node's own container, which has its name and generation; without that the node's keeper sorts out which is which. */
  #isCopy({ labId, nodeId, runtimeId }: ObservedNode, all: readonly ObservedNode[]): boolean {
    const order = this.#context.wanted.node(labId, nodeId);
    if (order === undefined || order.type === 'node.remove') return false;
    const own = all.find((one) => one.name === order.node.containerName && one.generation === order.plan.generation);
    return own !== undefined && own.runtimeId !== runtimeId;
  }

  async #removeCopy({ labId, nodeId, runtimeId }: ObservedNode): Promise<string | undefined> {
    const { wanted, hands } = this.#context;
    const order = wanted.node(labId, nodeId);
    const own = order && (await hands.provider.inspect(keyOf(order)));
    if (own?.found !== 'ours' || own.node.runtimeId === runtimeId || own.node.generation !== order?.plan.generation) return NO_MORE;
    await hands.provider.removeOne(runtimeId);
    return undefined;
  }

  #lookup({ runtimeId, lab, node }: StrayLookup): Stray[] {
    const { sight } = this.#context.hands;
    return this.#ofLab(lab, { id: `look-up/${runtimeId}`, kind: 'look-up', name: runtimeId.slice(0, 12), node }, async () => await this.#alone(lab, node, async () => {
      await sight.removeLookup(runtimeId);
      return undefined;
    }));
  }

  #end({ device, mark, isPair }: OrphanEnd, wanted: OfLab): Stray[] {
    const { plane, host } = this.#context.hands;
    const lab = labOfMark(host, mark);
    if (lab === undefined || wanted(lab).has(mark)) return [];
    return this.#ofLab(lab, { id: `device/${mark}`, kind: 'device', name: device }, async () => {
      const isThere = (await plane.readOrphans(mark)).some((end) => end.mark === mark);
      if (!isThere || this.#standing(lab) === 'busy' || this.#ofLabs(wantedMarks)(lab).has(mark)) return NO_MORE;
      await plane.removeOrphans([mark]);
      return undefined;
    }, isPair);
  }

  #namespace({ name, mark }: OwnNamespace, wanted: OfLab): Stray[] {
    const { plane, host } = this.#context.hands;
    const lab = labOfMark(host, mark);
    if (lab === undefined || wanted(lab).has(name)) return [];
    return this.#ofLab(lab, { id: `namespace/${name}`, kind: 'namespace', name }, async () => {
      if (this.#standing(lab) === 'busy' || this.#ofLabs(wantedNamespaces)(lab).has(name)) return NO_MORE;
      const { foreign } = await plane.namespaces.remove([name]);
      return foreign.length === 0 ? undefined : 'it is not the one that we made';
    });
  }

  #network(orphan: OrphanNetwork): Stray[] {
    const { wanted, ledger, hands } = this.#context;
    // A network is several labs': while one of them is worked on, it is too.
    const open = [...ledger.state.open.values()].some((order) => 'mgmt' in order && order.mgmt.network === orphan.network);
    if (open) return [];
    const labs = wanted.networks().flatMap(({ lab, mgmt }) => (mgmt.network === orphan.network ? [lab] : []));
    const key = orphan.kind === 'engine-network' ? orphan.engineId : orphan.name;
    const found: Found = { id: `${orphan.kind}/${key}`, kind: orphan.kind, name: orphan.name, network: orphan.network };
    return [this.#stray(labs.every((lab) => this.#standing(lab) === 'live') ? labs : [], found, async () => await hands.network.removeOrphan(orphan))];
  }

  #ofLab(lab: LabId, found: Omit<Found, 'lab'>, remove: Stray['remove'], isInvasive?: boolean): Stray[] {
    const standing = this.#standing(lab);
    return standing === 'busy' ? [] : [this.#stray(standing === 'live' ? [lab] : [], { ...found, lab }, remove, isInvasive)];
  }

  #stray(labs: readonly LabId[], found: Found, remove: Stray['remove'], isInvasive = INVASIVE.has(found.kind)): Stray {
    return { labs, repair: isInvasive ? 'invasive' : 'safe', remove, found: labs.length === 0 ? found : { ...found, ofLiveLab: true } };
  }

  /** In turn with all that is done to the node. */
  async #alone(lab: LabId, node: NodeId, work: Stray['remove']): Promise<string | undefined> {
    const key = nodeKey(lab, node);
    return await this.#context.queue.run(key, async () => (this.#context.hasOrder(key) ? NO_MORE : await work()));
  }

  #wants(lab: LabId, node: NodeId): boolean {
    const order = this.#context.wanted.node(lab, node);
    return (order !== undefined && order.type !== 'node.remove') || this.#context.hasOrder(nodeKey(lab, node));
  }

  /** Removals that were carried out hold nothing. */
  #standing(lab: LabId): Standing {
    const { open, found } = this.#context.ledger.state;
    for (const order of open.values()) if (order.lab === lab) return 'busy';
    return found?.has(lab) === false && this.#context.wanted.ofLab(lab).some(({ type }) => !type.endsWith('.remove')) ? 'live' : 'unknown';
  }

  /** Asked for each lab at most once, and only where it matters. */
  #ofLabs(of: (orders: readonly Order[]) => ReadonlySet<string>): OfLab {
    const known = new Map<LabId, ReadonlySet<string>>();
    return (lab) => {
      const found = known.get(lab) ?? of(this.#context.wanted.ofLab(lab));
      known.set(lab, found);
      return found;
    };
  }
}
