// A host-actor beside a supervisor of another protocol: it takes no orders until both fit; and one that is told to be passive is.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HOST_PROTOCOL } from '../../../machines/vocabulary/host-protocol.ts';
import { answerHello, helloIn } from '../../../nats/host-hello.ts';
import { rpcSubject } from '../../../nats/subjects.ts';
import { eventually } from '../../support/eventually.ts';
import type { HostProcess } from './host-process.ts';
import { startHostProcess } from './host-process.ts';
import { TestLab } from './test-lab.ts';

describe('a host-actor', () => {
  let host: HostProcess;
  let protocol = HOST_PROTOCOL + 1;
  const beats: Record<string, unknown>[] = [];
  beforeAll(async () => {
    host = await startHostProcess('tha-x');
    host.supervisor.subscribe(`lw.v1.beat.${host.host}`, {
      callback: (_error, message) => {
        if (helloIn(message)) answerHello(message, { v: 1, protocol, version: '9.0.0', state: 'unknown', nodes: 0 });
        else beats.push(message.json());
      },
    });
    await host.supervisor.flush();
    host.start();
  });
  afterAll(async () => await host.stop());

  it('X13: takes no orders from a supervisor of another protocol, says why, and takes them once it is answered in its own', async () => {
    await eventually(async () => (await host.log()).includes('no orders are taken: protocols do not fit'), { what: 'the refusal', timeoutMs: 20_000 });
    expect(await host.log()).toContain(`the supervisor speaks protocol ${HOST_PROTOCOL + 1} (version 9.0.0)`);
    const lab = new TestLab({ name: 'tha-x0', host: host.host, number: 77, nodes: ['n1'] });
    const order = lab.node('node.remove', 'n1');
    await host.order(order);
    const before = beats.length;
    await eventually(() => beats.length > before + 1, { what: 'two more signs of life', timeoutMs: 20_000 });
    expect(host.seen).toEqual([]);
    protocol = HOST_PROTOCOL;
    expect(await host.answer(order.id)).toMatchObject({ type: 'node.removed' });
  });

  it('R06: that is fenced says so in each sign of life and takes no orders; another one is not meant', async () => {
    const instance = String(beats.at(-1)?.['instance']);
    host.supervisor.publish(rpcSubject(host.host, 'fence'), JSON.stringify({ instance: 'another', by: 'x' }));
    const before = beats.length;
    await eventually(() => beats.length > before, { what: 'a sign of life', timeoutMs: 20_000 });
    expect(beats.at(-1)?.['fenced']).toBeUndefined();
    host.supervisor.publish(rpcSubject(host.host, 'fence'), JSON.stringify({ instance, by: 'newer' }));
    await eventually(() => beats.at(-1)?.['fenced'], { what: 'it to say that it is fenced', timeoutMs: 20_000 });
    expect(beats.at(-1)).toMatchObject({ fenced: { by: 'newer' }, instance });
    const count = host.seen.length;
    await host.order(new TestLab({ name: 'tha-x1', host: host.host, number: 78, nodes: ['n1'] }).node('node.remove', 'n1'));
    const since = beats.length;
    await eventually(() => beats.length > since + 1, { what: 'two more signs of life', timeoutMs: 20_000 });
    expect(host.seen).toHaveLength(count);
  });
});
