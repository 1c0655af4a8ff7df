// Probes the far ends of legs at the pace of all probes, and tells when their answers change.
import type { Logger } from 'pino';
import type { LoopHealth } from '../nats/loop-health.ts';
import { EchoPace, ROUND_WITHIN_MS } from './echo-pace.ts';
import type { EchoSeen } from './echo-pace.ts';
import type { LinkPlane } from './hands.ts';
import type { WireState } from './link-plane/wire.ts';
import type { LinkEnsureOrder } from './wanted.ts';
import { wireIdOfLink } from './wire-of-order.ts';

export type EchoKeeperContext = {
  readonly plane: Pick<LinkPlane, 'probe' | 'readUnderlays'>;
  readonly log: Logger;
  readonly loops: Pick<LoopHealth, 'expect'>;
  readonly everyMs?: number;
};

export class EchoKeeper {
  readonly #pace: EchoPace<LinkEnsureOrder>;
  #tell: (order: LinkEnsureOrder) => void = () => {};

  constructor({ plane, log, loops, everyMs }: EchoKeeperContext) {
    this.#pace = new EchoPace({
      probe: (ids) => plane.probe(ids), readUnderlays: (remotes) => plane.readUnderlays(remotes), rounds: loops.expect('link echoes', ROUND_WITHIN_MS, 'as-needed'), everyMs,
      onChange: (order, { echo, reason }, before) => {
        if (before.echo !== echo) log.info({ labId: order.lab, linkId: order.link, echo, reason }, echo === 'ok' ? 'far end of link answers' : 'far end of link does not answer');
        this.#tell(order);
      },
    });
  }

  /** Who is told when the answer of a leg's probe has changed. */
  onChange(tell: (order: LinkEnsureOrder) => void): void {
    this.#tell = tell;
  }

  seen(wireId: string): EchoSeen {
    return this.#pace.seen(wireId);
  }

  /** Probes a leg that was made, changed or read, at once; another tunnel than before is untold again. No leg = nothing to do. */
  begin(order: LinkEnsureOrder, state: WireState): void {
    const key = wireIdOfLink(order);
    const end = state.ends.find(({ tunnel }) => tunnel !== undefined);
    if (order.leg === undefined || end?.tunnel === undefined) {
      this.#pace.forget(key);
      return;
    }
    this.#pace.begin(key, { item: order, identity: `${end.ifindex ?? ''} ${JSON.stringify(end.tunnel)} ${order.plan.mtu}`, remote: end.tunnel.remote });
  }

  /** Resolves when the leg's probe has said something since its last change, or after a while; at once for what is no leg. */
  async told(wireId: string): Promise<void> {
    await this.#pace.told(wireId);
  }

  /** A device of the host has changed: legs whose packets leave through it are probed at once. */
  onDevice(name: string): void {
    this.#pace.onDevice(name);
  }

  forget(wireId: string): void {
    this.#pace.forget(wireId);
  }

  stop(): void {
    this.#pace.stop();
  }
}
