// A node's management interface removed by hand: repaired within the budget of its order, then given up with a word, then made by the next order.
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import type { HostProcess } from './host-process.ts';
import { startHostProcess } from './host-process.ts';
import { TestLab } from './test-lab.ts';

const DEVICE = 'tha67m0';

describe('a management interface', () => {
  let host: HostProcess;
  let lab: TestLab;
  const isThere = async () => (await execa('ip', ['link', 'show', 'dev', DEVICE], { reject: false })).exitCode === 0;
  const remove = async () => await eventually(async () => (await execa('ip', ['link', 'del', 'dev', DEVICE])).exitCode === 0, { what: 'the device to be removed' });
  const budget = { count: 2, windowMs: 600_000, backoffMs: 50, backoffMaxMs: 50 };

  beforeAll(async () => {
    host = await startHostProcess('tha-w');
    lab = new TestLab({ name: 'tha-w1', host: host.host, number: 67, nodes: ['n1'] });
    host.start();
  });
  afterAll(async () => {
    const removal = lab.nextEntry().node('node.remove', 'n1');
    await host.order(removal);
    await host.answer(removal.id);
    const network = lab.nextEntry().network('network.remove');
    await host.order(network);
    await host.answer(network.id);
    await host.stop();
  });

  it('is repaired as often as its order allows, then left, told, and made again by the next order', async () => {
    const orders = [lab.network('network.ensure'), lab.node('node.prepare', 'n1', { mgmtBudget: budget }), lab.nextEntry().node('node.start', 'n1', { mgmtBudget: budget })];
    await host.order(...orders);
    for (const { id } of orders) expect(await host.answer(id)).not.toMatchObject({ type: 'effect.failed' });
    for (const times of [1, 2]) {
      const from = host.seen.length;
      await remove();
      const { what } = await host.observe('network.repaired', undefined, { from });
      expect(what).toContain('management interface of node n1');
      expect([times, await isThere()]).toEqual([times, true]);
    }
    const from = host.seen.length;
    await remove();
    const given = await host.observe('node.unplugged', undefined, { from });
    expect(given).toMatchObject({ node: 'n1', generation: 1, code: 'repair-budget-spent', message: expect.stringContaining('2 times within 600000 ms') });
    expect(await isThere()).toBe(false);
    // A sweep sees it too, and leaves it.
    expect(host.seen.slice(from).filter(({ type }) => type === 'network.repaired')).toEqual([]);

    for (const type of ['node.stop', 'node.start'] as const) {
      const next = lab.nextEntry().node(type, 'n1', { mgmtBudget: budget });
      await host.order(next);
      expect(await host.answer(next.id)).not.toMatchObject({ type: 'effect.failed' });
    }
    expect(await isThere()).toBe(true);
    const later = host.seen.length;
    await remove();
    await host.observe('network.repaired', undefined, { from: later });
    expect(await isThere()).toBe(true);
  });

  it('S09: that breaks often is repaired later, which is told', async () => {
    const next = lab.nextEntry().node('node.start', 'n1', { mgmtBudget: { count: 9, windowMs: 600_000, atOnce: 2, backoffMs: 1_500, backoffMaxMs: 1_500 } });
    await host.order(next);
    await host.answer(next.id);
    const from = host.seen.length;
    const told = () => host.seen.slice(from).flatMap((seen) => (seen.type === 'network.repaired' || seen.type === 'network.drifted' ? [seen] : []));
    // What was repaired before counts in the window too.
    for (let times = 1; told().at(-1)?.type !== 'network.drifted' && times <= 3; times += 1) {
      await remove();
      await eventually(() => told().length === times, { what: `removal ${times} to be told` });
    }
    const waits = told().length - 1;
    expect(told()[waits]).toMatchObject({ what: expect.stringContaining('management interface of node n1'), why: expect.stringContaining('its repair waits') });
    await eventually(() => told()[waits + 1]?.type === 'network.repaired', { what: 'the repair' });
    expect(await isThere()).toBe(true);
  });
});
