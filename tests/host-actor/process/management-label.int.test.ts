// Scripts written for containerlab read the management bridge from a container's labels: it is there from the first container on.
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { HostProcess } from './host-process.ts';
import { startHostProcess } from './host-process.ts';
import { TestLab } from './test-lab.ts';

const Container = z.array(z.object({ Config: z.object({ Labels: z.record(z.string(), z.string()), Env: z.array(z.string()) }) })).length(1);

describe('a management network whose bridge nobody named', () => {
  let host: HostProcess;
  beforeAll(async () => {
    host = await startHostProcess('tha-m');
    host.start();
  });
  afterAll(async () => await host.stop());

  it('has its bridge in labels and environment of every container, the very first included, and goes with its lab', async () => {
    const lab = new TestLab({ name: 'tha-m1', host: host.host, number: 66, nodes: ['n1', 'n2'], bridge: '' });
    const [network, ...prepare] = [lab.network('network.ensure'), lab.node('node.prepare', 'n1'), lab.node('node.prepare', 'n2')];
    await host.order(network, ...prepare);
    for (const { id } of prepare) expect((await host.answer(id)).type).toBe('node.prepared');
    const ready = await host.answer(network.id);
    const bridge = ready.type === 'network.ready' ? ready.bridge : '';
    expect(bridge).toMatch(/^br-[0-9a-f]{12}$/);
    expect((await execa('docker', ['network', 'inspect', '-f', '{{index .Options "com.docker.network.bridge.name"}}', lab.mgmt.network])).stdout).toBe(bridge);
    expect((await execa('ip', ['-br', 'link', 'show', 'master', bridge])).stdout.split('\n')).toHaveLength(2);
    for (const node of ['n1', 'n2']) {
      const [container] = Container.parse(JSON.parse((await execa('docker', ['inspect', lab.containerName(node)])).stdout));
      expect(container?.Config.Labels['clab-mgmt-net-bridge']).toBe(bridge);
      expect(container?.Config.Env).toContain(`CLAB_LABEL_CLAB_MGMT_NET_BRIDGE=${bridge}`);
    }
    const removes = [lab.nextEntry().node('node.remove', 'n1'), lab.node('node.remove', 'n2')];
    await host.order(...removes);
    for (const { id } of removes) await host.answer(id);
    const gone = lab.nextEntry().network('network.remove');
    await host.order(gone);
    await host.answer(gone.id);
    expect((await execa('ip', ['link', 'show', 'dev', bridge], { reject: false })).exitCode).not.toBe(0);
    expect((await execa('docker', ['network', 'inspect', lab.mgmt.network], { reject: false })).exitCode).not.toBe(0);
  });
});
