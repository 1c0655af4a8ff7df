// The management networks of one host: made, shared by labs, checked against the kernel and engine, repaired, removed.
import type Docker from 'dockerode';
import { readEngineNetwork } from './engine-network.ts';
import type { EngineNetwork } from './engine-network.ts';
import { ensureAccepts } from './firewall-accepts.ts';
import { readForeignAddresses } from './foreign-addresses.ts';
import { HostShell } from './host-shell.ts';
import { createProbeSender } from '../link-plane/probe-sender.ts';
import type { SendProbes } from '../link-plane/probe-sender.ts';
import { makeNetwork, nameBridge } from './make-network.ts';
import type { MadeNetwork, NetworkMakers } from './make-network.ts';
import { MgmtNetworkError } from './mgmt-network-error.ts';
import { readMgmtState, withLab, withNetwork, withoutLab, writeMgmtState } from './mgmt-network-state.ts';
import type { MgmtState } from './mgmt-network-state.ts';
import { defaultTable, labOf, networkOf, ownBridgeName, sameSubnets } from './mgmt-order.ts';
import type { MgmtOrder } from './mgmt-order.ts';
import { applyNftTable, readEngineMark, readNftTable } from './nft-table.ts';
import { readOrphanNetworks, removeOrphanNetwork } from './orphan-networks.ts';
import type { OrphanNetwork } from './orphan-networks.ts';
import { portConflicts, readListeners } from './port-conflicts.ts';
import { PortRelays, planRelays } from './port-relay.ts';
import { readMgmtNetworks } from './read-mgmt-networks.ts';
import type { MgmtReading } from './read-mgmt-networks.ts';
import { readDrifts } from './read-drifts.ts';
import type { Drift } from './read-drifts.ts';
import { readTunnels, syncTunnels } from './mgmt-tunnel.ts';
import { mgmtPaths, probePaths } from './probe-tunnels.ts';
import type { MgmtPath, PathsProbed } from './probe-tunnels.ts';
import { removeUnusedNetworks } from './remove-unused-networks.ts';
import { nftFamilies, renderNftTable } from './render-nft-table.ts';

export interface MgmtNetworksOptions {
  /** File that holds the host's record of networks and labs. */
  readonly statePath: string;
  /** Identity of this installation on this host; the value of our marks. */
  readonly owner: string;
  /** Absent = no engine: networks are bridges only. */
  readonly engine?: Docker | undefined;
  /** Name of our nftables tables and first word of our rules' comments; derived from the owner when absent. */
  readonly table?: string | undefined;
  /** Network namespace that plays the host (`ip netns`); the relay for ::1 then stays off, since this process is elsewhere. */
  readonly netns?: string | undefined;
}

export interface EnsureOptions {
  readonly signal?: AbortSignal;
  readonly onBridge?: (bridge: string) => void;
  /** The engine knows no runtime of ours: it has to attach the nodes, also to a network of our own. */
  readonly attachedByEngine?: boolean;
}

/** `foreign`: the engine has to attach the nodes. A network of that name that lacks our mark was not changed. */
export interface EnsuredNetwork {
  readonly foreign: boolean;
  readonly network: string;
  readonly bridge: string;
  readonly engineId: string | undefined;
  readonly subnets: readonly { readonly subnet: string; readonly gateway: string | undefined }[];
  readonly warnings: readonly string[];
}

/** What a network will be, known before it is made. */
export interface ForeseenNetwork {
  /** Somebody else's, so that the engine has to attach the nodes. */
  readonly foreign: boolean;
  readonly bridge: string;
}

export class MgmtNetworks {
  readonly options: MgmtNetworksOptions;
  readonly shell: HostShell;
  readonly table: string;
  readonly #relays: PortRelays | undefined;
  readonly #send: SendProbes;
  #turn: Promise<unknown> = Promise.resolve();
  /** Networks whose last making failed. */
  readonly #failed = new Set<string>();
  #rendered: string | undefined;
  #listed: string | undefined;

  constructor(options: MgmtNetworksOptions) {
    this.options = options;
    this.shell = new HostShell(options.netns);
    this.table = options.table ?? defaultTable(options.owner);
    this.#relays = options.netns === undefined ? new PortRelays() : undefined;
    this.#send = createProbeSender(options.netns);
  }

  /**
   * Makes the lab's management network, or joins the lab to the one that is there, and read it back. Idempotent.
   * @throws {MgmtNetworkError} `port-in-use`, `subnet-overlaps`, `engine-refused`, `bridge-missing`, `command-failed`.
   */
  ensure(order: MgmtOrder, { signal, onBridge, attachedByEngine = false }: EnsureOptions = {}): Promise<EnsuredNetwork> {
    return this.#exclusive(async () => {
      let state = await readMgmtState(this.options.statePath);
      const present = await this.#readEngine(order.mgmt.network);
      const foreign = present !== undefined && present.owner !== this.options.owner;
      if (!foreign && !attachedByEngine) await this.#refuseTakenPorts(order, state, signal);
      const made = foreign ? undefined : await this.#ensureNetwork({ order, onBridge }, state, present, signal).catch((error: unknown) => {
        this.#failed.add(order.mgmt.network);
        throw error;
      });
      // Ports of containers that the engine attaches are published by the engine.
      const ours = attachedByEngine ? { ...order, nodes: order.nodes.map((node) => ({ ...node, ports: [], device: undefined })) } : order;
      state = withLab(state, labOf(ours, !foreign), made?.net);
      await writeMgmtState(this.options.statePath, state);
      // A bridge that was taken back when it could not be registered may have had ports.
      if (this.#failed.delete(order.mgmt.network)) await this.#plugIn(state, order.mgmt.network, signal);
      const warnings = await this.#applyRules(state, signal);
      const engine = made ? made.engine : present;
      return {
        foreign: foreign || attachedByEngine,
        network: order.mgmt.network,
        bridge: made?.net.bridge ?? engine?.bridge ?? '',
        engineId: engine?.id,
        subnets: engine?.subnets ?? [],
        warnings,
      };
    });
  }

  /** Says what `ensure` will find or make, without a change and without waiting for one. */
  async foresee(mgmt: MgmtOrder['mgmt']): Promise<ForeseenNetwork> {
    const [state, present] = await Promise.all([readMgmtState(this.options.statePath), this.#readEngine(mgmt.network)]);
    if (present !== undefined && present.owner !== this.options.owner) return { foreign: true, bridge: present.bridge };
    const known = state.networks.find((net) => net.network === mgmt.network)?.bridge;
    return { foreign: false, bridge: known || present?.bridge || mgmt.bridge || ownBridgeName(this.options.owner, mgmt.network) };
  }

  /** Addresses that other people's containers hold in a network, whether it is there or not. */
  async foreignAddresses(network: string): Promise<string[]> {
    const { engine, owner } = this.options;
    return engine ? await readForeignAddresses(engine, network, owner) : [];
  }

  /**
   * Takes the lab off its network. The network goes with its last lab, unless `keep` was asked for or others still use it;
   * those are named in `inUseBy`. A lab that is not there is success.
   */
  remove(lab: string, how: { keep: boolean }, signal?: AbortSignal): Promise<{ inUseBy: string[] }> {
    return this.#exclusive(async () => {
      let state = await readMgmtState(this.options.statePath);
      const gone = state.labs.find((one) => one.lab === lab);
      const net = state.networks.find((one) => one.network === gone?.network);
      state = withoutLab(state, lab);
      if (net && how.keep) state = withNetwork(state, { ...net, keep: true });
      await writeMgmtState(this.options.statePath, state);
      const [inUseBy] = await Promise.all([
        this.#removeUnused(state, new Set(gone?.nodes.flatMap((node) => node.device ?? [])), signal),
        this.#applyRules(state, signal),
      ]);
      return { inUseBy };
    });
  }

  /** Compares the record with kernel and engine, without changing anything. */
  check(signal?: AbortSignal): Promise<Drift[]> {
    return this.#exclusive(async () => this.#drifts(await readMgmtState(this.options.statePath), signal));
  }

  /** Puts back all that drifted and returns what it was; also the way to start after a reboot. Removes networks that nobody uses any more. */
  repair(signal?: AbortSignal): Promise<Drift[]> {
    return this.#exclusive(async () => {
      const before = await readMgmtState(this.options.statePath);
      let state = before;
      const drifts = await this.#drifts(state, signal);
      for (const net of state.networks.filter((one) => state.labs.some((lab) => lab.network === one.network))) {
        if (!drifts.some((drift) => drift.network === net.network)) continue;
        const present = await this.#readEngine(net.network);
        if (present !== undefined && present.owner !== this.options.owner) continue;
        state = withNetwork(state, (await makeNetwork(this.#makers, net, present, signal)).net);
        await this.#plugIn(state, net.network, signal);
      }
      if (JSON.stringify(state) !== JSON.stringify(before)) await writeMgmtState(this.options.statePath, state);
      if (drifts.length > 0 || this.#rendered === undefined) await this.#applyRules(state, signal);
      await this.#removeUnused(state, new Set(), signal);
      return drifts;
    });
  }

  /** Ways to other hosts, as the record wants them. */
  async paths(): Promise<readonly MgmtPath[]> {
    return mgmtPaths(await readMgmtState(this.options.statePath));
  }

  /** Reads the tunnels back and asks their far hosts for an echo. */
  async probe(paths: readonly MgmtPath[]): Promise<PathsProbed> {
    // Not while one is being made: it would not be as wanted.
    const read = await this.#exclusive(async () => readTunnels(this.shell, await readMgmtState(this.options.statePath), this.options.owner));
    return await probePaths({ shell: this.shell, send: this.#send, read }, paths);
  }

  /** What the record says. */
  state(): Promise<MgmtState> {
    return readMgmtState(this.options.statePath);
  }

  /** What the host shows of each network of the record, and what bears our mark without being in it. */
  read(signal?: AbortSignal): Promise<MgmtReading> {
    return this.#exclusive(async () => readMgmtNetworks(this.#makers, await readMgmtState(this.options.statePath), signal));
  }

  /** What bears our mark and is in no record. */
  readOrphans(signal?: AbortSignal): Promise<readonly OrphanNetwork[]> {
    return this.#exclusive(async () => readOrphanNetworks(this.#makers, await readMgmtState(this.options.statePath), signal));
  }

  /** Removes it unless the record knows it by now; resolves with the reason where it stays. */
  removeOrphan(orphan: OrphanNetwork, signal?: AbortSignal): Promise<string | undefined> {
    return this.#exclusive(async () => {
      const { networks } = await readMgmtState(this.options.statePath);
      if (networks.some((net) => net.network === orphan.network)) return 'a lab uses it by now';
      return removeOrphanNetwork(this.#makers, orphan, signal);
    });
  }

  /** Closes the relay's listeners; networks and rules stay. */
  async close(): Promise<void> {
    await this.#turn;
    await this.#relays?.close();
  }

  get #makers(): NetworkMakers {
    return { shell: this.shell, engine: this.options.engine, owner: this.options.owner };
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #ensureNetwork({ order, onBridge }: { order: MgmtOrder; onBridge: ((bridge: string) => void) | undefined }, state: MgmtState, present: EngineNetwork | undefined, signal?: AbortSignal): Promise<MadeNetwork> {
    const known = state.networks.find((net) => net.network === order.mgmt.network);
    const sharing = state.labs.filter((lab) => lab.network === order.mgmt.network && lab.lab !== order.lab);
    const mtu = Math.min(order.mgmt.mtu, ...sharing.flatMap((lab) => lab.mtu ?? []));
    const wanted = { ...networkOf(order), mtu };
    const makers = { ...this.#makers, onBridge };
    const others = sharing.map((lab) => lab.lab);
    if (known && !sameSubnets(known, wanted)) {
      if (others.length > 0) {
        throw new MgmtNetworkError({ code: 'subnet-overlaps', retryable: false, details: { labs: others },
          message: `management network ${wanted.network} has ${known.ipv4Subnet ?? ''} ${known.ipv6Subnet ?? ''} and is in use by lab ${others.join(', ')}; lab ${order.lab} wants ${wanted.ipv4Subnet ?? ''} ${wanted.ipv6Subnet ?? ''}: use the same subnets or another mgmt.network` });
      }
      const inUseBy = await this.#removeUnused({ ...withoutLab(state, order.lab), networks: [{ ...known, keep: false }] }, new Set(), signal, { record: false });
      if (inUseBy.length > 0) throw new MgmtNetworkError({ code: 'subnet-overlaps', retryable: false, message: `management network ${wanted.network} cannot change its subnets while ${inUseBy.join(', ')} uses it` });
      return makeNetwork(makers, await nameBridge(makers, wanted, undefined, signal), undefined, signal);
    }
    return makeNetwork(makers, known ? { ...known, mtu, keep: false } : await nameBridge(makers, wanted, present, signal), present, signal);
  }

  /** Ports whose names we know go back into a bridge that was made anew. */
  async #plugIn(state: MgmtState, network: string, signal?: AbortSignal): Promise<void> {
    const bridge = state.networks.find((net) => net.network === network)?.bridge;
    const devices = state.labs.filter((lab) => lab.network === network).flatMap((lab) => lab.nodes.flatMap((node) => node.device ?? []));
    if (bridge === undefined || devices.length === 0) return;
    const lines = devices.map((device) => `link set dev ${device} master ${bridge}`);
    await this.shell.try('ip', ['-force', '-batch', '-'], { input: `${lines.join('\n')}\n`, signal });
  }

  /** Rules follow the record: NAT and published ports, accepts, relay. Returns warnings. */
  async #applyRules(state: MgmtState, signal?: AbortSignal): Promise<string[]> {
    const relays = planRelays(state);
    const [engineMark, , failed = []] = await Promise.all([
      this.#applyNft(state, signal),
      ensureAccepts(this.shell, state, this.table, signal),
      this.#relays?.sync(relays.routes),
      syncTunnels(this.shell, state, this.options.owner, signal),
    ]);
    const unmarked = engineMark === 'missing' && state.networks.length > 0
      ? ['the engine keeps its rules in nftables and has no bridge-accept-fwmark: from outside, nodes answer on published ports of engine containers only'] : [];
    return [...relays.warnings, ...failed, ...unmarked];
  }

  /** Leaves tables alone that are as they were made. Returns the engine's mark, as far as it matters. */
  async #applyNft(state: MgmtState, signal?: AbortSignal): Promise<number | 'missing' | undefined> {
    const families = nftFamilies(state);
    const [engineMark, current] = await Promise.all([
      readEngineMark(this.shell, signal),
      this.#rendered === undefined ? undefined : readNftTable(this.shell, this.table, families, signal),
    ]);
    const rendered = renderNftTable(state, { table: this.table, engineMark: typeof engineMark === 'number' ? engineMark : undefined });
    if (rendered !== this.#rendered || current !== this.#listed) {
      this.#listed = await applyNftTable(this.shell, rendered, this.table, families, signal);
      this.#rendered = rendered;
    }
    return engineMark;
  }

  async #drifts(state: MgmtState, signal?: AbortSignal): Promise<Drift[]> {
    return readDrifts({ shell: this.shell, owner: this.options.owner, state, table: this.table, listed: this.#listed, readEngine: (name) => this.#readEngine(name), hasEngine: this.options.engine !== undefined, signal });
  }

  async #removeUnused(state: MgmtState, ownPorts: ReadonlySet<string>, signal?: AbortSignal, how = { record: true }): Promise<string[]> {
    const { state: left, inUseBy } = await removeUnusedNetworks({ shell: this.shell, engine: this.options.engine, owner: this.options.owner, state, ownPorts, signal });
    if (how.record && left !== state) await writeMgmtState(this.options.statePath, left);
    return inUseBy;
  }

  async #refuseTakenPorts(order: MgmtOrder, state: MgmtState, signal?: AbortSignal): Promise<void> {
    const held = state.labs.find((lab) => lab.lab === order.lab)?.nodes.flatMap((node) => node.ports.map((port) => JSON.stringify(port))) ?? [];
    const ports = order.nodes.flatMap((node) => node.ports).filter((port) => !held.includes(JSON.stringify(port)));
    if (ports.length === 0) return;
    const conflicts = portConflicts(order.lab, ports, state, await readListeners(this.shell, signal));
    if (conflicts.length === 0) return;
    throw new MgmtNetworkError({ code: 'port-in-use', retryable: false, details: { conflicts },
      message: `lab ${order.lab} cannot publish ${conflicts.map(({ port, holder }) => `${port.hostPort}/${port.protocol} (held by ${holder})`).join(', ')}: publish other ports or stop who holds them` });
  }

  async #readEngine(name: string): Promise<EngineNetwork | undefined> {
    const { engine } = this.options;
    if (!engine) return undefined;
    return readEngineNetwork(engine, name).catch((cause: unknown) => {
      throw new MgmtNetworkError({ code: 'engine-refused', retryable: true, cause, message: `the engine does not say whether network ${name} exists: ${cause instanceof Error ? cause.message : String(cause)}` });
    });
  }
}
