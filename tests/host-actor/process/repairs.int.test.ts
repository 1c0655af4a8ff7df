// What people, crashes and the kernel do to nodes and links, and how the host puts it right without asking anybody.
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import type { HostProcess } from './host-process.ts';
import { startHostProcess } from './host-process.ts';
import { TestLab } from './test-lab.ts';

describe('host-actor repairs', () => {
  let host: HostProcess;
  let lab: TestLab;
  const n1 = 'clab-tha-r1-n1';
  const n2 = 'clab-tha-r1-n2';
  const docker = async (...args: string[]) => (await execa('docker', args)).stdout;
  const pings = async () => eventually(() => docker('exec', n1, 'ping', '-c1', '-W1', lab.linkAddress(0, 1)), { what: 'ping from n1 to n2', timeoutMs: 10_000 });
  const ifindex = async () => (await execa('ip', ['netns', 'exec', n1, 'cat', '/sys/class/net/eth1/ifindex'])).stdout;
  const pid = () => docker('inspect', '-f', '{{.State.Pid}}', n2);

  beforeAll(async () => {
    host = await startHostProcess('tha-r');
    lab = new TestLab({ name: 'tha-r1', host: host.host, number: 32, nodes: ['n1', 'n2', 'n3', 'n4', 'n5'] });
    host.start();
    const orders = [lab.network('network.ensure'), lab.node('node.prepare', 'n1'), lab.node('node.prepare', 'n2'), lab.link('link.ensure', 0, ['n1:eth1', 'n2:eth1']), lab.node('node.start', 'n1'), lab.node('node.start', 'n2')];
    await host.order(...orders);
    for (const { id } of orders) await host.answer(id);
    await pings();
  });
  afterAll(async () => {
    try {
      const orders = [...['n1', 'n2', 'n3', 'n4', 'n5'].map((node) => lab.nextEntry().node('node.remove', node)), lab.link('link.remove', 0, ['n1:eth1', 'n2:eth1'])];
      await host.order(...orders);
      for (const { id } of orders) await host.answer(id);
      const network = lab.nextEntry().network('network.remove');
      await host.order(network);
      await host.answer(network.id);
    } finally {
      await host.stop();
    }
  });

  it('starts a killed node again in the same namespace, with one clean flap for its neighbour', async () => {
    const from = host.seen.length;
    const before = await ifindex();
    await docker('kill', n2);
    expect(await host.observe('node.died', undefined, { from })).toMatchObject({ node: 'n2', exitCode: 137, next: 'restart' });
    expect(await host.observe('node.started', undefined, { from })).toMatchObject({ node: 'n2', cause: 'repair' });
    await host.observe('link.joined', (seen) => seen.held.length === 0 && seen.carrier.a, { from });
    await pings();
    expect(await ifindex()).toBe(before);
    const actions = host.seen.slice(from).flatMap((seen) => (seen.type === 'node.engine' ? [seen.action] : []));
    expect(actions).toEqual(expect.arrayContaining(['kill', 'die', 'start']));
  });

  it('leaves a restart by the engine to the engine', async () => {
    const from = host.seen.length;
    await docker('restart', '-t', '0', n2);
    expect(await host.observe('node.started', undefined, { from })).toMatchObject({ node: 'n2', cause: 'external' });
    await pings();
    expect(host.seen.slice(from).filter((seen) => seen.type === 'node.died')).toEqual([]);
  });

  it('makes a removed container again, in the same namespace with its addresses', async () => {
    const from = host.seen.length;
    const before = await ifindex();
    await docker('rm', '-f', n2);
    expect(await host.observe('node.died', undefined, { from })).toMatchObject({ next: 'restart' });
    expect(await host.observe('node.started', undefined, { from })).toMatchObject({ node: 'n2', cause: 'repair' });
    await pings();
    expect(await ifindex()).toBe(before);
  });

  it('starts a node that somebody stopped', async () => {
    const from = host.seen.length;
    await docker('stop', '-t', '0', n1);
    expect(await host.observe('node.started', undefined, { from, timeoutMs: 20_000 })).toMatchObject({ node: 'n1', cause: 'repair' });
    await pings();
  });

  it('repairs a deleted host end, a removed redirect and an end set down, at once', async () => {
    for (const fault of [['ip', 'link', 'del', 'tha32p0'], ['tc', 'qdisc', 'del', 'dev', 'tha32p1', 'clsact'], ['ip', 'link', 'set', 'tha32p0', 'down']]) {
      const from = host.seen.length;
      await execa(fault[0] ?? '', fault.slice(1));
      expect(await host.observe('link.repaired', undefined, { from })).toMatchObject({ carrier: { a: true, b: true }, held: [] });
      await pings();
    }
  });

  it('N17: tells a short flap inside a node', async () => {
    const from = host.seen.length;
    await execa('ip', ['netns', 'exec', n2, 'ip', 'link', 'set', 'eth1', 'down']);
    await host.observe('link.carrier', (seen) => !seen.carrier.b, { from });
    await execa('ip', ['netns', 'exec', n2, 'ip', 'link', 'set', 'eth1', 'up']);
    expect(await host.observe('link.carrier', (seen) => seen.carrier.b, { from })).toMatchObject({ carrier: { a: true, b: true } });
  });

  it('repairs the management network: rules and a node\'s port', async () => {
    const from = host.seen.length;
    await execa('ip', ['link', 'del', 'tha32m0']);
    await host.observe('network.repaired', (seen) => seen.what.includes('n1'), { from });
    expect(await eventually(() => docker('exec', n1, 'ping', '-c1', '-W1', '10.213.32.1'), { what: 'ping of the gateway' })).toContain('1 received');
  });

  it('stops a node again that somebody started', async () => {
    const orders = [lab.nextEntry().node('node.prepare', 'n3'), lab.node('node.start', 'n3')];
    await host.order(...orders);
    const stop = lab.nextEntry().node('node.stop', 'n3');
    await host.answer(orders[1]?.id ?? '');
    await host.order(stop);
    await host.answer(stop.id);
    const from = host.seen.length;
    await docker('start', 'clab-tha-r1-n3');
    await host.observe('node.stopped', (seen) => seen.node === 'n3', { from });
    expect(await docker('inspect', '-f', '{{.State.Running}}', 'clab-tha-r1-n3')).toBe('false');
  });

  it('leaves a process that ended by itself to its restart policy', async () => {
    const spec = { restartPolicy: 'no' as const, cmd: ['sh', '-c', 'echo last words; sleep 0.3; exit 3'] };
    const orders = [lab.nextEntry().node('node.prepare', 'n4', { spec }), lab.node('node.start', 'n4', { spec })];
    await host.order(...orders);
    expect(await host.observe('node.died', (seen) => seen.node === 'n4')).toMatchObject({ exitCode: 3, next: 'leave', log: [expect.stringContaining('last words')] });
  });

  it('B24 S08: gives a crash-looping node up once its budget is spent, and again not after a restart of ours', async () => {
    const more = { spec: { cmd: ['sh', '-c', 'echo no way; exit 1'] }, budget: { count: 3, windowMs: 60_000, backoffMs: 100, backoffMaxMs: 1_000 } };
    const orders = [lab.nextEntry().node('node.prepare', 'n5', more), lab.node('node.start', 'n5', more)];
    await host.order(...orders);
    const gaveUp = await host.observe('node.died', (seen) => seen.node === 'n5' && seen.next === 'gave-up', { timeoutMs: 30_000 });
    expect(gaveUp).toMatchObject({ exitCode: 1, log: expect.arrayContaining(['no way']) });
    const starts = () => host.seen.filter((seen) => seen.type === 'node.engine' && seen.node === 'n5' && seen.action === 'start').length;
    const before = starts();
    expect(before).toBe(4);
    await host.kill();
    const from = host.seen.length;
    host.start();
    const exec = lab.nextEntry().node('node.exec', 'n1', { commands: [{ command: 'true', target: 'container' }] });
    await host.order(exec);
    await host.answer(exec.id);
    await docker('kill', n2);
    await host.observe('node.started', (seen) => seen.node === 'n2' && seen.cause === 'repair', { from });
    expect(host.seen.slice(from).filter((seen) => seen.type === 'node.started' && seen.cause === 'external')).toEqual([]);
    expect(starts()).toBe(before);
  });

  it('keeps nodes and links while control is away, and after its return', async () => {
    await host.kill();
    await docker('kill', n2);
    await execa('ip', ['link', 'del', 'tha32p0']);
    const from = host.seen.length;
    host.start();
    await host.observe('node.started', (seen) => seen.node === 'n2' && seen.cause === 'repair', { from });
    await pings();
    await host.observe('node.engine', (seen) => seen.node === 'n2' && seen.action === 'die', { from });
    expect(await pid()).not.toBe('0');
  });
});
