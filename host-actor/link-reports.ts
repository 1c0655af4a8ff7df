// What was last read and told of each link, so that only news is told.
import type { LabId, LinkId, NodeId } from '../machines/vocabulary/ids.ts';
import type { Cause, TunnelSeen } from '../machines/vocabulary/observation.ts';
import type { EchoSeen } from './echo-pace.ts';
import type { Seen } from './host-context.ts';
import type { CarrierEvent } from './link-plane/find-drift.ts';
import type { TunnelRead, WireState } from './link-plane/wire.ts';
import type { NodeStates } from './node-states.ts';
import { objectKey } from './order-object.ts';
import type { LinkEnsureOrder } from './wanted.ts';
import type { Wired } from './wire-room.ts';
import { heldNodes, wireIdOfLink } from './wire-of-order.ts';

type Carrier = { readonly a: boolean; readonly b: boolean };
type Told = { readonly carrier: Carrier; readonly adminUp: boolean; readonly mtu: number; readonly held: readonly NodeId[]; readonly tunnel?: TunnelSeen };

export type LinkReportsContext = {
  readonly states: NodeStates;
  readonly now: () => number;
  /** What the probe of a leg says now. */
  readonly echoOf: (wireId: string) => EchoSeen;
  readonly report: (lab: LabId, seen: Seen) => void;
};

export class LinkReports {
  readonly #context: LinkReportsContext;
  readonly #told = new Map<string, Told>();
  /** What the kernel said last of the tunnel of a leg. */
  readonly #tunnels = new Map<string, TunnelRead>();
  /** Interface indexes of a link's host ends, as last read. */
  readonly #ends = new Map<string, string>();
  /** When the repair of a link was last told. */
  readonly #repairedAt = new Map<string, number>();

  constructor(context: LinkReportsContext) {
    this.#context = context;
  }

  /** A joined link in the words of a report; remembered as told. */
  joined(order: LinkEnsureOrder, state: WireState, cause: Cause): Seen {
    return { type: 'link.joined', ...aboutLink(order), ...wordsOf(this.#note(order, state)), cause };
  }

  /** Tells a joined link if it differs from what was told last. */
  tellIfNews(order: LinkEnsureOrder, state: WireState, cause: Cause): void {
    const before = JSON.stringify(this.#told.get(wireIdOfLink(order)));
    const seen = this.joined(order, state, cause);
    if (JSON.stringify(this.#told.get(wireIdOfLink(order))) !== before) this.#context.report(order.lab, seen);
  }

  /** @param startedAt - `performance.now()` at the begin of the repair */
  tellRepair(order: LinkEnsureOrder, { state }: Wired, { what, startedAt }: { what: string; startedAt: number }): void {
    const told = this.#note(order, state);
    this.#repairedAt.set(wireIdOfLink(order), this.#context.now());
    this.#context.report(order.lab, { type: 'link.repaired', ...aboutLink(order), what, workMs: Math.round((performance.now() - startedAt) * 10) / 10, ...wordsOf(told) });
  }

  /** Tells what the probe of a leg says now; nothing while the leg is not known to be joined. */
  tellEcho(order: LinkEnsureOrder, cause: Cause): void {
    const key = wireIdOfLink(order);
    const before = this.#told.get(key);
    const read = this.#tunnels.get(key);
    if (before?.tunnel === undefined || read === undefined || order.leg === undefined) return;
    const told = { ...before, tunnel: this.#tunnelSeen(order.leg.side, key, read) };
    if (JSON.stringify(told) === JSON.stringify(before)) return;
    this.#told.set(key, told);
    this.#context.report(order.lab, { type: 'link.joined', ...aboutLink(order), ...wordsOf(told), cause });
  }

  tellCarrier(order: LinkEnsureOrder, event: CarrierEvent): void {
    const key = wireIdOfLink(order);
    const before = this.#told.get(key);
    if (before === undefined) return;
    const carrier = changedCarrier(order, before.carrier, event);
    if (carrier.a === before.carrier.a && carrier.b === before.carrier.b) return;
    this.#told.set(key, { ...before, carrier });
    this.#context.report(order.lab, { type: 'link.carrier', ...aboutLink(order), carrier });
  }

  /** Host ends as last read, in a form to compare with `endsOf`; undefined for a link never read. */
  lastEnds(order: LinkEnsureOrder): string | undefined {
    return this.#ends.get(wireIdOfLink(order));
  }

  /** Whether a repair that ended after this moment (epoch ms) was told. */
  wasRepairedSince(order: LinkEnsureOrder, at: number): boolean {
    return at <= (this.#repairedAt.get(wireIdOfLink(order)) ?? 0);
  }

  forget(lab: LabId, link: LinkId): void {
    const key = objectKey({ lab, kind: 'link', id: link });
    this.#told.delete(key);
    this.#tunnels.delete(key);
    this.#ends.delete(key);
    this.#repairedAt.delete(key);
  }

  #note(order: LinkEnsureOrder, state: WireState): Told {
    const key = wireIdOfLink(order);
    const read = order.leg === undefined ? undefined : state.ends.find((end) => end.tunnel !== undefined)?.tunnel;
    const tunnel = read === undefined || order.leg === undefined ? {} : { tunnel: this.#tunnelSeen(order.leg.side, key, read) };
    if (read !== undefined) this.#tunnels.set(key, read);
    const told = { ...tunnel, carrier: carrierOf(order, state), adminUp: order.admin === 'up', mtu: mtuOf(order, state), held: heldNodes(order, (node) => this.#context.states.isAway(order.lab, node)) };
    this.#ends.set(key, endsOf(state));
    this.#told.set(key, told);
    return told;
  }

  #tunnelSeen(side: 'a' | 'b', key: string, { vni, local, remote }: TunnelRead): TunnelSeen {
    const { echo, underlayMtu, reason } = this.#context.echoOf(key);
    return { side, vni, local, remote, underlayMtu, echo, ...(reason === '' ? {} : { reason }) };
  }
}

/** Which link a report is of, and of which of its plans. */
export function aboutLink({ link, plan }: LinkEnsureOrder): { link: LinkId; generation?: number } {
  return { link, ...(plan.generation === undefined ? {} : { generation: plan.generation }) };
}

/** A link's host ends by interface index: another text means that one was made again. */
export function endsOf(state: WireState): string {
  return state.ends.map((end) => `${end.side}${end.ifindex ?? ''}`).join(' ');
}

function wordsOf(told: Told) {
  return { adminUp: told.adminUp, carrier: { ...told.carrier }, mtu: told.mtu, held: [...told.held], ...(told.tunnel === undefined ? {} : { tunnel: told.tunnel }) };
}

/** The smallest that was read of the ends here; what was ordered where there is none to read. */
function mtuOf(order: LinkEnsureOrder, { ends }: WireState): number {
  const read = ends.flatMap(({ mtu }) => mtu ?? []);
  return read.length === 0 ? order.plan.mtu : Math.min(...read);
}

function changedCarrier(order: LinkEnsureOrder, before: Carrier, event: CarrierEvent): Carrier {
  if (order.leg !== undefined) return ofSide(order.leg.side, event.carrier);
  return isPair(order) ? { ...before, [event.side]: event.carrier } : { a: event.carrier, b: event.carrier };
}

/** The other end's carrier is read by its own host. */
function ofSide(side: 'a' | 'b', carrier: boolean): Carrier {
  return { a: side === 'a' && carrier, b: side === 'b' && carrier };
}

/** Whether both ends of the link have a host end of their own. */
function isPair(order: LinkEnsureOrder): boolean {
  const pair = ['node', 'node-bridge'];
  return pair.includes(order.a.end.at) && pair.includes(order.b.end.at);
}

/** A device that lives in the node only (macvlan, dummy) has no end on the host whose carrier could be read. */
function carrierOf(order: LinkEnsureOrder, state: WireState): Carrier {
  const [first, second] = state.ends;
  if (first === undefined) return { a: true, b: true };
  if (order.leg !== undefined) return ofSide(order.leg.side, first.carrier);
  if (!isPair(order) || second === undefined) return { a: first.carrier, b: first.carrier };
  const sideA = state.ends.find((end) => end.side === 'a');
  const sideB = state.ends.find((end) => end.side === 'b');
  return { a: sideA?.carrier ?? false, b: sideB?.carrier ?? false };
}
