// Joins the three watches (engine, link plane, management networks) to those who act on what they see.
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { LoopHealth, LoopRounds } from '../nats/loop-health.ts';
import { LabId, LinkId, NodeId } from '../machines/vocabulary/ids.ts';
import type { HostContext } from './host-context.ts';
import { reportSeen } from './host-context.ts';
import type { WireDrift } from './link-plane/find-drift.ts';
import { MgmtWireKeeper } from './mgmt-wire-keeper.ts';
import type { NodeKeeper } from './node-keeper.ts';
import type { NodeEvent, WatchItem } from './providers/provider.ts';
import type { RecentEvents } from './recent-events.ts';
import { repairNetworks } from './sweep.ts';

export type WatchContext = HostContext & {
  readonly nodes: NodeKeeper;
  readonly recent: RecentEvents;
  /** The engine answers again, or does not any more. */
  readonly onEngine: () => void;
  readonly loops: Pick<LoopHealth, 'expect'>;
  /** Events may have been missed: everything is to be read. */
  readonly onGap: (what: 'engine') => void;
  /** Whether orders wait or run. */
  readonly isBusy: () => boolean;
};

/** Somebody's fault must not wait for a long command. */
const FAULT_PATIENCE_MS = 3_000;
/** To look into nodes costs a process each: it waits for a big lab to be made, not for a long command. */
const INNER_PATIENCE_MS = 15_000;
const CALM_POLL_MS = 100;
/** A check of management networks, with its repairs, that lasts much longer has got stuck. */
const CHECK_WITHIN_MS = 15_000;

export class Watches {
  readonly #context: WatchContext;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  readonly #mgmtWires: MgmtWireKeeper;
  readonly #networkChecks: LoopRounds;
  #wires: { sweep: () => Promise<void> } | undefined;
  #engineConnected: boolean | undefined;
  /** Cursor of the newest event that was taken; the ledger learns of it a little later. */
  #taken: string | undefined;
  #repairing = false;

  constructor(context: WatchContext) {
    this.#context = context;
    this.#log = context.log;
    this.#mgmtWires = new MgmtWireKeeper(context);
    this.#networkChecks = context.loops.expect('network checks', CHECK_WITHIN_MS, 'as-needed');
  }

  /** Undefined until it answered, or did not. */
  get engineConnected(): boolean | undefined {
    return this.#engineConnected;
  }

  /** Takes over what the engine remembers from while no process of ours was there. */
  async catchUp(): Promise<void> {
    const cursor = this.#context.ledger.state.engineSeen;
    if (cursor === undefined) return;
    const { provider, host } = this.#context.hands;
    const missed = await provider.readEventsSince(cursor, host).catch((err: unknown) => {
      this.#noteEngine(false, err);
      throw err;
    });
    for (const event of missed) this.#takeEvent(event, 'past');
  }

  /** Watches the engine from the last event taken on; goes on over its restarts until `stop`. */
  watchEngine(): void {
    const since = this.#taken ?? this.#context.ledger.state.engineSeen;
    const { provider, host } = this.#context.hands;
    void provider
      .watchEvents({ hostId: host, ...(since === undefined ? {} : { since }), signal: this.#stop.signal, onItem: (item) => this.#takeItem(item) })
      .catch((err: unknown) => {
        if (!this.#stop.signal.aborted) this.#log.error({ err }, 'engine is no longer watched');
      });
  }

  /** Watches links and management networks; resolves when both listen. */
  async watchKernel(): Promise<void> {
    const { signal } = this.#stop;
    this.#wires = await this.#context.hands.plane.watch(
      {
        onDrift: (drift) => this.#takeDrift(drift),
        onCarrier: (event) => {
          const object = objectOfWire(event.wireId);
          if (object?.kind === 'link') this.#context.links.onCarrier(object.lab, object.link, event);
        },
        onDevice: (name) => {
          this.#context.links.onDevice(name);
          this.#context.mgmtEchoes.onDevice(name);
        },
        whenCalm: () => this.untilCalm(INNER_PATIENCE_MS),
      },
      signal,
    );
    await this.#context.hands.network.watch({
      signal,
      rounds: this.#networkChecks,
      whenCalm: () => this.untilCalm(FAULT_PATIENCE_MS),
      onDrift: async () => this.#repairNetworks(),
      onError: (err) => this.#log.warn({ err }, 'watch of management networks complained'),
    });
  }

  /** Reads all links and management networks once, as if everything had been missed. */
  async sweep(): Promise<void> {
    await this.#wires?.sweep();
    await this.#repairNetworks();
  }

  /** Puts management networks back, for one of them is known not to be as it was made. */
  repairNetworksSoon(): void {
    if (this.#repairing || this.#stop.signal.aborted) return;
    this.#repairing = true;
    void this.#repairNetworks()
      .catch((err: unknown) => this.#log.warn({ err }, 'management networks could not be repaired'))
      .finally(() => void (this.#repairing = false));
  }

  /** Resolves when no order runs, after a while, or when the watch ends. */
  async untilCalm(patienceMs: number): Promise<void> {
    const giveUpAt = performance.now() + patienceMs;
    while (this.#context.isBusy() && performance.now() < giveUpAt && !this.#stop.signal.aborted) await delay(CALM_POLL_MS);
  }

  stop(): void {
    this.#stop.abort();
    this.#mgmtWires.stop();
  }

  #takeItem(item: WatchItem): void {
    switch (item.kind) {
      case 'connected':
        this.#noteEngine(true);
        this.#context.onGap('engine');
        return;
      case 'disconnected':
        this.#noteEngine(false, item.reason);
        return;
      case 'event':
        this.#takeEvent(item.event, 'now');
    }
  }

  /** It is tried again without end; people hear of it once, and from each sign of life. */
  #noteEngine(connected: boolean, reason?: unknown): void {
    if (this.#engineConnected === connected) return;
    if (!connected) this.#log.error({ err: reason }, 'engine is not heard: containers are neither made nor kept until it is');
    else if (this.#engineConnected === false) this.#log.info('engine is heard again');
    this.#engineConnected = connected;
    this.#context.onEngine();
  }

  #takeEvent(event: NodeEvent, when: 'past' | 'now'): void {
    const { recent, out, nodes, wanted } = this.#context;
    recent.note(event);
    if (this.#taken === undefined || event.cursor > this.#taken) this.#taken = event.cursor;
    // History of ours by its labels, also of a lab that is gone: its last events may come after a death of ours that followed its last answer.
    if (event.action !== 'health_status' || wanted.node(event.labId, event.nodeId) !== undefined) this.#reportEvent(event);
    out.noteEngineCursor(event.cursor);
    if (when === 'now') nodes.onEvent(event);
  }

  #reportEvent(event: NodeEvent): void {
    const about = { node: event.nodeId, generation: event.generation };
    if (event.action === 'health_status') {
      const status = event.health;
      if (status === 'starting' || status === 'healthy' || status === 'unhealthy') reportSeen(this.#context, event.labId, { type: 'node.health', ...about, status });
      return;
    }
    this.#context.out.report(event.labId, {
      type: 'node.engine', at: event.at, ...about, runtimeId: event.runtimeId, action: event.action, ...(event.exitCode === undefined ? {} : { exitCode: event.exitCode }),
    });
  }

  #takeDrift(drift: WireDrift): void {
    const object = objectOfWire(drift.wireId);
    if (object?.kind === 'link') this.#context.links.onDrift(object.lab, object.link, drift);
    else if (object?.kind === 'node') this.#mgmtWires.onDrift(object.lab, object.node, drift);
  }

  async #repairNetworks(): Promise<void> {
    await repairNetworks(this.#context);
  }
}

type WireObject = { readonly kind: 'link'; readonly lab: LabId; readonly link: LinkId } | { readonly kind: 'node'; readonly lab: LabId; readonly node: NodeId };

/** The object whose wire this is; ids of wires are keys of objects. */
export function objectOfWire(wireId: string): WireObject | undefined {
  const [lab, kind, id] = wireId.split('\t');
  if (lab === undefined || id === undefined) return undefined;
  if (kind === 'link') return { kind, lab: LabId.parse(lab), link: LinkId.parse(id) };
  return kind === 'node' ? { kind, lab: LabId.parse(lab), node: NodeId.parse(id) } : undefined;
}
