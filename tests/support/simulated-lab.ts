// A lab without a host: commands go through decide and evolve, orders are answered as an ideal or a faulty host would.
import { deepStrictEqual } from 'node:assert';
import { ANSWER_WITHIN_MS } from '../../machines/policy/retry-policy.ts';
import { decide } from '../../machines/decide/decide.ts';
import { admit } from '../../machines/decide/admit.ts';
import { evolve } from '../../machines/evolve/evolve.ts';
import type { Heard } from '../../machines/evolve/heard.ts';
import { deepEqual } from '../../machines/plan/deep-equal.ts';
import { RecordedEntry } from '../../machines/evolve/upcast.ts';
import { isSaving } from '../../machines/evolve/apply-save.ts';
import { initialLab } from '../../machines/evolve/lab-state.ts';
import type { LabState } from '../../machines/evolve/lab-state.ts';
import { renderOrder } from '../../machines/evolve/render-order.ts';
import type { CarriedSource } from '../../machines/vocabulary/carried-file.ts';
import type { Command, Rejection } from '../../machines/vocabulary/command.ts';
import type { Order } from '../../machines/vocabulary/effect.ts';
import type { LabEvent, LogEntry } from '../../machines/vocabulary/event.ts';
import type { HostId } from '../../machines/vocabulary/ids.ts';
import type { Observation } from '../../machines/vocabulary/observation.ts';
import type { Facts } from '../../machines/plan/plan-lab.ts';
import { aboutLink } from '../../host-actor/link-reports.ts';
import { facts, host, lab } from './lab-builders.ts';

export type Answer = (order: Order, at: number) => Observation | null;

export class SimulatedLab {
  state: LabState = initialLab(lab('t'));
  readonly entries: LogEntry[] = [];
  readonly orders: Order[] = [];
  readonly news: string[] = [];
  #waiting: Order[] = [];
  #refolded: LabState = this.state;
  #again: (() => unknown) | undefined;
  at = 1_000;

  command(command: Command, over: Partial<Facts> = {}): readonly Rejection[] {
    this.#again = undefined;
    const decision = decide(command, this.state, facts({ now: this.at, ...over }));
    if (decision.kind === 'rejected') return decision.rejections;
    if (decision.kind === 'events') this.append([...decision.events]);
    if (decision.kind === 'saving') {
      if (decision.events.length > 0) this.append([...decision.events]);
      this.#again = () => this.command(command, over);
    }
    return [];
  }

  append(events: LabEvent[]): void {
    const entry: LogEntry = { v: 1, lab: this.state.id, n: this.state.n + 1, at: this.at, term: this.state.term, answerWithinMs: ANSWER_WITHIN_MS, events };
    this.#take(entry, evolve(this.state, entry));
  }

  observe(...seen: Observation[]): boolean {
    return this.observeOn(host('h1'), ...seen);
  }

  observeOn(from: HostId, ...seen: Observation[]): boolean {
    return this.hear(...seen.map((observation) => ({ host: from, observation })));
  }

  /** Reports with their places among all; false = none of them was news. */
  hear(...heard: Heard[]): boolean {
    const admission = admit(this.state, heard, this.at);
    if (!admission) return false;
    deepStrictEqual(admission.evolution.state, evolve(this.state, admission.entry).state);
    this.#take(admission.entry, admission.evolution);
    return true;
  }

  /** Answers orders until none waits; `answer` may return null to leave one unanswered. */
  run(answer: Answer = idealHost): this {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      this.at += 1;
      const seen = answer(next, this.at);
      if (seen) this.observeOn(next.host, seen);
    }
    return this.#decideAgain() ? this.run(answer) : this;
  }

  /** A command that waits for nodes to be saved, as the supervisor takes it up again. */
  #decideAgain(): boolean {
    if (isSaving(this.state)) return false;
    const again = this.#again;
    this.#again = undefined;
    again?.();
    return again !== undefined;
  }

  /** Lets the earliest deadline pass. */
  passDeadline(): string | null {
    const [first] = Object.entries(this.state.deadlines).toSorted((a, b) => a[1] - b[1]);
    if (!first) return null;
    this.at = Math.max(this.at, first[1]);
    this.append([{ type: 'DeadlinePassed', name: first[0] }]);
    return first[0];
  }

  states(): Record<string, string> {
    const all = [...Object.values(this.state.nodes), ...Object.values(this.state.links)];
    return Object.fromEntries(all.map((record) => [record.spec.id, record.machine.value]));
  }

  #take(entry: LogEntry, evolution: ReturnType<typeof evolve>): void {
    // Who decided, who reads the log, and who did the one and then the other know the same, whatever order the keys of what they hold have.
    const written = RecordedEntry.parse(JSON.parse(JSON.stringify(entry)));
    if (this.#refolded.n !== this.state.n) this.#refolded = this.state;
    const refolded = evolve(this.#refolded, written).state;
    for (const other of [refolded, evolve(this.state, written).state, evolve(this.#refolded, entry).state]) {
      if (!deepEqual(other, evolution.state)) deepStrictEqual(JSON.parse(JSON.stringify(other)), JSON.parse(JSON.stringify(evolution.state)));
    }
    this.#refolded = refolded;
    this.entries.push(entry);
    this.state = evolution.state;
    this.news.push(...evolution.news);
    const orders = evolution.effects.flatMap((effect) => renderOrder(this.state, effect) ?? []);
    this.orders.push(...orders);
    this.#waiting.push(...orders);
  }
}

/** What an ideal host reads out of a node. */
export const savedFile = (id: string): CarriedSource => ({ source: '/etc/frr/frr.conf', entries: [{ is: 'file', path: '', mode: 0o640, uid: 0, gid: 0, sha256: Buffer.from(id).toString('hex').padEnd(64, '0').slice(0, 64) }] });

/** Does all that it is ordered. */
export const idealHost: Answer = (order, at) => {
  const about = { effectId: order.id, at };
  switch (order.type) {
    case 'network.ensure':
      return { type: 'network.ready', ...about, bridge: order.mgmt.bridge || 'br-0123456789ab', foreign: false, ...(order.tunnel ? { far: order.tunnel.remotes.map((remote) => ({ remote, echo: 'ok' })) } : {}) };
    case 'network.remove':
      return { type: 'network.removed', ...about };
    case 'link.ensure':
      if (order.leg) return joinedLeg(order, order.leg, about);
      return { type: 'link.joined', ...about, ...aboutLink(order), adminUp: order.admin === 'up', carrier: { a: order.admin === 'up', b: order.admin === 'up' }, mtu: order.plan.mtu, held: [], cause: 'order' };
    case 'link.remove':
      return { type: 'link.removed', ...about, link: order.link };
    case 'node.prepare':
    case 'node.start':
    case 'node.stop':
    case 'node.remove':
    case 'node.exec':
    case 'node.save':
      return answerNode(order, about);
  }
};

/** A leg whose echo comes back at once. */
function joinedLeg(order: Extract<Order, { type: 'link.ensure' }>, leg: NonNullable<typeof order.leg>, about: { effectId: Order['id']; at: number }): Observation {
  const tunnel = order.plan.far?.tunnel;
  if (!tunnel) throw new Error(`leg without a tunnel: ${order.link}`);
  const up = order.admin === 'up' && leg.farAway === '';
  const [own, far] = leg.side === 'a' ? [tunnel.a, tunnel.b] : [tunnel.b, tunnel.a];
  return {
    type: 'link.joined', ...about, ...aboutLink(order), adminUp: order.admin === 'up', carrier: { a: up && leg.side === 'a', b: up && leg.side === 'b' }, mtu: order.plan.mtu, held: [], cause: 'order',
    ...(leg.undone ? {} : { tunnel: { side: leg.side, vni: tunnel.vni, local: own.vtep, remote: far.vtep, underlayMtu: 1500, echo: 'ok' as const } }),
  };
}

type NodeOrder = Exclude<Order, { type: `network.${string}` | `link.${string}` }>;

function answerNode(order: NodeOrder, about: { effectId: Order['id']; at: number }): Observation {
  const ofNode = { ...about, node: order.node.id, generation: order.plan.generation };
  switch (order.type) {
    case 'node.prepare':
      return { type: 'node.prepared', ...ofNode, runtimeId: `c-${order.node.id}-${order.plan.generation}` };
    case 'node.start':
      return { type: 'node.started', ...ofNode, runtimeId: `c-${order.node.id}-${order.plan.generation}`, pid: 100 + about.at, startedAt: about.at, cause: 'order' };
    case 'node.stop':
      return { type: 'node.stopped', ...ofNode };
    case 'node.remove':
      return { type: 'node.removed', ...ofNode };
    case 'node.save':
      return { type: 'node.saved', ...ofNode, files: [savedFile(order.node.id)] };
    case 'node.exec':
      return { type: 'node.exec-done', ...ofNode, results: order.commands.map((exec) => ({ ...exec, exitCode: 0, stdout: '', stderr: '' })) };
  }
}
