// From orders in the queue to packets between nodes, and back to an empty host.
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import type { HostProcess } from './host-process.ts';
import { startHostProcess } from './host-process.ts';
import { TestLab } from './test-lab.ts';

describe('host-actor process', () => {
  let host: HostProcess;
  let lab: TestLab;
  beforeAll(async () => {
    host = await startHostProcess('tha-d');
    lab = new TestLab({ name: 'tha-d1', host: host.host, number: 31, nodes: ['n1', 'n2'] });
    host.start();
  });
  afterAll(async () => {
    await host.stop();
  });

  it('makes two nodes and a link from one message of orders', async () => {
    const network = lab.network('network.ensure');
    const prepare = [lab.node('node.prepare', 'n1'), lab.node('node.prepare', 'n2')];
    const link = lab.link('link.ensure', 0, ['n1:eth1', 'n2:eth1']);
    await host.order(network, ...prepare, link);
    expect(await host.answer(network.id)).toMatchObject({ type: 'network.ready', bridge: lab.mgmt.bridge, foreign: false });
    for (const { id } of prepare) expect(await host.answer(id)).toMatchObject({ type: 'node.prepared', generation: 1 });
    expect(await host.answer(link.id)).toMatchObject({ type: 'link.joined', carrier: { a: true, b: true }, held: [], mtu: 9500, cause: 'order' });
    const start = [lab.node('node.start', 'n1'), lab.node('node.start', 'n2')];
    await host.order(...start);
    for (const { id } of start) expect(await host.answer(id)).toMatchObject({ type: 'node.started', cause: 'order' });
    await execa('docker', ['exec', lab.containerName('n1'), 'ping', '-c1', '-W2', lab.linkAddress(0, 1)]);
    await execa('docker', ['exec', lab.containerName('n1'), 'ping', '-c1', '-W2', 'n2']);
  });

  it('runs commands one after another; one that fails is a result', async () => {
    const exec = lab.node('node.exec', 'n1', { commands: [{ command: 'hostname', target: 'container' }, { command: 'false', target: 'container' }, { command: 'echo $((1+1))', target: 'host' }] });
    await host.order(exec);
    const answer = await host.answer(exec.id);
    expect(answer).toMatchObject({ type: 'node.exec-done', results: [{ exitCode: 0, stdout: expect.stringContaining('n1') }, { exitCode: 1 }, { exitCode: 0, stdout: '2' }] });
  });

  it('gives the same answer to an order that comes again', async () => {
    const again = lab.node('node.exec', 'n2', { commands: [{ command: 'sh -c "echo x >> /tmp/x; wc -l < /tmp/x"', target: 'container' }] });
    await host.order(again);
    const first = await host.answer(again.id);
    const from = host.seen.length;
    await host.order(again);
    const second = await host.observe('node.exec-done', (seen) => seen.effectId === again.id, { from });
    expect(second).toMatchObject({ ...first, at: expect.any(Number) });
  });

  it('stops a node: its neighbour loses carrier and keeps its interface', async () => {
    const stop = lab.nextEntry().node('node.stop', 'n2');
    await host.order(stop);
    expect(await host.answer(stop.id)).toMatchObject({ type: 'node.stopped' });
    expect(await host.observe('link.joined', (seen) => seen.held.includes('n2' as never))).toMatchObject({ carrier: { a: false } });
    const start = lab.nextEntry().node('node.start', 'n2');
    await host.order(start);
    await host.answer(start.id);
    await execa('docker', ['exec', lab.containerName('n1'), 'ping', '-c1', '-W2', lab.linkAddress(0, 1)]);
  });

  it('N11 N12: a first process sees all its interfaces with carrier, and none of them flaps', async () => {
    const star = new TestLab({ name: 'tha-d2', host: host.host, number: 34, nodes: ['hub', 'leaf'] });
    const links = Array.from({ length: 20 }, (_unused, i) => [`hub:eth${i + 1}`, `leaf:eth${i + 1}`] as const);
    const spec = { cmd: ['sh', '-c', 'for i in /sys/class/net/eth*; do echo "$(basename $i) $(cat $i/carrier)"; done > /tmp/first; sleep infinity'] };
    const orders = [
      star.network('network.ensure'), ...['hub', 'leaf'].map((node) => star.node('node.prepare', node, { spec })),
      ...links.map((ends, index) => star.link('link.ensure', index, ends)), ...['hub', 'leaf'].map((node) => star.node('node.start', node, { spec })),
    ];
    const starts = orders.slice(-2);
    await host.order(...orders.slice(0, -2));
    for (const { id } of orders.slice(0, -2)) await host.answer(id);
    await host.order(...starts);
    for (const { id } of starts) await host.answer(id);
    const first = await eventually(async () => {
      const lines = (await execa('docker', ['exec', star.containerName('hub'), 'cat', '/tmp/first'])).stdout.split('\n');
      return lines.length > links.length ? lines : undefined;
    }, { what: 'list of the first process' });
    expect(first.map((line) => line.trim()).toSorted()).toEqual(['eth0', ...links.map((_ends, i) => `eth${i + 1}`)].map((name) => `${name} 1`).toSorted());
    const changes = (await execa('sh', ['-c', `for i in /sys/class/net/tha34p*; do cat $i/carrier_up_count; done | sort -u`])).stdout;
    expect(changes).toBe('1');
    const removal = [...['hub', 'leaf'].map((node) => star.nextEntry().node('node.remove', node)), ...links.map((ends, index) => star.link('link.remove', index, ends))];
    await host.order(...removal);
    for (const { id } of removal) await host.answer(id);
    const network = star.nextEntry().network('network.remove');
    await host.order(network);
    await host.answer(network.id);
  });

  it('removes all of it', async () => {
    const orders = [lab.nextEntry().node('node.remove', 'n1'), lab.node('node.remove', 'n2'), lab.link('link.remove', 0, ['n1:eth1', 'n2:eth1'])];
    await host.order(...orders);
    for (const { id } of orders) expect((await host.answer(id)).type).toMatch(/removed$/);
    const network = lab.network('network.remove');
    await host.order(network);
    expect(await host.answer(network.id)).toMatchObject({ type: 'network.removed' });
    const { stdout } = await execa('sh', ['-c', `ip -o link | grep tha31; ip -o link | grep ${lab.mgmt.bridge}; ip netns | grep clab-tha-d1; docker ps -aq --filter label=labwright.lab=tha-d1; true`]);
    expect(stdout).toBe('');
  });
});
