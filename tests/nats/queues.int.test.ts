// Orders and observations on a real server: durable, once, redelivered, and given back when a consumer ends.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { HostId } from '../../machines/vocabulary/ids.ts';
import { consumeReports, publishReports } from '../../nats/report-queue.ts';
import { ensureHostConsumer, ensureStreams } from '../../nats/streams.ts';
import { workSubject } from '../../nats/subjects.ts';
import { consumeOrders, publishOrders } from '../../nats/work-queue.ts';
import { eventually } from '../support/eventually.ts';
import type { TestNats } from '../support/nats-server.ts';
import { startNats } from '../support/nats-server.ts';

const Item = z.object({ id: z.string(), text: z.string().optional() });
type Item = z.infer<typeof Item>;
const noProblem = (error: unknown): void => {
  throw error;
};

describe('work and report queues', () => {
  let nats: TestNats;
  let supervisor: NatsConnection;

  beforeAll(async () => {
    nats = await startNats();
    supervisor = await nats.connect({ role: 'supervisor' });
    await ensureStreams(supervisor);
  });
  afterAll(async () => await nats.stop());

  const host = async (name: string): Promise<{ hostId: HostId; nc: NatsConnection }> => {
    const hostId = HostId.parse(name);
    await ensureHostConsumer(supervisor, hostId);
    return { hostId, nc: await nats.connect({ role: 'host', hostId }) };
  };

  it('S14: handles once each of 1000 observations that came while the consumer was away', async () => {
    const { hostId, nc } = await host('away');
    await Promise.all(Array.from({ length: 1000 }, async (_, index) => await publishReports(nc, hostId, [{ id: `o${index}` }], `o${index}`)));
    const seen: string[] = [];
    let calls = 0;
    const consuming = consumeReports(supervisor, {
      schema: Item,
      handle: async (reports) => {
        calls += 1;
        for (const { hostId: from, report } of reports) if (from === hostId) seen.push(report.id);
      },
      onProblem: noProblem,
    });
    await eventually(() => seen.length >= 1000, { what: '1000 observations' });
    await consuming.stop();
    expect(new Set(seen).size).toBe(1000);
    expect(seen).toHaveLength(1000);
    expect(calls).toBeLessThan(200);
    const nothingLeft: unknown[] = [];
    const again = consumeReports(supervisor, { schema: Item, handle: async (reports) => void nothingLeft.push(...reports), onProblem: noProblem });
    await publishReports(nc, hostId, [{ id: 'last' }], 'last');
    await eventually(() => nothingLeft.length > 0);
    await again.stop();
    expect(nothingLeft).toMatchObject([{ hostId, report: { id: 'last' } }]);
  });

  it('S11: delivers an order that was sent twice with one id once', async () => {
    const { hostId, nc } = await host('twice');
    await publishOrders(supervisor, hostId, [{ id: 'lab/1/0' }, { id: 'lab/1/1' }], 'lab/1');
    await publishOrders(supervisor, hostId, [{ id: 'lab/1/0' }, { id: 'lab/1/1' }], 'lab/1');
    await publishOrders(supervisor, hostId, [{ id: 'lab/2/0' }], 'lab/2');
    const seen: Item[] = [];
    const consuming = consumeOrders(nc, hostId, { schema: Item, handle: async (orders) => void seen.push(...orders), onProblem: noProblem });
    await eventually(() => seen.some((order) => order.id === 'lab/2/0'));
    await consuming.stop();
    expect(seen.map((order) => order.id)).toEqual(['lab/1/0', 'lab/1/1', 'lab/2/0']);
  });

  it('tells when what waited is handled, at once where nothing did', async () => {
    const { hostId, nc } = await host('caught-up');
    for (const id of ['1', '2', '3']) await publishOrders(supervisor, hostId, [{ id }], id);
    const seen: string[] = [];
    const told: number[] = [];
    const consume = () => consumeOrders(nc, hostId, { schema: Item, handle: async (orders) => void seen.push(...orders.map(({ id }) => id)), onProblem: noProblem, onCaughtUp: () => told.push(seen.length) });
    const first = consume();
    await eventually(() => told.length > 0, { what: 'the word' });
    await first.stop();
    expect({ seen, told: told[0] }).toEqual({ seen: ['1', '2', '3'], told: 3 });
    told.length = 0;
    const second = consume();
    await eventually(() => told.length > 0, { what: 'the word again' });
    await second.stop();
    expect(seen).toHaveLength(3);
  });

  it('gives orders again when the host did not acknowledge them, also after its connection died', async () => {
    const { hostId, nc } = await host('crashes');
    await publishOrders(supervisor, hostId, [{ id: 'a' }], 'a');
    let started = false;
    consumeOrders(nc, hostId, {
      schema: Item,
      handle: async () => {
        started = true;
        await new Promise<void>(() => {});
      },
      onProblem: () => {},
    });
    await eventually(() => started);
    await nc.close();
    const back = await nats.connect({ role: 'host', hostId });
    const seen: Item[] = [];
    const consuming = consumeOrders(back, hostId, { schema: Item, handle: async (orders) => void seen.push(...orders), onProblem: noProblem });
    await eventually(() => seen.length > 0, { what: 'redelivery' });
    await consuming.stop();
    expect(seen).toEqual([{ id: 'a' }]);
  });

  it('keeps an order alive for as long as its handler works, and gives it again when the handler fails', async () => {
    const { hostId, nc } = await host('slow');
    await publishOrders(supervisor, hostId, [{ id: 'slow' }], 'slow');
    let release = (): void => {};
    const problems: unknown[] = [];
    let calls = 0;
    const consuming = consumeOrders(nc, hostId, {
      schema: Item,
      handle: async () => {
        calls += 1;
        if (calls > 1) return;
        await new Promise<void>((resolve) => (release = resolve));
        throw new Error('disk full');
      },
      onProblem: (error) => problems.push(error),
    });
    await eventually(() => calls === 1);
    const manager = await jetstreamManager(supervisor);
    const pulled = await manager.consumers.info('LW_WORK', 'host-slow');
    // Longer than the server waits for an acknowledgement: without signs of work the order would be out for redelivery.
    const giveUp = performance.now() + 4_500;
    await eventually(() => performance.now() > giveUp, { timeoutMs: 10_000, everyMs: 200 });
    expect((await manager.consumers.info('LW_WORK', 'host-slow')).num_redelivered).toBe(pulled.num_redelivered);
    expect(calls).toBe(1);
    release();
    await eventually(() => calls === 2, { what: 'second delivery' });
    await consuming.stop();
    expect(problems).toMatchObject([{ message: 'disk full' }]);
  });

  it('leaves out an item that fits no schema and says what is wrong with it, handles the others of its message, and takes out what is no list', async () => {
    const { hostId, nc } = await host('invalid');
    const js = jetstream(supervisor);
    await js.publish(workSubject(hostId), '[{"id":"before"},{"id":7,"text":[]},{"id":"after"}]');
    await js.publish(workSubject(hostId), '[{"id":8}]');
    await js.publish(workSubject(hostId), 'not json');
    await publishOrders(supervisor, hostId, [{ id: 'good' }], 'good');
    const seen: Item[] = [];
    const problems: unknown[] = [];
    const consuming = consumeOrders(nc, hostId, { schema: Item, handle: async (orders) => void seen.push(...orders), onProblem: (error) => problems.push(error) });
    await eventually(() => seen.length >= 3);
    await consuming.stop();
    expect(seen).toEqual([{ id: 'before' }, { id: 'after' }, { id: 'good' }]);
    expect(problems).toMatchObject([{ code: 'message-invalid', issues: [{ path: 'id' }, { path: 'text' }] }, { code: 'message-invalid', issues: [{ path: 'id' }] }, { code: 'message-invalid' }]);
    const left = await (await jetstreamManager(supervisor)).consumers.info('LW_WORK', 'host-invalid');
    expect({ pending: left.num_pending, unanswered: left.num_ack_pending }).toEqual({ pending: 0, unanswered: 0 });
  });

  it('gives back the messages that a handler names, and them alone: they come again', async () => {
    const { hostId, nc } = await host('given-back');
    for (const id of ['mine', 'theirs', 'mine-too']) await publishReports(nc, hostId, [{ id }], `given-${id}`);
    const seen: { id: string; redelivered: boolean }[] = [];
    const consuming = consumeReports(supervisor, {
      schema: Item,
      handle: async (reports) => {
        for (const { report, redelivered } of reports) seen.push({ id: report.id, redelivered });
        return new Set(reports.filter(({ report, redelivered }) => report.id === 'theirs' && !redelivered).map(({ seq }) => seq));
      },
      onProblem: noProblem,
    });
    await eventually(() => seen.length === 4, { what: 'the message that was given back' });
    await consuming.stop();
    expect(seen.slice(0, 3).map(({ id }) => id)).toEqual(['mine', 'theirs', 'mine-too']);
    expect(seen.at(-1)).toEqual({ id: 'theirs', redelivered: true });
  });

  it('splits a batch that is larger than a message', async () => {
    const { hostId, nc } = await host('large');
    const orders = Array.from({ length: 40 }, (_, index) => ({ id: `${index}`, text: 'x'.repeat(500_000) }));
    await publishOrders(supervisor, hostId, orders, 'large');
    const seen: Item[] = [];
    const consuming = consumeOrders(nc, hostId, { schema: Item, handle: async (got) => void seen.push(...got), onProblem: noProblem });
    await eventually(() => seen.length === 40);
    await consuming.stop();
    expect(seen.map((order) => order.id)).toEqual(orders.map((order) => order.id));
  });

  it('S13: goes on by itself after the server was killed, losing no acknowledged message', async () => {
    const { hostId, nc } = await host('server-dies');
    const seen = new Set<string>();
    const consuming = consumeOrders(nc, hostId, { schema: Item, handle: async (orders) => orders.forEach((order) => seen.add(order.id)), onProblem: () => {} });
    for (let index = 0; index < 60; index += 1) {
      if (index === 20 || index === 40) {
        await nats.kill();
        await nats.start();
      }
      await publishOrders(supervisor, hostId, [{ id: `${index}` }], `die-${index}`);
    }
    await eventually(() => seen.size >= 60, { what: '60 orders' });
    await consuming.stop();
    expect([...seen].map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, index) => index));
  });
});
