// A host-actor that its own work kills at each try: the tries are counted over its lives, and end.
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { HostProcess } from './host-process.ts';
import { startHostProcess } from './host-process.ts';
import { TestLab } from './test-lab.ts';

const DEADLY = { LABWRIGHT_CRASH_AT: 'after-create-before-start', LABWRIGHT_SWEEP_SECONDS: '1' };

describe('host-actor killed at each try', () => {
  let host: HostProcess;
  beforeAll(async () => {
    host = await startHostProcess('tha-k');
  });
  afterAll(async () => await host.stop());
  afterEach(async () => await host.kill());

  const destroy = async (lab: TestLab): Promise<void> => {
    const orders = [lab.nextEntry().node('node.remove', 'n1'), lab.network('network.remove')];
    await host.order(...orders);
    for (const { id } of orders) await host.answer(id);
  };

  it('S08: of an order gives it up after four, says so, and lives on; ordered again it is tried again', async () => {
    const lab = new TestLab({ name: 'tha-k1', host: host.host, number: 65, nodes: ['n1'] });
    host.startAlways(DEADLY);
    const made = [lab.network('network.ensure'), lab.node('node.prepare', 'n1')];
    await host.order(...made);
    for (const { id } of made) await host.answer(id);
    const before = host.starts();
    const start = lab.nextEntry().node('node.start', 'n1');
    await host.order(start);
    expect(await host.answer(start.id, 60_000)).toMatchObject({ type: 'effect.failed', code: 'died-of-it', retryable: true, message: expect.stringContaining('was begun 4 times') });
    expect(host.starts() - before).toBe(4);
    // It takes other orders as ever.
    const stop = lab.nextEntry().node('node.stop', 'n1');
    await host.order(stop);
    expect(await host.answer(stop.id)).toMatchObject({ type: 'node.stopped' });
    expect(host.starts() - before).toBe(4);
    await host.kill();
    host.start();
    const again = lab.nextEntry().node('node.start', 'n1');
    await host.order(again);
    expect(await host.answer(again.id)).toMatchObject({ type: 'node.started' });
    await destroy(lab);
  });

  it('S08: of a repair gives the node up when its budget is spent, and is not killed again', async () => {
    const lab = new TestLab({ name: 'tha-k2', host: host.host, number: 66, nodes: ['n1'] });
    host.start();
    const budget = { count: 3, windowMs: 600_000, backoffMs: 10, backoffMaxMs: 20 };
    const made = [lab.network('network.ensure'), lab.node('node.prepare', 'n1', { budget }), lab.nextEntry().node('node.start', 'n1', { budget })];
    await host.order(...made);
    for (const { id } of made) await host.answer(id);
    await host.kill();
    await execa('docker', ['rm', '-f', lab.containerName('n1')]);
    const [from, before] = [host.seen.length, host.starts()];
    host.startAlways(DEADLY);
    await host.observe('node.died', ({ next }) => next === 'gave-up', { from, timeoutMs: 60_000 });
    expect(host.starts() - before).toBe(1 + budget.count);
    const stop = lab.nextEntry().node('node.stop', 'n1');
    await host.order(stop);
    expect(await host.answer(stop.id)).toMatchObject({ type: 'node.stopped' });
    expect(host.starts() - before).toBe(1 + budget.count);
    await destroy(lab);
  });
});
