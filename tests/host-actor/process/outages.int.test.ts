// NATS away, the host booted anew, strangers in our place: the last orders hold.
import { readFile, rm } from 'node:fs/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import type { HostProcess } from './host-process.ts';
import { startHostProcess } from './host-process.ts';
import { TestLab } from './test-lab.ts';

describe('host-actor through outages', () => {
  let host: HostProcess;
  let lab: TestLab;
  const n1 = 'clab-tha-o1-n1';
  const n2 = 'clab-tha-o1-n2';
  const docker = async (...args: string[]) => (await execa('docker', args)).stdout;
  const isRunning = async (name: string) => (await docker('inspect', '-f', '{{.State.Running}}', name)) === 'true';
  const pings = async () => eventually(() => docker('exec', n1, 'ping', '-c1', '-W1', lab.linkAddress(0, 1)), { what: 'ping from n1 to n2', timeoutMs: 20_000 });

  beforeAll(async () => {
    host = await startHostProcess('tha-o');
    lab = new TestLab({ name: 'tha-o1', host: host.host, number: 33, nodes: ['n1', 'n2', 'n3'], spec: { restartPolicy: 'no' } });
    host.start();
    const orders = [lab.network('network.ensure'), lab.node('node.prepare', 'n1'), lab.node('node.prepare', 'n2'), lab.link('link.ensure', 0, ['n1:eth1', 'n2:eth1']), lab.node('node.start', 'n1'), lab.node('node.start', 'n2')];
    await host.order(...orders);
    for (const { id } of orders) await host.answer(id);
    await pings();
  });
  afterAll(async () => {
    try {
      const orders = [...['n1', 'n2', 'n3'].map((node) => lab.nextEntry().node('node.remove', node)), lab.link('link.remove', 0, ['n1:eth1', 'n2:eth1'])];
      await host.order(...orders);
      for (const { id } of orders) await host.answer(id);
      const network = lab.nextEntry().network('network.remove');
      await host.order(network);
      await host.answer(network.id);
    } finally {
      await host.stop();
    }
  });

  it('S13 S14: repairs without NATS, and tells all of it afterwards, in order', async () => {
    const from = host.seen.length;
    await host.nats.kill();
    await docker('kill', n2);
    await eventually(() => isRunning(n2), { what: 'n2 runs again' });
    await execa('ip', ['link', 'del', 'tha33p1']);
    await pings();
    await host.nats.start();
    await host.observe('link.repaired', undefined, { from, timeoutMs: 30_000 });
    const told = host.seen.slice(from).flatMap((seen) => (['node.died', 'node.started', 'link.repaired'].includes(seen.type) ? [seen.type] : []));
    expect(told).toEqual(['node.died', 'node.started', 'link.repaired']);
  });

  it('S13: what was seen before a kill of ours, with NATS away, is told by the next process', async () => {
    const from = host.seen.length;
    await host.nats.kill();
    await docker('kill', n1);
    await eventually(() => isRunning(n1), { what: 'n1 runs again' });
    await eventually(async () => /"node.started","node":"n1"[^}]*"cause":"repair"/.test(await readFile(`${host.home}/host/ledger/ledger.jsonl`, 'utf8')), { what: 'repair of n1 in the ledger' });
    await host.kill();
    await host.nats.start();
    host.start();
    await host.observe('node.started', (seen) => seen.node === 'n1' && seen.cause === 'repair', { from, timeoutMs: 30_000 });
    expect(host.seen.slice(from).filter((seen) => seen.type === 'node.died')).toHaveLength(1);
  });

  it('N10 R05: makes all of it again after a boot of the host: bridge, namespaces, links, processes, also those with restart policy no', async () => {
    await host.kill();
    await docker('kill', n1, n2);
    for (const name of [n1, n2]) await execa('ip', ['netns', 'del', name]);
    await execa('ip', ['link', 'del', lab.mgmt.bridge]);
    const from = host.seen.length;
    // The engine would give its events again here; after a boot it has none.
    await execa('sed', ['-i', '/"r":"engine-seen"/d', `${host.home}/host/ledger/ledger.jsonl`]);
    host.start();
    for (const node of ['n1', 'n2']) await host.observe('node.started', (seen) => seen.node === node && seen.cause === 'repair', { from, timeoutMs: 30_000 });
    await pings();
    expect(await docker('exec', n1, 'ping', '-c1', '-W2', '10.213.33.1')).toContain('1 received');
  });

  it('R05: a link whose removal was ordered while we were dead does not come back, though its device is gone and its order was written down', async () => {
    const ends = ['n1:eth2', 'n2:eth2'] as const;
    const made = lab.nextEntry().link('link.ensure', 1, ends);
    await host.order(made);
    expect(await host.answer(made.id)).toMatchObject({ type: 'link.joined' });
    const isThere = async (device: string) => (await execa('ip', ['link', 'show', device], { reject: false })).exitCode === 0;
    expect(await isThere('tha33p2')).toBe(true);
    await host.kill();
    const from = host.seen.length;
    const removed = lab.nextEntry().link('link.remove', 1, ends);
    await host.order(removed);
    await execa('ip', ['link', 'del', 'tha33p2']);
    host.start();
    expect(await host.answer(removed.id)).toMatchObject({ type: 'link.removed' });
    // Another order, and with it a whole reading of the host, is done afterwards.
    const other = lab.nextEntry().link('link.ensure', 0, ['n1:eth1', 'n2:eth1']);
    await host.order(other);
    await host.answer(other.id);
    const told = host.seen.slice(from).filter((seen) => (seen.type === 'link.joined' || seen.type === 'link.repaired') && seen.link === 'n1:eth2--n2:eth2');
    expect(told).toEqual([]);
    expect(await Promise.all(['tha33p2', 'tha33p3'].map(isThere))).toEqual([false, false]);
    await expect(docker('exec', n1, 'ip', 'link', 'show', 'eth2')).rejects.toThrow('eth2');
  });

  it('R04 D05: a stranger that took the name of a node is left alone, and the node is not taken for running', async () => {
    await host.kill();
    await docker('rm', '-f', n2);
    await docker('run', '-d', '--network', 'none', '--name', n2, 'labwright/linux:local', 'sleep', '600');
    const from = host.seen.length;
    host.start();
    await host.observe('node.died', (seen) => seen.node === 'n2', { from });
    await eventually(async () => (await host.log()).includes('name-taken'), { what: 'refusal' });
    expect(await isRunning(n2)).toBe(true);
    expect(host.seen.slice(from).filter((seen) => seen.type === 'node.started' && seen.node === 'n2')).toEqual([]);
    await docker('rm', '-f', n2);
    await host.observe('node.started', (seen) => seen.node === 'n2' && seen.cause === 'repair', { from, timeoutMs: 30_000 });
    await pings();
  });

  it('R01: adopts what it made before its memory was lost, without a restart of anything', async () => {
    const before = await docker('inspect', '-f', '{{.Id}} {{.State.StartedAt}} {{.State.Pid}}', n1);
    const ifindex = await docker('exec', n1, 'cat', '/sys/class/net/eth1/ifindex');
    await host.kill();
    await rm(`${host.home}/host/ledger`, { recursive: true });
    host.start();
    const orders = [lab.nextEntry().network('network.ensure'), lab.node('node.start', 'n1'), lab.node('node.start', 'n2'), lab.link('link.ensure', 0, ['n1:eth1', 'n2:eth1'])];
    await host.order(...orders);
    for (const { id } of orders) expect(await host.answer(id)).not.toMatchObject({ type: 'effect.failed' });
    expect(await docker('inspect', '-f', '{{.Id}} {{.State.StartedAt}} {{.State.Pid}}', n1)).toBe(before);
    expect(await docker('exec', n1, 'cat', '/sys/class/net/eth1/ifindex')).toBe(ifindex);
    await pings();
  });

  it('gives a container its name back', async () => {
    await docker('rename', n2, 'tha-o-aside');
    expect(await eventually(() => isRunning(n2), { what: 'the name' })).toBe(true);
  });

  it('answers questions, and only to inboxes', async () => {
    const ask = async (verb: string, question: unknown) => (await host.supervisor.request(`lw.v1.rpc.${host.host}.${verb}`, JSON.stringify(question), { timeout: 20_000 })).json<Record<string, unknown>>();
    expect(await ask('exec', { lab: lab.lab, node: 'n1', argv: ['sh', '-c', 'echo hello; exit 4'] })).toMatchObject({ exitCode: 4, stdout: expect.stringContaining('hello'), target: 'container' });
    expect(await ask('exec', { lab: lab.lab, node: 'nobody', argv: ['true'] })).toMatchObject({ error: { code: 'unknown-node', retryable: false } });
    expect(await ask('exec', { lab: lab.lab })).toMatchObject({ error: { code: 'rpc-invalid' } });
    expect(await ask('inspect', { lab: lab.lab })).toMatchObject({ nodes: [{ nodeId: 'n1' }, { nodeId: 'n2' }], links: expect.arrayContaining([expect.objectContaining({ id: 'n1:eth1--n2:eth1', joined: true })]) });
    expect(await ask('fly', {})).toMatchObject({ error: { code: 'rpc-invalid' } });
  });

  it('S16: beats with who it is and how it does', async () => {
    const beats: unknown[] = [];
    const subscription = host.supervisor.subscribe(`lw.v1.beat.${host.host}`, { callback: (_error, beat) => void beats.push(beat.json()) });
    const beat = await eventually(() => beats.at(-1), { what: 'sign of life' });
    subscription.unsubscribe();
    expect(beat).toMatchObject({ host: host.host, version: expect.any(String), bootId: expect.any(String), eventLoop: { maxMs: expect.any(Number) }, nodes: { running: 2 }, orders: { open: 0 }, engineConnected: true, loops: ['sweep', 'link echoes', 'network echoes', 'network checks', 'fence'].map((name) => ({ name, late: false })) });
  });

  it('says what is not there: bridge, container, image', async () => {
    const bridge = lab.nextEntry().node('node.prepare', 'n3', { spec: { runtime: 'bridge', containerName: 'tha-nobridge' } });
    const other = lab.nextEntry().node('node.start', 'n3', { spec: { runtime: 'ext-container', containerName: 'tha-nobody' } });
    const image = lab.nextEntry().node('node.prepare', 'n3', { spec: { image: 'tha-no/such:image', imagePullPolicy: 'never' } });
    for (const [order, code] of [[bridge, 'bridge-missing'], [other, 'container-missing'], [image, 'image-absent']] as const) {
      await host.order(order);
      expect(await host.answer(order.id)).toMatchObject({ type: 'effect.failed', code });
    }
  });
});
