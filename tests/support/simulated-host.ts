// A host that speaks the real queues but makes nothing: it remembers what it was ordered and answers as an ideal host would.
import type { NatsConnection } from '@nats-io/transport-node';
import { Order } from '../../machines/vocabulary/effect.ts';
import type { HostFacts } from '../../machines/vocabulary/host-facts.ts';
import { HOST_PROTOCOL } from '../../machines/vocabulary/host-protocol.ts';
import type { HostId } from '../../machines/vocabulary/ids.ts';
import type { Observation, Report } from '../../machines/vocabulary/observation.ts';
import { publishReports } from '../../nats/report-queue.ts';
import { beatSubject } from '../../nats/subjects.ts';
import { consumeOrders } from '../../nats/work-queue.ts';
import { idealHost } from './simulated-lab.ts';
import type { Answer } from './simulated-lab.ts';

export type SimulatedHost = {
  readonly id: HostId;
  /** Every order in the order it came, repeats included. */
  readonly orders: Order[];
  /** What exists on this host: `lab/object`. */
  readonly objects: Set<string>;
  /** How often each object was made and removed. */
  readonly made: Map<string, number>;
  report(lab: Order['lab'], observations: Observation[]): Promise<void>;
  stop(): Promise<void>;
};

/** Starts the host; an order whose id was carried out before is answered again, not carried out twice. One that `forgets` thinks again about what it left unanswered. */
export function startSimulatedHost(nc: NatsConnection, id: HostId, answer: Answer = idealHost, options: { forgets?: boolean; beatEveryMs?: number; facts?: () => HostFacts } = {}): SimulatedHost {
  const orders: Order[] = [];
  const objects = new Set<string>();
  const made = new Map<string, number>();
  const answered = new Map<string, Observation | null>();
  let reports = 0;
  const report = async (lab: Order['lab'], observations: Observation[]) => {
    reports += 1;
    const message: Report = { v: 1, id: `${id}-${process.pid}-${reports}`, host: id, lab, observations };
    await publishReports(nc, id, [message], message.id);
  };
  const carryOut = (order: Order): Observation | null => {
    const before = answered.get(order.id);
    if (before !== undefined) return before;
    const seen = answer(order, Date.now());
    if (seen && seen.type !== 'effect.failed') note(order);
    if (seen !== null || options.forgets !== true) answered.set(order.id, seen);
    return seen;
  };
  const note = (order: Order) => {
    const key = objectOf(order);
    if (key === null) return;
    if (order.type.endsWith('.remove')) objects.delete(key);
    else if (!objects.has(key)) {
      objects.add(key);
      made.set(key, (made.get(key) ?? 0) + 1);
    }
  };
  const consuming = consumeOrders(nc, id, {
    schema: Order,
    handle: async (batch) => {
      orders.push(...batch);
      const byLab = Map.groupBy(batch, (order) => order.lab);
      for (const [lab, ofLab] of byLab) {
        const seen = ofLab.flatMap((order) => carryOut(order) ?? []);
        if (seen.length > 0) await report(lab, seen);
      }
    },
    onProblem: () => {},
  });
  const beat = setInterval(() => nc.publish(beatSubject(id), JSON.stringify({ version: 'simulated', protocol: HOST_PROTOCOL, ...options.facts?.() })), options.beatEveryMs ?? 200);
  return {
    id, orders, objects, made, report,
    async stop() {
      clearInterval(beat);
      await consuming.stop();
    },
  };
}

function objectOf(order: Order): string | null {
  if (order.type === 'node.exec' || order.type === 'node.save') return null;
  if ('node' in order) return `${order.lab}/node/${order.node.id}`;
  return 'link' in order ? `${order.lab}/link/${order.link}` : `${order.lab}/network`;
}
