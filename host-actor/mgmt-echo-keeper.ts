// Probes the other hosts of management networks at the pace of all probes, and tells each lab which of them answer.
import type { Logger } from 'pino';
import type { LoopHealth } from '../nats/loop-health.ts';
import { LabId } from '../machines/vocabulary/ids.ts';
import type { FarSeen } from '../machines/vocabulary/observation.ts';
import { EchoPace, ROUND_WITHIN_MS } from './echo-pace.ts';
import type { EchoResult } from './link-plane/echo-probe.ts';
import type { LinkPlane, MgmtHands } from './hands.ts';
import type { Seen } from './host-context.ts';
import type { MgmtPath } from './mgmt-network/probe-tunnels.ts';

export type MgmtEchoKeeperContext = {
  readonly network: Pick<MgmtHands, 'paths' | 'probe'>;
  readonly plane: Pick<LinkPlane, 'readUnderlays'>;
  readonly log: Logger;
  readonly loops: Pick<LoopHealth, 'expect'>;
  readonly everyMs?: number;
  readonly report: (lab: LabId, seen: Seen) => void;
  /** A tunnel was not as it was made. */
  readonly onDrift: () => void;
};

export class MgmtEchoKeeper {
  readonly #context: MgmtEchoKeeperContext;
  readonly #pace: EchoPace<MgmtPath>;
  #paths: readonly MgmtPath[] = [];
  #reading: Promise<void> = Promise.resolve();
  /** What each lab was told last. */
  readonly #told = new Map<string, string>();
  readonly #toTell = new Set<string>();

  constructor(context: MgmtEchoKeeperContext) {
    this.#context = context;
    const { plane, log, loops, everyMs } = context;
    this.#pace = new EchoPace({
      probe: (ids) => this.#probe(ids), readUnderlays: (remotes) => plane.readUnderlays(remotes), rounds: loops.expect('network echoes', ROUND_WITHIN_MS, 'as-needed'), everyMs,
      onChange: (path, { echo, reason }, before) => {
        if (before.echo !== echo) log.info({ network: path.network, remote: path.remote, echo, reason }, echo === 'ok' ? 'far host of management network answers' : 'far host of management network does not answer');
        this.#tellSoon(path.labs);
      },
    });
  }

  /** Takes the present ways to other hosts from the record of networks, and probes them at once. */
  async refresh(): Promise<void> {
    const read = async (): Promise<void> => {
      this.#paths = await this.#context.network.paths();
      for (const path of this.#paths) this.#pace.begin(path.id, { item: path, identity: JSON.stringify({ ...path, labs: [] }), remote: path.remote });
      const ids = new Set(this.#paths.map(({ id }) => id));
      for (const id of this.#pace.keys()) if (!ids.has(id)) this.#pace.forget(id);
    };
    this.#reading = this.#reading.then(read, read);
    await this.#reading;
  }

  /** What is known of the other hosts of a lab, for the answer to its order; remembered as told. */
  noteTold(lab: LabId): FarSeen[] {
    const far = this.#farOf(lab);
    this.#told.set(lab, JSON.stringify(far));
    return far;
  }

  forgetLab(lab: LabId): void {
    this.#told.delete(lab);
  }

  /** A device of the host has changed: hosts behind it are probed at once. */
  onDevice(name: string): void {
    this.#pace.onDevice(name);
  }

  stop(): void {
    this.#pace.stop();
  }

  async #probe(ids: readonly string[]): Promise<ReadonlyMap<string, EchoResult>> {
    const { results, isDrifted } = await this.#context.network.probe(this.#paths.filter(({ id }) => ids.includes(id)));
    if (isDrifted) this.#context.onDrift();
    return results;
  }

  /** The answers of one round are told together. */
  #tellSoon(labs: readonly string[]): void {
    if (this.#toTell.size === 0) {
      queueMicrotask(() => {
        const due = [...this.#toTell].toSorted();
        this.#toTell.clear();
        for (const lab of due) this.#tell(lab);
      });
    }
    for (const lab of labs) this.#toTell.add(lab);
  }

  #tell(lab: string): void {
    const far = this.#farOf(lab);
    const words = JSON.stringify(far);
    // What was just begun says soon what it is; until then nothing is taken back of what was told of it before.
    if (far.length === 0 || far.some(({ echo }) => echo === 'untold') || this.#told.get(lab) === words) return;
    this.#told.set(lab, words);
    this.#context.report(LabId.parse(lab), { type: 'network.echo', far });
  }

  #farOf(lab: string): FarSeen[] {
    return this.#paths.filter(({ labs }) => labs.includes(lab)).map(({ id, remote }) => {
      const { echo, reason } = this.#pace.seen(id);
      return { remote, echo, ...(reason === '' ? {} : { reason }) };
    });
  }
}
