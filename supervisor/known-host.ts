// What the supervisor knows of one host, and how each sign of life changes it: its life, its processes, whether it may be told anything.
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Plain } from '../machines/evolve/run-machine.ts';
import { hostStepper } from '../machines/evolve/steppers.ts';
import { noteInstance, rivalsOf, toFence, withoutSilent } from '../machines/host/host-instances.ts';
import type { KnownInstance } from '../machines/host/host-instances.ts';
import { hostStateOf } from '../machines/host/host-machine.ts';
import type { HostContext, HostEvent, HostLife } from '../machines/host/host-machine.ts';
import { HostFacts } from '../machines/vocabulary/host-facts.ts';
import { LoopReport, loopProblem } from '../machines/vocabulary/loop-report.ts';
import { HOST_PROTOCOL, protocolMismatch } from '../machines/vocabulary/host-protocol.ts';
import type { HostInstance, HostState } from '../machines/vocabulary/host-view.ts';
import type { HostId } from '../machines/vocabulary/ids.ts';

/** Silence in milliseconds after which a host is suspect, and after which it is lost. It beats every two seconds. */
export type Patience = { readonly suspectMs: number; readonly lostMs: number };

export const Beat = z.looseObject({
  version: z.string().optional(), protocol: z.number().int().optional(), bootId: z.string().optional(),
  /** One for each process. */
  instance: z.string().optional(), startedAt: z.number().int().nonnegative().optional(),
  /** It was told that a newer process speaks in its name, and is passive. */
  fenced: z.object({ by: z.string() }).optional(),
  /** Digest of what it can do; another one = worth asking. */
  fingerprint: z.string().optional(),
  /** Strange ones void no sign of life. */
  loops: z.array(LoopReport).optional().catch(undefined),
  ...HostFacts.shape,
});
export type Beat = z.infer<typeof Beat>;

/** Long enough for every lab to take note that the host was lost: orders may have gone to the process that was fenced. */
const CONFLICT_HOLD_MS = 2_000;

export class KnownHostRecord {
  readonly id: HostId;
  firstSeenAt: number;
  lastSeenAt: number;
  beat: Beat = {};
  readonly #log: Logger;
  readonly #version: string;
  /** What it says itself is not well with it. */
  #ailments: readonly string[] = [];
  #machine: Plain<HostContext> = hostStepper.initial();
  #instances: readonly KnownInstance[] = [];
  #holdUntil = 0;

  constructor(id: HostId, parts: { logger: Logger; version: string; now: number }) {
    this.id = id;
    this.firstSeenAt = parts.now;
    this.lastSeenAt = parts.now;
    this.#log = parts.logger.child({ hostId: id });
    this.#version = parts.version;
  }

  get state(): HostState {
    return hostStateOf(this.#machine.value as HostLife, this.#machine.context);
  }

  get wish(): HostContext['wish'] {
    return this.#machine.context.wish;
  }

  /** Processes that speak in its name at the same time, the newest first. */
  conflict(): HostInstance[] {
    return rivalsOf(this.#instances).map(({ instance, startedAt, lastSeenAt, fenced }) => ({ instance, startedAt, lastSeenAt, fenced }));
  }

  instances(): string[] {
    return this.#instances.map((one) => one.instance);
  }

  /** What is not well, in words; undefined when nothing is known. */
  problem(now: number): string | undefined {
    const life = this.#lifeProblem(now);
    return [...(life === undefined ? [] : [life]), ...this.#ailments].join('; ') || undefined;
  }

  #lifeProblem(now: number): string | undefined {
    const [newest, ...older] = this.conflict();
    if (newest !== undefined) {
      const acting = older.filter((one) => !one.fenced).length;
      return `${older.length + 1} host-actors speak in its name: the newest (${newest.instance}) counts, ${acting === 0 ? 'all older ones are fenced' : `${acting} older ${acting === 1 ? 'one is' : 'ones are'} being fenced`}. Stop the one that should not be`;
    }
    if (this.#instances.some((one) => one.fenced)) return 'the one host-actor that speaks in its name was fenced and is passive: start it anew there (labwright down, labwright up)';
    if (this.state === 'lost' || this.state === 'suspect') return `silent for ${Math.round((now - this.lastSeenAt) / 1000)} s`;
    return this.state === 'incompatible' ? this.mismatch(this.beat) : undefined;
  }

  /** Why its protocol does not fit this supervisor's. */
  mismatch(told: { protocol?: number | undefined; version?: string | undefined }): string | undefined {
    return protocolMismatch(`host ${this.id}`, told, { protocol: HOST_PROTOCOL, version: this.#version });
  }

  /** Takes a sign of life; says which processes are to be fenced, and by which. */
  hear(beat: Beat, { now, windowMs }: { now: number; windowMs: number }): { fence: readonly string[]; by: string } {
    if (beat.instance !== undefined) this.#instances = noteInstance(this.#instances, { instance: beat.instance, startedAt: beat.startedAt ?? 0, fenced: beat.fenced !== undefined }, { now, windowMs });
    const rivals = rivalsOf(this.#instances);
    const [newest] = rivals;
    const fence = toFence(rivals).map((one) => one.instance);
    if (newest !== undefined && fence.length > 0) {
      if (now >= this.#holdUntil) this.#log.error({ newest: newest.instance, fence }, 'two host-actors speak in one name, the older is fenced');
      this.#holdUntil = now + CONFLICT_HOLD_MS;
      this.send({ type: 'silent' });
    }
    // Only the process that counts says what the host has and whether it lives.
    if (newest !== undefined && newest.instance !== beat.instance) return { fence, by: newest.instance };
    // One that was fenced enforces nothing, so it is no life, also when it is left alone.
    if (beat.fenced !== undefined) return { fence, by: '' };
    this.beat = beat;
    this.lastSeenAt = now;
    this.#noteAilments(ailmentsOf(beat));
    if (now < this.#holdUntil) this.send({ type: 'silent' });
    else this.send({ type: this.mismatch(beat) === undefined ? 'beat' : 'strange' });
    return { fence, by: newest?.instance ?? '' };
  }

  /** What it spoke when another supervisor, or an earlier life of this one, heard it; its own word counts more. */
  expectProtocol(protocol: number): void {
    if (this.#machine.value !== 'expected') return;
    this.beat = { ...this.beat, protocol };
    if (this.mismatch({ protocol }) !== undefined) this.send({ type: 'strange' });
  }

  /** Time has passed. */
  look(now: number, patience: Patience): void {
    this.#instances = withoutSilent(this.#instances, { now, windowMs: patience.suspectMs });
    const silentMs = now - this.lastSeenAt;
    // What it said last is of another time.
    if (silentMs >= patience.suspectMs) this.#ailments = [];
    if (silentMs >= patience.lostMs) this.send({ type: 'silent' });
    else if (silentMs >= patience.suspectMs) this.send({ type: 'overdue' });
  }

  #noteAilments(ailments: readonly string[]): void {
    if (ailments.join() !== this.#ailments.join()) {
      if (ailments.length > 0) this.#log.error({ ailments }, 'host is not well');
      else this.#log.info('host is well again');
    }
    this.#ailments = ailments;
  }

  send(event: HostEvent): void {
    const { next, handled } = hostStepper.step(this.#machine, event);
    if (!handled) return;
    if (next.value !== this.#machine.value) this.#log.info({ from: this.#machine.value, to: next.value }, 'host changed its state');
    this.#machine = next;
  }
}

/** What a sign of life tells of troubles, in words that stay the same while they last. */
function ailmentsOf({ engineConnected, loops }: Beat): string[] {
  return [
    ...(engineConnected === false ? ['its container engine does not answer: it gets no new containers, and those that are there are not kept until it does'] : []),
    ...(loops ?? []).flatMap((loop) => loopProblem(loop) ?? []),
  ];
}
