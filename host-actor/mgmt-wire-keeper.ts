// Keeps management interfaces joined: drift repaired at once and within the budget that the node's order carries, all of it reported.
import type { EffectId, LabId, NodeId } from '../machines/vocabulary/ids.ts';
import { REPAIR_OFF } from '../machines/vocabulary/repair-switches.ts';
import type { HostContext } from './host-context.ts';
import { reportSeen } from './host-context.ts';
import type { WireDrift } from './link-plane/find-drift.ts';
import { nodeKey } from './node-states.ts';
import { judgeRepair, waitWords } from './repair-budget.ts';
import type { LastingNodeOrder } from './wanted.ts';

export class MgmtWireKeeper {
  readonly #context: HostContext;
  readonly #repairs = new Map<string, readonly number[]>();
  /** The order whose budget is spent; the next order has a new one. */
  readonly #spent = new Map<string, EffectId>();
  readonly #timers = new Map<string, NodeJS.Timeout>();

  constructor(context: HostContext) {
    this.#context = context;
  }

  /** Repairs what the link plane saw go; more drift while a repair waits for its turn is part of it. */
  onDrift(lab: LabId, node: NodeId, drift: WireDrift): void {
    const key = nodeKey(lab, node);
    if (this.#timers.has(key)) return;
    void this.#context.queue.run(key, async () => await this.#repair(lab, node, drift)).catch((err: unknown) => {
      this.#context.log.warn({ err, labId: lab, nodeId: node }, 'management interface could not be repaired');
    });
  }

  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  async #repair(lab: LabId, node: NodeId, drift: WireDrift): Promise<void> {
    const { wanted, wires, now } = this.#context;
    const key = nodeKey(lab, node);
    const order = wanted.node(lab, node);
    if (order === undefined || order.type === 'node.remove' || this.#spent.get(key) === order.id) return;
    if (await leftUnplugged(this.#context, order, drift)) {
      this.#spent.set(key, order.id);
      return;
    }
    if (this.#spent.delete(key)) this.#repairs.delete(key);
    const verdict = judgeRepair(now(), this.#repairs.get(key) ?? [], order.mgmtBudget ?? order.budget);
    if (verdict.kind === 'wait') {
      const ms = verdict.until - now();
      this.#later(lab, node, { drift, ms });
      await this.#tellWait(order, drift, ms);
      return;
    }
    if (verdict.kind === 'spent') {
      this.#giveUp(order, { drift, count: verdict.count });
      return;
    }
    const wired = await wires.ensureSandbox(order);
    if (!wired.changed) return;
    this.#repairs.set(key, verdict.history);
    reportSeen(this.#context, lab, { type: 'network.repaired', what: `management interface of node ${node}: ${drift.what}` });
  }

  #later(lab: LabId, node: NodeId, { drift, ms }: { drift: WireDrift; ms: number }): void {
    const key = nodeKey(lab, node);
    this.#timers.set(key, setTimeout(() => {
      this.#timers.delete(key);
      this.onDrift(lab, node, drift);
    }, ms));
  }

  /** What was mended with the last repair and is seen only now is no fault. */
  async #tellWait(order: LastingNodeOrder, drift: WireDrift, waitMs: number): Promise<void> {
    const state = await this.#context.wires.look(order).catch(() => undefined);
    if (state?.faults.length === 0) return;
    reportSeen(this.#context, order.lab, { type: 'network.drifted', what: `management interface of node ${order.node.id}: ${drift.what}`, why: waitWords(waitMs) });
  }

  #giveUp(order: LastingNodeOrder, { drift, count }: { drift: WireDrift; count: number }): void {
    const { lab, node } = order;
    const { windowMs } = order.mgmtBudget ?? order.budget;
    this.#spent.set(nodeKey(lab, node.id), order.id);
    // The next order makes it again with all that belongs to it.
    this.#context.prepared.forget(lab, node.id);
    const message = `management interface of node ${node.id} was repaired ${count} times within ${windowMs} ms and broke again: ${drift.what}. Find out who removes it, then restart the node`;
    reportSeen(this.#context, lab, { type: 'node.unplugged', node: node.id, generation: order.plan.generation, code: 'repair-budget-spent', message });
    this.#context.log.error({ labId: lab, nodeId: node.id, what: drift.what, count }, 'management interface is no longer repaired');
  }
}

/** Whether the node's management interface is not as ordered and waits for a person, which is told. */
export async function leftUnplugged(context: HostContext, order: LastingNodeOrder, drift?: WireDrift): Promise<boolean> {
  const { lab, node, plan } = order;
  const state = context.repairs.isPartlyOff(lab) ? await context.wires.look(order).catch(() => undefined) : undefined;
  const why = state && context.repairs.offForWire(lab, state, drift);
  if (why === undefined) return false;
  context.prepared.forget(lab, node.id);
  reportSeen(context, lab, { type: 'node.unplugged', node: node.id, generation: plan.generation, code: REPAIR_OFF, message: `management interface of node ${node.id}: ${why}; a restart of the node makes it anew` });
  return true;
}
