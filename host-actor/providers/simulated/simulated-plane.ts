// A link plane without a kernel: wires and namespaces are entries in maps, with drift and refusals that a test wants.
import type { LinkPlane } from '../../hands.ts';
import type { WireDrift } from '../../link-plane/find-drift.ts';
import { hostPortsOf } from '../../link-plane/host-ports.ts';
import { LinkPlaneError } from '../../link-plane/link-plane-error.ts';
import type { WatchListeners } from '../../link-plane/watch-wires.ts';
import type { Wire, WireState } from '../../link-plane/wire.ts';
import type { WireOutcome } from '../../link-plane/wire-outcome.ts';

export class SimulatedPlane implements LinkPlane {
  /** An error here refuses the wire. */
  refuse: (wire: Wire) => LinkPlaneError | undefined = () => undefined;
  /** Calls that made or removed something, each a batch of the real plane. */
  batches = 0;
  readonly wires = new Map<string, Wire>();
  readonly netns = new Set<string>();
  readonly #ifindexes = new Map<string, number>();
  readonly #listeners = new Set<WatchListeners>();
  #count = 0;

  readonly namespaces: LinkPlane['namespaces'] = {
    remove: async (names) => {
      for (const name of names) this.netns.delete(name);
      return { foreign: [] };
    },
    list: async () => [...this.netns].map((name) => ({ name, mark: '', present: true })),
  };

  /** Somebody deletes a wire's host ends. */
  lose(wireId: string): void {
    this.wires.delete(wireId);
    this.#ifindexes.delete(wireId);
    const drift: WireDrift = { wireId, side: 'a', what: 'end-deleted', detectedAt: Date.now(), found: 'event' };
    for (const { onDrift } of this.#listeners) onDrift(drift);
  }

  readonly ensureWires: LinkPlane['ensureWires'] = async (wires, namespaces = []) => {
    this.batches += 1;
    await Promise.resolve();
    for (const { name } of namespaces) this.netns.add(name);
    const outcomes = new Map(wires.map((wire): [string, WireOutcome] => [wire.id, this.#ensure(wire)]));
    return { outcomes, namespaces: new Map(), linesRun: wires.length };
  };

  readonly removeWiresAsGiven: LinkPlane['removeWiresAsGiven'] = async (wires) => {
    this.batches += 1;
    for (const { id } of wires) {
      this.wires.delete(id);
      this.#ifindexes.delete(id);
    }
  };

  readonly readWires: LinkPlane['readWires'] = async (given) => new Map((given ?? [...this.wires.values()]).map((wire) => [wire.id, this.#state(wire)]));
  readonly readOrphans: LinkPlane['readOrphans'] = async () => [];
  readonly snapshotInner: LinkPlane['snapshotInner'] = async () => undefined;
  readonly removeOrphans: LinkPlane['removeOrphans'] = async () => {};
  /** Far ends that do not answer, by wire. */
  readonly silent = new Set<string>();
  readonly probe: LinkPlane['probe'] = async (ids) =>
    new Map(ids.map((id) => [id, this.wires.has(id) && !this.silent.has(id) ? { echo: 'ok' } : { echo: 'lost', reason: `no echo on ${id}` }]));
  readonly readUnderlays: LinkPlane['readUnderlays'] = async (remotes) => new Map(remotes.map((remote) => [remote, { device: 'under', local: '192.0.2.1', mtu: 1500 }]));
  readonly forgetInner: LinkPlane['forgetInner'] = async () => {};

  readonly watch: LinkPlane['watch'] = async (listeners, signal) => {
    this.#listeners.add(listeners);
    signal.addEventListener('abort', () => this.#listeners.delete(listeners), { once: true });
    return { sweep: async () => {} };
  };

  #ensure(wire: Wire): WireOutcome {
    const refusal = this.refuse(wire) ?? this.#missingNamespace(wire);
    if (refusal !== undefined) return { ok: false, error: refusal };
    const before = this.wires.get(wire.id);
    this.wires.set(wire.id, wire);
    if (before === undefined) {
      this.#count += 2;
      this.#ifindexes.set(wire.id, this.#count);
    }
    return { ok: true, state: this.#state(wire), changed: JSON.stringify(before) !== JSON.stringify(wire), warnings: [] };
  }

  #missingNamespace(wire: Wire): LinkPlaneError | undefined {
    const missing = hostPortsOf(wire).flatMap(({ inner }) => (inner !== undefined && inner.netns !== 'host' && 'name' in inner.netns && !this.netns.has(inner.netns.name) ? [inner.netns.name] : []))[0];
    return missing === undefined ? undefined : new LinkPlaneError('namespace-missing', `no namespace ${missing} (wire ${wire.id})`);
  }

  #state(wire: Wire): WireState {
    const first = this.#ifindexes.get(wire.id) ?? 0;
    const ends = hostPortsOf(wire).map((port, n) => ({ side: port.side, device: port.device, present: true, ifindex: first + n, ...(port.mtu === undefined ? {} : { mtu: port.mtu }), adminUp: port.carrier === 'up', carrier: port.carrier === 'up' }));
    if (!this.wires.has(wire.id)) return { id: wire.id, joined: false, up: false, ends, faults: [{ side: 'a', kind: 'end-missing' }] };
    return { id: wire.id, joined: true, up: ends.every((end) => end.carrier), ends, faults: [] };
  }
}
