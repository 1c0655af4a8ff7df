// A host-actor told to use plane ovs: orders, packets between containers, the daemon's death and return, and an empty host again.
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { startHostProcess, type HostProcess } from '../process/host-process.ts';
import { TestLab } from '../process/test-lab.ts';
import { openPrivateOvs, type PrivateOvs } from './private-ovs.ts';

describe('host-actor on plane ovs', () => {
  let host: HostProcess;
  let ovs: PrivateOvs;
  let lab: TestLab;
  beforeAll(async () => {
    ovs = await openPrivateOvs();
    host = await startHostProcess('tha-o');
    lab = new TestLab({ name: 'tha-o1', host: host.host, number: 47, nodes: ['n1', 'n2'] });
    host.start({ LABWRIGHT_PLANE: 'ovs', LABWRIGHT_OVS_RUN_DIR: ovs.runDir });
  });
  afterAll(async () => {
    await host.stop();
    await ovs.close();
  });
  const ping = (): Promise<unknown> => execa('docker', ['exec', lab.containerName('n1'), 'ping', '-c1', '-W2', lab.linkAddress(0, 1)]);

  it('joins two nodes over the switch', async () => {
    const orders = [lab.network('network.ensure'), lab.node('node.prepare', 'n1'), lab.node('node.prepare', 'n2'), lab.link('link.ensure', 0, ['n1:eth1', 'n2:eth1'])];
    await host.order(...orders);
    for (const { id } of orders) await host.answer(id);
    expect(await host.answer(orders[3]?.id ?? '')).toMatchObject({ type: 'link.joined', carrier: { a: true, b: true } });
    expect((await ovs.vsctl('list-ports', 'lw-ovs')).trim().split('\n')).toHaveLength(2);
    const start = [lab.node('node.start', 'n1'), lab.node('node.start', 'n2')];
    await host.order(...start);
    for (const { id } of start) expect(await host.answer(id)).toMatchObject({ type: 'node.started' });
    await ping();
  });

  it('tells the loss of the switch, and brings the link back with it', async () => {
    let from = host.seen.length;
    await ovs.killSwitch();
    expect(await host.observe('link.lost', undefined, { from })).toMatchObject({ what: expect.stringContaining('switch-away') });
    from = host.seen.length;
    await ovs.startSwitch();
    await eventually(() => host.seen.slice(from).some(({ type }) => type === 'link.repaired' || type === 'link.joined'), { what: 'link told to be back', timeoutMs: 20_000 });
    await ping();
  });

  it('mends a port that was taken away', async () => {
    const from = host.seen.length;
    const [port] = (await ovs.vsctl('list-ports', 'lw-ovs')).trim().split('\n');
    await ovs.vsctl('--no-wait', 'del-port', port ?? '');
    expect(await host.observe('link.repaired', undefined, { from })).toMatchObject({ carrier: { a: true, b: true } });
    await ping();
  });

  it('leaves nothing when all is removed', async () => {
    const orders = [lab.nextEntry().link('link.remove', 0, ['n1:eth1', 'n2:eth1']), lab.node('node.remove', 'n1'), lab.node('node.remove', 'n2'), lab.network('network.remove')];
    await host.order(...orders);
    for (const { id } of orders) await host.answer(id);
    expect(await ovs.vsctl('list-br')).toBe('');
    expect((await execa('ip', ['-o', 'link'])).stdout).not.toContain('lw-ovs');
  });
});
