// The one way to the link plane: single wishes go in, few batches come out.
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { LabId } from '../machines/vocabulary/ids.ts';
import type { Attachment } from '../machines/vocabulary/effect.ts';
import type { Outcome } from './batch-collector.ts';
import { BatchCollector } from './batch-collector.ts';
import type { Hands } from './hands.ts';
import { HostActorError } from './host-actor-error.ts';
import type { NamespaceOrder } from './link-plane/namespaces.ts';
import type { NetnsRef, Wire, WireState } from './link-plane/wire.ts';
import type { NodeStates } from './node-states.ts';
import { namespaceMark } from './ownership-mark.ts';
import type { Wanted } from './wanted.ts';
import { wireOfLink, wireOfMgmt } from './wire-of-order.ts';
import type { LinkOrder, NodeOrder, RemotePlace } from './wire-of-order.ts';

export type Wired = { readonly state: WireState; readonly changed: boolean; readonly warnings: readonly string[] };

type Job =
  | { readonly kind: 'sandbox'; readonly order: NodeOrder }
  | { readonly kind: 'join'; readonly order: LinkOrder }
  | { readonly kind: 'part'; readonly order: LinkOrder }
  | { readonly kind: 'drop-sandbox'; readonly order: NodeOrder };

/** Stands for the namespace of a node that goes. */
const REMOVED = 'removed';

const NO_WIRE: Wired = { state: { id: '', joined: true, up: true, ends: [], faults: [] }, changed: false, warnings: [] };

export class WireRoom {
  readonly #hands: Hands;
  readonly #states: NodeStates;
  readonly #wanted: Wanted;
  readonly #collector: BatchCollector<Job, Wired>;

  constructor(context: { hands: Hands; states: NodeStates; wanted: Wanted }) {
    this.#hands = context.hands;
    this.#states = context.states;
    this.#wanted = context.wanted;
    this.#collector = new BatchCollector((jobs) => this.#run(jobs));
  }

  /** The node's namespace with its management interface. @throws {LinkPlaneError} */
  ensureSandbox(order: NodeOrder): Promise<Wired> {
    return this.#collector.submit({ kind: 'sandbox', order });
  }

  /** The link as ordered, with the carrier that fits the nodes' state at this moment. @throws {LinkPlaneError} */
  join(order: LinkOrder): Promise<Wired> {
    return this.#collector.submit({ kind: 'join', order });
  }

  /** The wire of a link or of a node's management interface as it is, changing nothing; undefined where none is wanted. @throws {LinkPlaneError} */
  async look(order: LinkOrder | NodeOrder): Promise<WireState | undefined> {
    const wire = 'node' in order ? this.#sandboxWire(order, new Map()) : await this.wireOf(order);
    return wire && (await this.#hands.plane.readWires([wire])).get(wire.id);
  }

  /** Removes the link's devices; absent is success. */
  part(order: LinkOrder): Promise<Wired> {
    return this.#collector.submit({ kind: 'part', order });
  }

  /** Removes the node's management interface and its namespace, where the namespace is its own. */
  dropSandbox(order: NodeOrder): Promise<Wired> {
    return this.#collector.submit({ kind: 'drop-sandbox', order });
  }

  /** The wire of a link as it is wanted at this moment. */
  async wireOf(order: LinkOrder): Promise<Wire> {
    const [places, remotes] = await Promise.all([this.#placesOf(order), this.#remotesOf(order)]);
    return wireOfLink(order, {
      netnsOf: (attachment) => places.get(attachment) ?? 'host',
      isAway: (node) => this.#states.isAway(order.lab, node),
      placeOfRemote: (remote) => remotes.get(remote) ?? { address: remote },
    });
  }

  /** Wires are ordered away before others are ordered in: a recreated node must not meet its old self. */
  async #run(jobs: readonly Job[]): Promise<readonly Outcome<Wired>[]> {
    const outcomes = new Map<Job, Outcome<Wired>>();
    await this.#remove(jobs.filter((job) => job.kind === 'part' || job.kind === 'drop-sandbox'), outcomes);
    await this.#make(jobs.filter((job) => job.kind === 'sandbox' || job.kind === 'join'), outcomes);
    return jobs.map((job) => outcomes.get(job) ?? { ok: true, value: NO_WIRE });
  }

  async #remove(jobs: readonly Job[], outcomes: Map<Job, Outcome<Wired>>): Promise<void> {
    if (jobs.length === 0) return;
    try {
      const wires: Wire[] = [];
      for (const job of jobs) {
        const wire = await this.#removedWire(job);
        if (wire !== undefined) wires.push(wire);
      }
      if (wires.length > 0) await this.#hands.plane.removeWiresAsGiven(wires);
      const names = jobs.flatMap(({ kind, order }) => (kind === 'drop-sandbox' && order.netns !== undefined && order.node.network.mode !== 'node' ? [order.netns] : []));
      if (names.length > 0) await this.#hands.plane.namespaces.remove([...new Set(names)]);
      // A node that is made anew by order begins as its file says: what somebody had set inside does not come back.
      const ends = jobs.flatMap((job) => this.#wiresOfRemovedNode(job));
      if (ends.length > 0) await this.#hands.plane.forgetInner(ends, [REMOVED]);
    } catch (error) {
      for (const job of jobs) outcomes.set(job, { ok: false, error });
    }
  }

  /** The namespaces of a wire do not matter when it goes; a pair of ends that was never made has no wire. */
  async #removedWire(job: Job): Promise<Wire | undefined> {
    if ('node' in job.order) return wireOfMgmt(job.order, job.order.netns === undefined ? undefined : { name: job.order.netns }, this.#bridgeOf(job.order.lab));
    return wireWith(job.order, placeByName);
  }

  /** The wires of the node's links, its own ends marked by their namespace: whosever that is, it goes with the node. */
  #wiresOfRemovedNode({ kind, order }: Job): Wire[] {
    if (kind !== 'drop-sandbox') return [];
    const placeOf = (attachment: Attachment): NetnsRef => (attachment.node === order.node.id ? { name: REMOVED } : placeByName(attachment));
    return this.#wanted.linksOf(order.lab, order.node.id).flatMap((link) => wireWith(link, placeOf) ?? []);
  }

  async #make(jobs: readonly Job[], outcomes: Map<Job, Outcome<Wired>>): Promise<void> {
    if (jobs.length === 0) return;
    const wires = new Map<string, Wire>();
    const wireOfJob = new Map<Job, string>();
    const namespaces = new Map<string, NamespaceOrder>();
    for (const job of jobs) {
      try {
        if (!('node' in job.order)) this.#addNamespaces(job.order, namespaces);
        const wire = 'node' in job.order ? this.#sandboxWire(job.order, namespaces) : await this.wireOf(job.order);
        if (wire === undefined) continue;
        wires.set(wire.id, wire);
        wireOfJob.set(job, wire.id);
      } catch (error) {
        outcomes.set(job, { ok: false, error });
      }
    }
    const report = await this.#hands.plane.ensureWires([...wires.values()], [...namespaces.values()]);
    for (const job of jobs) {
      if (outcomes.has(job)) continue;
      const refused = 'node' in job.order && job.order.netns !== undefined ? report.namespaces.get(job.order.netns) : undefined;
      const outcome = report.outcomes.get(wireOfJob.get(job) ?? '');
      if (refused !== undefined) outcomes.set(job, { ok: false, error: refused });
      else if (outcome === undefined) outcomes.set(job, { ok: true, value: NO_WIRE });
      else outcomes.set(job, outcome.ok ? { ok: true, value: outcome } : { ok: false, error: outcome.error });
    }
  }

  #sandboxWire(order: NodeOrder, namespaces: Map<string, NamespaceOrder>): Wire | undefined {
    if (order.netns === undefined) return undefined;
    namespaces.set(order.netns, { name: order.netns, mark: namespaceMark(order) });
    return wireOfMgmt(order, { name: order.netns }, this.#bridgeOf(order.lab));
  }

  /** A link need not wait for the rest of a node's preparation: its namespaces are made with it, if their nodes are wanted. */
  #addNamespaces(order: LinkOrder, namespaces: Map<string, NamespaceOrder>): void {
    for (const { netns, node } of [order.a, order.b]) {
      const owner = node === undefined ? undefined : this.#wanted.node(order.lab, node);
      if (netns !== undefined && owner !== undefined && owner.type !== 'node.remove') namespaces.set(netns, { name: netns, mark: namespaceMark(order) });
    }
  }

  /** The bridge as the network room read it back; the plan may leave its name to the engine. */
  #bridgeOf(lab: LabId): string | undefined {
    return this.bridges.get(lab);
  }

  /** Bridge of each lab's management network, as it was read back. */
  readonly bridges = new Map<LabId, string>();

  async #placesOf(order: LinkOrder): Promise<ReadonlyMap<Attachment, NetnsRef>> {
    const places = new Map<Attachment, NetnsRef>();
    // The far end of a leg is in no namespace of this host.
    const own = order.leg === undefined ? [order.a, order.b] : [order[order.leg.side]];
    for (const attachment of own) places.set(attachment, await this.#placeOf(order.lab, attachment));
    return places;
  }

  /** Tunnels to foreign devices leave by the interface that the lab file names, else by the way that the host has to them at this moment. @throws {HostActorError} `remote-unreachable`. */
  async #remotesOf(order: LinkOrder): Promise<ReadonlyMap<string, RemotePlace>> {
    const places = new Map<string, RemotePlace>();
    for (const { end } of [order.a, order.b]) {
      if (end.at !== 'vxlan') continue;
      const address = isIP(end.remote) === 0 ? await lookup(end.remote).then(({ address: found }) => found, () => undefined) : end.remote;
      if (address === undefined) throw new HostActorError('remote-unreachable', { message: `link ${order.link}: the name ${end.remote} of the far tunnel end has no address`, retryable: true });
      const underlay = (await this.#hands.plane.readUnderlays([address], end.parent)).get(address);
      const by = end.parent === undefined ? '' : ` by interface ${end.parent}, which the lab file names (parent-interface): it has no such interface, or it is down`;
      if (underlay === undefined) throw new HostActorError('remote-unreachable', { message: `link ${order.link}: this host has no route to the far tunnel end ${address}${by}`, retryable: true });
      places.set(end.remote, { address, parent: underlay.device });
    }
    return places;
  }

  /** Where the engine made the namespace it is found by the process; it changes with each start. */
  async #placeOf(lab: LabId, attachment: Attachment): Promise<NetnsRef> {
    const { node, container } = attachment;
    const seen = node === undefined ? undefined : this.#states.get(lab, node);
    const byProcess = container !== undefined || (seen?.wiring !== undefined && seen.wiring !== 'before-start');
    if (!byProcess) return placeByName(attachment);
    const ours = node !== undefined && this.#wanted.node(lab, node)?.node.runtime === 'container';
    const pid = ours ? seen?.pid : container === undefined ? undefined : (await this.#hands.sight.readContainer(container))?.pid;
    if (pid !== undefined && pid > 0) return { path: `/proc/${pid}/ns/net` };
    throw new HostActorError('container-not-running', { message: `container ${container ?? node ?? ''} does not run, so it has no network namespace to put an interface into`, retryable: true });
  }
}

function placeByName(attachment: Attachment): NetnsRef {
  return attachment.netns === undefined ? 'host' : { name: attachment.netns };
}

function wireWith(order: LinkOrder, netnsOf: (attachment: Attachment) => NetnsRef): Wire | undefined {
  try {
    return wireOfLink(order, { netnsOf, isAway: () => false });
  } catch {
    return undefined;
  }
}
