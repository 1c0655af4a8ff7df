// The management network of each lab on this host: made once per order and process, its name files kept in step.
import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Logger } from 'pino';
import type { Order } from '../machines/vocabulary/effect.ts';
import type { LabId, NodeId } from '../machines/vocabulary/ids.ts';
import type { Hands, NetworkEnsureOrder } from './hands.ts';
import { HostActorError } from './host-actor-error.ts';
import type { EnsuredNetwork, ForeseenNetwork } from './mgmt-network/mgmt-networks.ts';
import type { NodeStates } from './node-states.ts';
import type { Wanted } from './wanted.ts';
import type { WireRoom } from './wire-room.ts';

type Made = { readonly order: string; readonly network: Promise<EnsuredNetwork>; readonly bridged: Promise<void>; readonly foreseen: Promise<ForeseenNetwork> };

/** Names are wanted by people soon, container ids beside them a little later. */
const HOSTS_BLOCK_PAUSE_MS = 150;

export class NetworkRoom {
  readonly #hands: Hands;
  readonly #wanted: Wanted;
  readonly #wires: Pick<WireRoom, 'bridges'>;
  readonly #states: NodeStates;
  readonly #log: Logger;
  readonly #made = new Map<LabId, Made>();
  readonly #blockTimers = new Map<LabId, NodeJS.Timeout>();

  constructor(context: { hands: Hands; wanted: Wanted; wires: Pick<WireRoom, 'bridges'>; states: NodeStates; log: Logger }) {
    this.#hands = context.hands;
    this.#wanted = context.wanted;
    this.#wires = context.wires;
    this.#states = context.states;
    this.#log = context.log;
  }

  /** The lab's network, made now if this process has not yet; undefined where none is wanted.
   *  @throws {MgmtNetworkError} */
  async ready(lab: LabId): Promise<EnsuredNetwork | undefined> {
    const order = this.#wanted.network(lab);
    return order === undefined ? undefined : await this.#ensureOnce(order);
  }

  /** Resolves when the lab's bridge is there, or the engine's network where that is somebody else's; rules and registration may
   *  still be on their way. @throws {MgmtNetworkError} */
  async bridged(lab: LabId): Promise<void> {
    const order = this.#wanted.network(lab);
    if (order === undefined) return;
    void this.#ensureOnce(order).catch(() => undefined);
    await this.#made.get(lab)?.bridged;
  }

  /** What the lab's network will be, known before it is made; undefined where none is wanted. */
  async foresee(lab: LabId): Promise<ForeseenNetwork | undefined> {
    const order = this.#wanted.network(lab);
    if (order === undefined) return undefined;
    void this.#ensureOnce(order).catch(() => undefined);
    return (await this.#made.get(lab)?.foreseen) ?? (await this.#hands.network.foresee(order));
  }

  /** Makes the network as ordered, also when it was made before. */
  async ensure(order: NetworkEnsureOrder): Promise<EnsuredNetwork> {
    return await this.#ensureOnce(order);
  }

  /** Takes the lab off its network, which goes with its last lab; who else still uses it is named. Absent is success. */
  async takeOff(order: Extract<Order, { type: 'network.remove' }>): Promise<readonly string[]> {
    this.#made.delete(order.lab);
    this.#cancelBlock(order.lab);
    const [{ inUseBy }] = await Promise.all([
      this.#hands.network.remove(order.lab, { keep: order.keep }),
      this.#hands.network.removeHostsBlock(order.lab),
    ]);
    return inUseBy;
  }

  /** Removes what nodes have of files, once they are gone. Absent is success. */
  async removeFiles(order: Extract<Order, { type: 'network.remove' }>): Promise<void> {
    await Promise.all([this.#hands.network.removeNodeFiles(order.lab), this.#hands.files.keepOnly(order.lab, [])]);
    this.#wires.bridges.delete(order.lab);
    // Only a folder that bears the usual name: the path comes from a lab file.
    if (order.cleanup && basename(order.labDir).startsWith('clab-')) await rm(order.labDir, { recursive: true, force: true });
  }

  /** The next question is answered by making sure of it again. */
  forget(lab: LabId): void {
    this.#made.delete(lab);
  }

  /** Writes the lab's lines in the host's hosts file soon; many calls make one write. */
  scheduleHostsBlock(lab: LabId): void {
    if (this.#blockTimers.has(lab)) return;
    const timer = setTimeout(() => {
      this.#blockTimers.delete(lab);
      const order = this.#wanted.network(lab);
      if (order !== undefined) this.#writeBlock(order).catch((err: unknown) => this.#log.warn({ err, labId: lab }, 'hosts file of the host was not written'));
    }, HOSTS_BLOCK_PAUSE_MS);
    this.#blockTimers.set(lab, timer);
  }

  stop(): void {
    for (const timer of this.#blockTimers.values()) clearTimeout(timer);
    this.#blockTimers.clear();
  }

  async #ensureOnce(order: NetworkEnsureOrder): Promise<EnsuredNetwork> {
    const made = this.#made.get(order.lab);
    if (made?.order === order.id) return await made.network;
    const foreseen = this.#hands.network.foresee(order);
    const bridge = Promise.withResolvers<void>();
    const network = this.#make(order, bridge.resolve);
    const bridged = Promise.race([bridge.promise, network.then(() => undefined)]);
    for (const waiting of [foreseen, bridged]) waiting.catch(() => undefined);
    this.#made.set(order.lab, { order: order.id, network, bridged, foreseen });
    try {
      return await network;
    } catch (error) {
      if (this.#made.get(order.lab)?.network === network) this.#made.delete(order.lab);
      throw error;
    }
  }

  async #make(order: NetworkEnsureOrder, bridged: () => void): Promise<EnsuredNetwork> {
    await this.#warnOfMissingBridges(order);
    const devices = new Map<NodeId, string>();
    const nodes: NodeId[] = [];
    for (const { node, plan } of this.#wanted.nodesOf(order.lab)) {
      if (plan.mgmt !== undefined) devices.set(node.id, plan.mgmt.port.device);
      if (node.runtime === 'container' && order.nodes.some((entry) => entry.node === node.id)) nodes.push(node.id);
    }
    const onBridge = (bridge: string): void => {
      this.#wires.bridges.set(order.lab, bridge);
      bridged();
    };
    const made = await this.#hands.network.ensure(order, { devices, onBridge });
    for (const warning of made.warnings) this.#log.warn({ labId: order.lab, warning }, 'management network has a limit');
    if (made.foreign) this.#wires.bridges.delete(order.lab);
    else this.#wires.bridges.set(order.lab, made.bridge);
    await this.#hands.network.rewriteHostsFiles(order.lab, nodes, order.hosts);
    this.scheduleHostsBlock(order.lab);
    return made;
  }

  async #warnOfMissingBridges(order: NetworkEnsureOrder): Promise<void> {
    for (const bridge of order.bridges) {
      if (!(await this.#hands.sight.isBridge(bridge))) this.#log.warn({ labId: order.lab, bridge }, 'bridge of the lab is not on this host');
    }
  }

  async #writeBlock(order: NetworkEnsureOrder): Promise<void> {
    const entries = order.nodes.flatMap(({ node, containerName, ipv4, ipv6 }) => {
      if (ipv4 === undefined && ipv6 === undefined) return [];
      return [{ name: containerName, id: this.#states.get(order.lab, node).runtimeId, kind: this.#wanted.node(order.lab, node)?.node.kind ?? '', ipv4, ipv6 }];
    });
    if (entries.length === 0) await this.#hands.network.removeHostsBlock(order.lab);
    else await this.#hands.network.writeHostsBlock(order.lab, entries);
  }

  #cancelBlock(lab: LabId): void {
    clearTimeout(this.#blockTimers.get(lab));
    this.#blockTimers.delete(lab);
  }
}

/** The failure of a node whose lab's network could not be made. */
export function networkNotReady(lab: LabId, cause: unknown): HostActorError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new HostActorError('network-not-ready', { message: `management network of lab ${lab} is not there: ${why}`, retryable: true, cause });
}
