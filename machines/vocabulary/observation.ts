// Everything a host may report: what it read back, with the effect and generation it belongs to.
import { z } from 'zod';
import { CarriedSource } from './carried-file.ts';
import { EffectId, EpochMs, HostId, LabId, LinkId, NodeId } from './ids.ts';
import { OrphanKind } from './orphan.ts';

/** Answer to an order when `effectId` is set; seen by itself otherwise. */
const about = { effectId: EffectId.optional(), at: EpochMs };
const ofNode = { ...about, node: NodeId, generation: z.number().int() };
const ofLink = { ...about, link: LinkId };
/** `generation` is that of the plan which the host holds; absent where that has none, and in reports of older hosts. */
const ofPlannedLink = { ...ofLink, generation: z.number().int().optional() };

export const ExecResult = z.object({
  command: z.string(),
  target: z.enum(['container', 'host']),
  exitCode: z.number().int(),
  stdout: z.string(),
  stderr: z.string(),
});
export type ExecResult = z.infer<typeof ExecResult>;

/** Why something happened: we were ordered, the host repaired it, or somebody else did it. */
export const Cause = z.enum(['order', 'repair', 'external']);
export type Cause = z.infer<typeof Cause>;

/**
 * One end of a link across hosts, read back. `echo`: whether a frame of full size came back from the far kernel;
 * `untold` = not tried yet. The end that this host does not hold has carrier false.
 */
export const TunnelSeen = z.object({
  side: z.enum(['a', 'b']),
  vni: z.number().int(),
  local: z.string(),
  remote: z.string(),
  underlayMtu: z.number().int(),
  echo: z.enum(['untold', 'ok', 'lost']),
  /** Why no frame came back. */
  reason: z.string().optional(),
});
export type TunnelSeen = z.infer<typeof TunnelSeen>;

/** Another host of the lab's management network, by its underlay address. `echo` and `reason` as of a link's tunnel. */
export const FarSeen = TunnelSeen.pick({ remote: true, echo: true, reason: true });
export type FarSeen = z.infer<typeof FarSeen>;

const carrier = z.object({ a: z.boolean(), b: z.boolean() });

export const Observation = z.discriminatedUnion('type', [
  /** Whose the network will be, known before it is made: links need not wait for the rest. */
  z.object({ type: z.literal('network.foreseen'), ...about, bridge: z.string(), foreign: z.boolean() }),
  /** `far`: all other hosts of the network; none in reports of older hosts, which do not probe them. */
  z.object({ type: z.literal('network.ready'), ...about, bridge: z.string(), foreign: z.boolean(), far: z.array(FarSeen).optional() }),
  /** Which of the other hosts send a frame of full size back now; all of them, each time that one has changed. */
  z.object({ type: z.literal('network.echo'), ...about, far: z.array(FarSeen) }),
  z.object({ type: z.literal('network.removed'), ...about }),
  z.object({ type: z.literal('network.repaired'), ...about, what: z.string() }),
  /** Not as it was made, and left so: `why` says who wants that. */
  z.object({ type: z.literal('network.drifted'), ...about, what: z.string(), why: z.string() }),
  /** It bore the lab's mark and no order of the lab wanted it; `seenForMs` as of an orphan. */
  z.object({ type: z.literal('orphan.removed'), ...about, kind: OrphanKind, name: z.string(), seenForMs: z.number().int() }),
  /** The same, left as it is: `why` says who wants that. */
  z.object({ type: z.literal('orphan.left'), ...about, kind: OrphanKind, name: z.string(), why: z.string() }),
  z.object({ type: z.literal('node.prepared'), ...ofNode, runtimeId: z.string().optional() }),
  z.object({ type: z.literal('node.started'), ...ofNode, runtimeId: z.string().optional(), pid: z.number().int().optional(), startedAt: EpochMs, cause: Cause }),
  z.object({ type: z.literal('node.stopped'), ...ofNode, exitCode: z.number().int().optional() }),
  /** The process ended by itself or by somebody's hand; `next` says what the host does about it. */
  z.object({ type: z.literal('node.died'), ...ofNode, runtimeId: z.string().optional(), exitCode: z.number().int(), oomKilled: z.boolean(),
    log: z.array(z.string()), next: z.enum(['restart', 'leave', 'gave-up']),
    /** Why the host gives up although it could go on. */
    why: z.string().optional() }),
  z.object({ type: z.literal('node.removed'), ...ofNode }),
  /** The repair budget of its management interface is spent: the host waits for the node's next order. */
  z.object({ type: z.literal('node.unplugged'), ...ofNode, code: z.string(), message: z.string() }),
  /** How far a long step has come, in words (an image being pulled); shown, never recorded. */
  z.object({ type: z.literal('node.progress'), ...ofNode, text: z.string() }),
  z.object({ type: z.literal('node.health'), ...ofNode, status: z.enum(['starting', 'healthy', 'unhealthy']) }),
  z.object({ type: z.literal('node.exec-done'), ...ofNode, results: z.array(ExecResult) }),
  /** What was read out of the node, each file by its absolute path there; the installation holds the pieces. `problem`: what could not be saved, and why. */
  z.object({ type: z.literal('node.saved'), ...ofNode, files: z.array(CarriedSource), problem: z.string().optional() }),
  /** One engine event of a container of ours, kept for the history. */
  z.object({ type: z.literal('node.engine'), ...ofNode, runtimeId: z.string(), action: z.string(), exitCode: z.number().int().optional() }),
  /** Both ends read back joined, `mtu` the smaller of theirs (hosts of before repeated the order's); `held` names nodes whose process is away, so that carrier is taken. */
  z.object({ type: z.literal('link.joined'), ...ofPlannedLink, adminUp: z.boolean(), carrier, mtu: z.number().int(), held: z.array(NodeId), cause: Cause, tunnel: TunnelSeen.optional() }),
  z.object({ type: z.literal('link.lost'), ...ofPlannedLink, what: z.string() }),
  /** Milliseconds of the repair itself, from its detection on: the kernel does not say when the fault was. */
  z.object({ type: z.literal('link.repaired'), ...ofPlannedLink, what: z.string(), workMs: z.number(), adminUp: z.boolean(), carrier,
    /** As of `link.joined`; absent in reports of older hosts. */
    mtu: z.number().int().optional(), held: z.array(NodeId), tunnel: TunnelSeen.optional() }),
  z.object({ type: z.literal('link.carrier'), ...ofPlannedLink, carrier }),
  z.object({ type: z.literal('link.gave-up'), ...ofPlannedLink, code: z.string(), message: z.string() }),
  z.object({ type: z.literal('link.removed'), ...ofLink }),
  /** An order that could not be carried out. */
  z.object({ type: z.literal('effect.failed'), effectId: EffectId, at: EpochMs, code: z.string(), message: z.string(), retryable: z.boolean(), log: z.array(z.string()) }),
]);
export type Observation = z.infer<typeof Observation>;

/** In words, for the news and the history. */
export function orphanWords(seen: Extract<Observation, { type: 'orphan.removed' | 'orphan.left' }>): string {
  const what = `${seen.kind} ${seen.name} bears the mark of this lab and no order wants it`;
  return seen.type === 'orphan.removed' ? `${what}: removed after ${Math.round(seen.seenForMs / 1000)} s` : `${what}; ${seen.why}`;
}

/** One message of a host; what waits together travels together. */
export const Report = z.object({
  v: z.literal(1),
  id: z.string(),
  host: HostId,
  lab: LabId,
  observations: z.array(Observation).min(1),
});
export type Report = z.infer<typeof Report>;
