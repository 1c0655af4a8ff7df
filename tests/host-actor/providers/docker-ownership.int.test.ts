// What is not ours stays untouched, what is ours is found by its mark and by nothing else.
import { existsSync } from 'node:fs';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeDockerProvider } from '../../../host-actor/providers/docker/docker-provider.ts';
import type { DockerProvider } from '../../../host-actor/providers/docker/docker-provider.ts';
import { LabId, NodeId } from '../../../machines/vocabulary/ids.ts';
import { TestLab, buildSpec, image } from './test-nodes.ts';

let lab: TestLab;
let provider: DockerProvider;
const images: string[] = [];

beforeEach(() => {
  lab = new TestLab('own');
  provider = makeDockerProvider({ hostId: lab.hostId });
});
afterEach(async () => {
  await lab.clear(provider);
  for (const tag of images.splice(0)) await execa('docker', ['rmi', '-f', tag], { reject: false });
});

const inspect = async (id: string, format = '{{.Id}} {{.State.Status}} {{.State.StartedAt}} {{.Name}}') => (await execa('docker', ['inspect', id, '-f', format])).stdout;

describe('docker provider and what belongs to others', () => {
  it('D05: a foreign container, image and network stay, whatever we remove', async () => {
    const placement = await lab.place('r1');
    const container = await lab.foreign('--name', `clab-${lab.labId}-r9`, '--label', `containerlab=${lab.labId}`, '--label', 'clab-node-name=r1', image, 'sleep', '1');
    const network = `${lab.labId}-net`;
    await execa('docker', ['network', 'create', network]);
    const tag = `${lab.labId}-image:1`;
    images.push(tag);
    await execa('docker', ['tag', image, tag]);
    try {
      const before = await inspect(container);
      for (let round = 0; round < 10; round += 1) {
        await provider.ensureCreated(buildSpec(), placement);
        await provider.removeStrayProbes();
        await provider.ensureRemoved(placement);
        await provider.ensureRemoved({ ...placement, nodeId: NodeId.parse('r9'), containerName: `clab-${lab.labId}-r9` });
      }
      expect(await inspect(container)).toBe(before);
      expect(await provider.hasImage(tag)).toBe(true);
      expect((await execa('docker', ['network', 'inspect', network, '-f', '{{.Name}}'])).stdout).toBe(network);
    } finally {
      await execa('docker', ['network', 'rm', network], { reject: false });
    }
  });

  it('D05: a foreign container that holds the name is reported and left alone', async () => {
    const placement = await lab.place('r1');
    const container = await lab.foreign('--name', placement.containerName, image, 'sleep', '1');
    const before = await inspect(container);
    await expect(provider.ensureCreated(buildSpec(), placement)).rejects.toMatchObject({ code: 'name-taken', retryable: false, details: { runtimeId: container } });
    expect(await provider.inspect(placement)).toEqual({ found: 'foreign', holder: { runtimeId: container, name: placement.containerName, image } });
    expect(await provider.ensureRemoved(placement)).toEqual({ removed: [] });
    await expect(provider.ensureStarted(container, placement.sandbox)).rejects.toMatchObject({ code: 'container-absent' });
    expect(await provider.ensureStopped(container, { graceMs: 0 })).toMatchObject({ found: 'foreign' });
    expect(await inspect(container)).toBe(before);
  });

  it('D05: a container made from an image that was committed from a node of ours is not ours', async () => {
    const { node, placement } = await lab.run(provider, 'r1');
    const tag = `${lab.labId}-commit:1`;
    images.push(tag);
    await execa('docker', ['commit', node.runtimeId, tag]);
    const copy = await lab.foreign('--name', `${lab.labId}-copy`, tag);
    expect(await inspect(copy, '{{index .Config.Labels "labwright.node"}}')).toBe('r1');
    expect((await provider.listOwned({ hostId: lab.hostId })).map((owned) => owned.runtimeId)).toEqual([node.runtimeId]);
    expect(await provider.ensureRemoved(placement)).toEqual({ removed: [node.runtimeId] });
    expect(await inspect(copy, '{{.Id}}')).toBe(copy);
  });

  it('D06: removing r1 leaves r10', async () => {
    const { placement: r1 } = await lab.run(provider, 'r1');
    const { node: r10 } = await lab.run(provider, 'r10');
    await provider.ensureRemoved(r1);
    expect(await provider.listOwned({ hostId: lab.hostId })).toEqual([expect.objectContaining({ runtimeId: r10.runtimeId, status: 'running', pid: r10.pid })]);
  });

  it('D06: a lab whose name begins like another one is another lab', async () => {
    const { node } = await lab.run(provider, 'r1');
    expect(await provider.listOwned({ hostId: lab.hostId, labId: lab.labId })).toMatchObject([{ runtimeId: node.runtimeId }]);
    const shorter = LabId.parse(lab.labId.slice(0, -1));
    expect(await provider.listOwned({ hostId: lab.hostId, labId: shorter })).toEqual([]);
    expect(await provider.ensureRemoved({ hostId: lab.hostId, labId: shorter, nodeId: node.nodeId, containerName: node.name })).toEqual({ removed: [] });
  });

  it('N05: "a.b" and "ab" are two containers, a name that the engine cannot hold is refused', async () => {
    const dotted = await lab.place('a.b', { containerName: `clab-${lab.labId}-a.b` });
    const plain = await lab.place('ab', { containerName: `clab-${lab.labId}-ab` });
    await provider.ensureCreated(buildSpec(), dotted);
    await provider.ensureCreated(buildSpec(), plain);
    expect((await provider.listOwned({ hostId: lab.hostId })).map((node) => node.name)).toEqual([dotted.containerName, plain.containerName]);
    const impossible = await lab.place('x', { containerName: 'a b' });
    await expect(provider.ensureCreated(buildSpec(), impossible)).rejects.toMatchObject({ code: 'name-invalid' });
    expect(await provider.listOwned({ hostId: lab.hostId })).toHaveLength(2);
  });

  it('R01: a new provider finds the same containers as the old one', async () => {
    const made = [await lab.run(provider, 'r1'), await lab.run(provider, 'r2'), await lab.run(provider, 'r3')];
    const fresh = makeDockerProvider({ hostId: lab.hostId });
    expect(await fresh.listOwned({ hostId: lab.hostId })).toEqual(made.map(({ node }) => node));
  });

  it('R03: a container that was renamed by hand is found by its mark and gets its name back', async () => {
    const { node, placement } = await lab.run(provider, 'r1');
    await execa('docker', ['rename', node.runtimeId, `${lab.labId}-odd`]);
    expect(await provider.inspect(placement)).toEqual({ found: 'ours', node: { ...node, name: `${lab.labId}-odd` } });
    const again = await provider.ensureCreated(buildSpec(), placement);
    expect(again).toMatchObject({ outcome: 'reused', node: { runtimeId: node.runtimeId, name: placement.containerName } });
    expect(await inspect(node.runtimeId, '{{.Name}} {{.State.Pid}}')).toBe(`/${placement.containerName} ${node.pid}`);
  });

  it('R04: a container made by hand under the same name voids what was known', async () => {
    const { node, placement } = await lab.run(provider, 'r1');
    await execa('docker', ['rm', '-f', node.runtimeId]);
    const stranger = await lab.foreign('--name', placement.containerName, image, 'sleep', '1');
    expect(await provider.inspect(placement)).toMatchObject({ found: 'foreign', holder: { runtimeId: stranger } });
    await expect(provider.ensureStarted(node.runtimeId, placement.sandbox)).rejects.toMatchObject({ code: 'container-absent' });
    expect(await provider.listOwned({ hostId: lab.hostId })).toEqual([]);
  });

  it('makes one container when two orders for the same node meet', async () => {
    const placement = await lab.place('r1');
    const both = await Promise.all([provider.ensureCreated(buildSpec(), placement), provider.ensureCreated(buildSpec(), placement)]);
    expect(both[0].node.runtimeId).toBe(both[1].node.runtimeId);
    expect(await provider.listOwned({ hostId: lab.hostId })).toHaveLength(1);
  });

  it('does not make absent bind sources', async () => {
    const placement = await lab.place('r1');
    const source = `/tmp/${lab.labId}-absent`;
    await expect(provider.ensureCreated(buildSpec({ binds: [`${source}:/mnt`] }), placement)).rejects.toMatchObject({ code: 'bind-source-missing', details: { missing: [source] } });
    expect(existsSync(source)).toBe(false);
  });

  it('S12: a create that is cancelled leaves nothing', async () => {
    for (const afterMs of [0, 1, 5, 20, 50]) {
      const placement = await lab.place(`c${afterMs}`);
      const signal = AbortSignal.timeout(afterMs);
      const outcome = await provider.ensureCreated(buildSpec(), placement, { signal }).then(() => 'created', (error: { code: string }) => error.code);
      if (outcome === 'created') continue;
      expect(outcome).toBe('cancelled');
      expect(await provider.inspect(placement)).toEqual({ found: 'absent' });
    }
  });
});
