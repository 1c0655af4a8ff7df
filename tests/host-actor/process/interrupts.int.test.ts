// A removal waits for no long work on its node: not for a command in it or beside it, not for an image, not for what has not begun yet.
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { TestRegistry } from '../providers/test-registry.ts';
import type { HostProcess } from './host-process.ts';
import { startHostProcess } from './host-process.ts';
import { TestLab } from './test-lab.ts';

const LONG = 'sleep 3217';

describe('a node that is removed in the middle of', () => {
  let host: HostProcess;
  let registry: TestRegistry;
  beforeAll(async () => {
    host = await startHostProcess('tha-i');
    registry = await TestRegistry.start();
    host.start();
  });
  afterAll(async () => {
    await registry.stop();
    await host.stop();
  });

  const processes = async (command: string) => (await execa('pgrep', ['-fx', command], { reject: false })).stdout;
  const removed = async (lab: TestLab, node: string) => {
    const remove = lab.nextEntry().node('node.remove', node);
    await host.order(remove);
    expect((await host.answer(remove.id)).type).toBe('node.removed');
    const network = lab.nextEntry().network('network.remove');
    await host.order(network);
    await host.answer(network.id);
  };
  const running = async (name: string, number: number) => {
    const lab = new TestLab({ name, host: host.host, number, nodes: ['n1'] });
    const orders = [lab.network('network.ensure'), lab.node('node.prepare', 'n1'), lab.nextEntry().node('node.start', 'n1')];
    await host.order(...orders);
    for (const { id } of orders) await host.answer(id);
    return lab;
  };

  it.each([['container', 62], ['host', 63]] as const)('S12: a command (%s) goes at once, and the command ends', async (target, number) => {
    const lab = await running(`tha-i${number}`, number);
    const exec = lab.nextEntry().node('node.exec', 'n1', { commands: [{ command: target === 'host' ? `${LONG}; true` : LONG, target }, { command: 'echo never', target }] });
    await host.order(exec);
    await eventually(() => processes(LONG), { what: 'the command to run' });
    await removed(lab, 'n1');
    expect(await processes(LONG)).toBe('');
    const done = await host.answer(exec.id);
    expect(done).toMatchObject({ type: 'node.exec-done', results: [{ exitCode: expect.any(Number) }] });
  });

  it('S12: an image being pulled goes at once, and the pull ends', async () => {
    registry.stallLayer = true;
    const lab = new TestLab({ name: 'tha-i64', host: host.host, number: 64, nodes: ['n1'], spec: { image: registry.image('tha-i/small:1') } });
    const prepare = lab.node('node.prepare', 'n1');
    await host.order(lab.network('network.ensure'), prepare);
    await eventually(() => registry.stalled.length > 0, { what: 'a layer half-way' });
    await removed(lab, 'n1');
    expect(await host.answer(prepare.id)).toMatchObject({ type: 'effect.failed', code: 'cancelled' });
    // A pull that went on would be joined by the next one; one that ended asks for the layer again.
    registry.stallLayer = false;
    const asked = registry.layerRequests;
    await execa('docker', ['pull', registry.image('tha-i/small:1')], { timeout: 20_000 });
    expect(registry.layerRequests).toBe(asked + 1);
    await execa('docker', ['rmi', registry.image('tha-i/small:1')]);
  });

  it('S12: an order that waits with work that takes long does not begin it', async () => {
    const lab = await running('tha-i65', 65);
    const exec = lab.nextEntry().node('node.exec', 'n1', { commands: [{ command: LONG, target: 'container' }] });
    const remove = lab.nextEntry().node('node.remove', 'n1');
    await host.order(exec, remove);
    expect((await host.answer(remove.id)).type).toBe('node.removed');
    expect(await host.answer(exec.id)).toMatchObject({ type: 'node.exec-done', results: [] });
    const network = lab.nextEntry().network('network.remove');
    await host.order(network);
    await host.answer(network.id);
  });
});
