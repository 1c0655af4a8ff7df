// Orders in: checked, judged, written down, and only then carried out, one after another for each object.
import type { Logger } from 'pino';
import { Order } from '../machines/vocabulary/effect.ts';
import { EffectId, LabId } from '../machines/vocabulary/ids.ts';
import { crashPhases, crashPoint } from './crash-point.ts';
import { carryOut } from './effect-handlers.ts';
import { failureOf, HostActorError } from './host-actor-error.ts';
import type { HostContext } from './host-context.ts';
import { judgeOrders } from './judge-orders.ts';
import type { NodeLease } from './node-lease.ts';
import { isLasting, objectKey, objectOf } from './order-object.ts';
import type { ObjectRef } from './order-object.ts';

/** Processes of ours that may end with an order unanswered: what kills each of them must not do so for ever. */
const MOST_TAKEN_UP = 3;
/** How often it is looked whether a start that waits for contact may go on. */
const HELD_LOOK_MS = 250;

export class OrderIntake {
  readonly #context: HostContext;
  readonly #lease: Pick<NodeLease, 'mayStart'>;
  readonly #log: Logger;
  readonly #waiting = new Map<string, number>();
  /** What came before `resume`, and is not its business. */
  readonly #fresh = new Set<EffectId>();
  readonly #grew = new Map<LabId, number>();
  #resumed = false;
  #stopped = false;

  constructor(context: HostContext, lease: Pick<NodeLease, 'mayStart'>) {
    this.#context = context;
    this.#lease = lease;
    this.#log = context.log;
  }

  /** Whether an order about the object waits or runs. */
  hasOrder(key: string): boolean {
    return (this.#waiting.get(key) ?? 0) > 0;
  }

  /** Whether any order waits or runs. */
  isBusy(): boolean {
    return this.#waiting.size > 0;
  }

  /** When the last order came about an object of the lab of which none was held before: more of its kind may be on their way. */
  grewAt(lab: LabId): number {
    return this.#grew.get(lab) ?? 0;
  }

  /** Orders accepted and not yet answered. */
  get open(): number {
    return this.#context.ledger.state.open.size;
  }

  /** Resolves when the orders are safe on disk (then the message may be acknowledged); they are carried out afterwards. */
  async accept(raw: readonly unknown[]): Promise<void> {
    const { ledger, out, wanted, now } = this.#context;
    const orders = raw.flatMap((order) => this.#parse(order) ?? []);
    const { accepted, answered, dropped } = judgeOrders(ledger.state, orders);
    for (const { order, why } of dropped) this.#log.debug({ labId: order.lab, effectId: order.id, why }, 'order was dropped');
    for (const order of answered) {
      const answer = ledger.state.answers.get(order.id);
      if (answer !== undefined) out.report(order.lab, { ...answer.observation, at: now() });
    }
    if (accepted.length === 0) return;
    // Counted from the moment on that the ledger knows them, so that no sweep takes their work for drift.
    for (const order of accepted) this.#count(order, 1);
    for (const order of accepted) if (!ledger.state.orders.has(objectKey(objectOf(order)))) this.#grew.set(order.lab, now());
    if (!this.#resumed) for (const { id } of accepted) this.#fresh.add(id);
    wanted.note(accepted);
    for (const order of accepted) {
      if (order.type === 'node.stop' || order.type === 'node.remove' || order.type === 'node.start') this.#context.interrupts.interrupt(order.lab, order.node.id);
    }
    try {
      await ledger.append([{ r: 'orders', orders: [...accepted] }], 'synced');
    } catch (error) {
      for (const order of accepted) this.#count(order, -1);
      throw error;
    }
    crashPhases(accepted);
    crashPoint('after-accept-before-ack');
    setImmediate(() => {
      crashPoint('after-ack-before-execute');
      for (const order of accepted) this.#run(order);
    });
  }

  /** Carries out what an earlier process of ours accepted and did not answer. */
  async resume(): Promise<void> {
    const { ledger } = this.#context;
    const orders = [...ledger.state.open.values()].filter(({ id }) => !this.#fresh.has(id));
    this.#fresh.clear();
    this.#resumed = true;
    for (const order of orders) this.#count(order, 1);
    // Counted before they are tried: a try that kills us counts too.
    if (orders.length > 0) await ledger.append(orders.map(({ id }) => ({ r: 'taken-up', id, times: (ledger.state.takenUp.get(id) ?? 0) + 1 })), 'written');
    for (const order of orders) this.#run(order);
  }

  stop(): void {
    this.#stopped = true;
  }

  #parse(raw: unknown): Order | undefined {
    const parsed = Order.safeParse(raw);
    if (parsed.success) {
      if (parsed.data.host === this.#context.hands.host) return parsed.data;
      this.#log.error({ effectId: parsed.data.id, hostId: parsed.data.host }, 'order is for another host, dropped');
      return undefined;
    }
    const message = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
    this.#log.error({ issues: message }, 'order is not valid');
    this.#refuse(raw, message);
    return undefined;
  }

  /** An order that this version does not understand is answered, as far as it says who asked. */
  #refuse(raw: unknown, issues: string): void {
    if (typeof raw !== 'object' || raw === null || !('id' in raw) || !('lab' in raw)) return;
    const [id, lab] = [EffectId.safeParse(raw.id), LabId.safeParse(raw.lab)];
    if (!id.success || !lab.success) return;
    this.#context.out.report(lab.data, { type: 'effect.failed', effectId: id.data, at: this.#context.now(), code: 'order-invalid', message: `order is not understood by this host: ${issues}`, retryable: false, log: [] });
  }

  #run(order: Order): void {
    // Kept from an earlier process, or in the queue while this host was cut off: the node may live elsewhere by now. What undoes it comes in time.
    if (order.type === 'node.start' && !this.#stopped && !this.#lease.mayStart(order)) {
      setTimeout(() => this.#run(order), HELD_LOOK_MS);
      return;
    }
    const object = objectOf(order);
    void this.#context.queue.run(objectKey(object), async () => {
      try {
        if (!this.#stopped) await this.#carryOut(order, object);
      } finally {
        this.#count(order, -1);
      }
    });
  }

  async #carryOut(order: Order, object: ObjectRef): Promise<void> {
    const { out, ledger, now } = this.#context;
    const startedAt = performance.now();
    try {
      this.#refuseSuperseded(order, object);
      this.#refuseDeadly(order);
      const seen = await carryOut(this.#context, order);
      // The union is put together again from its two halves.
      out.report(order.lab, { ...seen, effectId: order.id, at: now() } as Parameters<typeof out.report>[1]);
      this.#log.debug({ labId: order.lab, effectId: order.id, order: order.type, durationMs: performance.now() - startedAt }, 'order was carried out');
    } catch (err) {
      const failure = failureOf(err);
      this.#log.warn({ err, labId: order.lab, effectId: order.id, order: order.type, durationMs: performance.now() - startedAt }, 'order failed');
      if (isLasting(order) && failure.code !== 'superseded') await ledger.append([{ r: 'rest', lab: object.lab, kind: object.kind, object: object.id, order: order.id, why: 'failed' }], 'written');
      out.report(order.lab, { type: 'effect.failed', effectId: order.id, at: now(), ...failure });
    }
  }

  /** A start includes the preparation before it; everything else that a newer order replaces is not worth doing. */
  #refuseSuperseded(order: Order, object: ObjectRef): void {
    const newest = this.#context.ledger.state.orders.get(objectKey(object));
    if (!isLasting(order) || newest === undefined || newest.id === order.id) return;
    if (order.type === 'node.prepare' && newest.type === 'node.start') return;
    throw new HostActorError('superseded', { message: `order ${order.id} was replaced by ${newest.id} before it was carried out`, retryable: false });
  }

  /** The supervisor may order it again, as often as any other failure. */
  #refuseDeadly({ id }: Order): void {
    const times = this.#context.ledger.state.takenUp.get(id) ?? 0;
    if (times > MOST_TAKEN_UP) throw new HostActorError('died-of-it', { message: `order ${id} was begun ${times} times, and the host-actor ended each time before it was answered`, retryable: true });
  }

  #count(order: Order, by: number): void {
    const key = objectKey(objectOf(order));
    const count = (this.#waiting.get(key) ?? 0) + by;
    if (count > 0) this.#waiting.set(key, count);
    else this.#waiting.delete(key);
  }
}
