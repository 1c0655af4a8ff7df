// The host-actor killed, and what joins the ends of a link taken away before it is back: it mends first and speaks then.
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PrivateOvs } from '../ovs-plane/private-ovs.ts';
import { openPrivateOvs } from '../ovs-plane/private-ovs.ts';
import type { HostProcess } from './host-process.ts';
import { startHostProcess } from './host-process.ts';
import { TestLab } from './test-lab.ts';

describe.each([['tc', 63], ['ovs', 64]] as const)('plane %s', (plane, number) => {
  let host: HostProcess;
  let ovs: PrivateOvs | undefined;
  let lab: TestLab;
  const env = () => (ovs === undefined ? {} : { LABWRIGHT_PLANE: 'ovs', LABWRIGHT_OVS_RUN_DIR: ovs.runDir });

  beforeAll(async () => {
    if (plane === 'ovs') ovs = await openPrivateOvs();
    host = await startHostProcess(`tha-f${plane}`);
    lab = new TestLab({ name: `tha-f${plane}1`, host: host.host, number, nodes: ['n1', 'n2'] });
    host.start(env());
    const orders = [lab.network('network.ensure'), lab.node('node.prepare', 'n1'), lab.node('node.prepare', 'n2'), lab.link('link.ensure', 0, ['n1:eth1', 'n2:eth1']), lab.nextEntry().node('node.start', 'n1'), lab.node('node.start', 'n2')];
    await host.order(...orders);
    for (const { id } of orders) await host.answer(id);
  });
  afterAll(async () => {
    const orders = [lab.nextEntry().link('link.remove', 0, ['n1:eth1', 'n2:eth1']), lab.node('node.remove', 'n1'), lab.node('node.remove', 'n2'), lab.network('network.remove')];
    await host.order(...orders);
    for (const { id } of orders) await host.answer(id);
    await host.stop();
    await ovs?.close();
  });
  const pings = async (): Promise<boolean> => (await execa('docker', ['exec', lab.containerName('n1'), 'ping', '-c1', '-W1', lab.linkAddress(0, 1)], { reject: false })).exitCode === 0;
  const flush = async (): Promise<void> => {
    if (ovs !== undefined) await ovs.ofctl('lw-ovs', 'del-flows');
    else for (const end of [0, 1]) await execa('tc', ['qdisc', 'del', 'dev', `tha${number}p${end}`, 'clsact']);
  };

  it('X08: the first word about the link is its repair, within ten seconds, and packets pass by then', async () => {
    expect(await pings()).toBe(true);
    await host.kill();
    await flush();
    expect(await pings()).toBe(false);
    const from = host.seen.length;
    const startedAt = Date.now();
    host.start(env());
    const first = await host.observe('link.repaired', undefined, { from, timeoutMs: 10_000 });
    expect(first).toMatchObject({ what: 'found broken at the start of the host-actor', carrier: { a: true, b: true }, held: [] });
    expect(await pings()).toBe(true);
    expect(Date.now() - startedAt).toBeLessThan(10_000);
    expect(host.seen.slice(from).filter(({ type }) => type.startsWith('link.'))[0]).toBe(first);
  });
});
