// Images on a real engine: present, pulled with progress, cancelled in the middle, loaded from whole and damaged archives.
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeDockerProvider } from '../../../host-actor/providers/docker/docker-provider.ts';
import type { ImageProgress } from '../../../host-actor/providers/provider.ts';
import { eventually } from '../../support/eventually.ts';
import { TestLab, buildSpec } from './test-nodes.ts';
import { TestRegistry } from './test-registry.ts';

const lab = new TestLab('image');
const provider = makeDockerProvider({ hostId: lab.hostId });
const tag = `${lab.labId}:1`;
const made: string[] = [];
let registry: TestRegistry;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tprov-image-'));
});
afterAll(() => rm(dir, { recursive: true }));
beforeEach(async () => {
  registry = await TestRegistry.start();
});
afterEach(async () => {
  await registry.stop();
  await lab.clear(provider);
  for (const name of made.splice(0)) await execa('docker', ['rmi', '-f', name], { reject: false });
});

const probes = async () => (await execa('docker', ['ps', '-aq', '--filter', `label=labwright.probe=${lab.hostId}`])).stdout;

/** Layers that the engine is in the middle of fetching. */
const halfLayers = async () => (await readdir(join((await provider.engineInfo()).dataDir, 'tmp'))).filter((name) => name.startsWith('GetImageBlob'));

describe('images', () => {
  it('pulls an absent image once for all who want it, with progress, and proves it', async () => {
    const image = registry.image('tprov/small:1');
    made.push(image);
    const seen: ImageProgress[] = [];
    const all = await Promise.all([1, 2, 3].map(() => provider.ensureImage(image, 'if-not-present', { onProgress: (progress) => seen.push(progress) })));
    expect(all.map((ready) => ready.outcome)).toEqual(['pulled', 'pulled', 'pulled']);
    expect(new Set(seen.map((progress) => progress.image))).toEqual(new Set([image]));
    expect(await provider.ensureImage(image, 'if-not-present')).toMatchObject({ outcome: 'present', imageId: all[0]?.imageId });
    expect(await provider.ensureImage(image, 'always')).toMatchObject({ outcome: 'pulled', imageId: all[0]?.imageId });
    expect(await probes()).toBe('');
  });

  it('says what failed when the registry has no such image, or does not answer', async () => {
    await expect(provider.ensureImage(registry.image('tprov/absent/x:1'), 'if-not-present')).rejects.toMatchObject({ code: 'image-pull-failed', retryable: false });
    const image = registry.image('tprov/small:1');
    await registry.stop();
    await expect(provider.ensureImage(image, 'if-not-present')).rejects.toMatchObject({ code: 'image-pull-failed', retryable: true, message: expect.stringContaining(image) });
    registry = await TestRegistry.start();
  });

  it('S12: a pull that is cancelled in the middle of a layer leaves nothing and goes on for nobody', async () => {
    registry.stallLayer = true;
    const image = registry.image('tprov/small:1');
    const [one, other] = [new AbortController(), new AbortController()];
    const seen: ImageProgress[] = [];
    const pulls = Promise.allSettled([
      provider.ensureImage(image, 'if-not-present', { signal: one.signal, onProgress: (progress) => seen.push(progress) }),
      provider.ensureImage(image, 'if-not-present', { signal: other.signal }),
    ]);
    await eventually(() => registry.stalled.length > 0, { what: 'a layer half-way' });
    one.abort();
    other.abort();
    for (const outcome of await pulls) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'cancelled' } });
    expect(await provider.hasImage(image)).toBe(false);
    expect(await probes()).toBe('');
    await eventually(async () => (await halfLayers()).length === 0, { what: 'removal of the half layer' });
    // Some engines keep the connection for a while; but what comes over it is for nobody, and a new pull begins anew.
    registry.finishStalled();
    expect(await provider.hasImage(image)).toBe(false);
    registry.stallLayer = false;
    made.push(image);
    expect(await provider.ensureImage(image, 'if-not-present')).toMatchObject({ outcome: 'pulled' });
    expect(registry.layerRequests).toBe(2);
  });

  it('ends a pull that stalls at its deadline', async () => {
    registry.stallLayer = true;
    const image = registry.image('tprov/small:1');
    await expect(provider.ensureImage(image, 'if-not-present', { deadlineMs: 500 })).rejects.toMatchObject({ code: 'image-pull-failed', retryable: true });
    await eventually(async () => (await halfLayers()).length === 0, { what: 'removal of the half layer' });
  });

  it('D08: an archive with a damaged layer, a cut one, and one without the image all end as errors', async () => {
    made.push(tag);
    const rootfs = join(dir, 'rootfs.tar');
    await execa('sh', ['-c', `head -c 300000 /dev/zero | tr '\\0' x > ${dir}/content && tar -C ${dir} -cf ${rootfs} content`]);
    await execa('docker', ['import', rootfs, tag]);
    const whole = join(dir, 'whole.tar');
    await execa('docker', ['save', '-o', whole, tag]);
    await execa('docker', ['rmi', '-f', tag]);

    const bytes = await readFile(whole);
    const damaged = Buffer.from(bytes);
    damaged.fill('y', bytes.indexOf('x'.repeat(2000)), bytes.indexOf('x'.repeat(2000)) + 1000);
    await writeFile(join(dir, 'damaged.tar'), damaged);
    await writeFile(join(dir, 'cut.tar'), bytes.subarray(0, Math.floor(bytes.length / 2)));
    for (const name of ['damaged.tar', 'cut.tar']) {
      await expect(provider.loadImage(join(dir, name), tag)).rejects.toMatchObject({ code: expect.stringMatching(/^(image-broken|engine-failed)$/) });
      expect(await provider.hasImage(tag)).toBe(false);
    }
    await expect(provider.loadImage(whole, 'tprov-other:1')).rejects.toMatchObject({ code: 'image-broken', details: { storageDriver: expect.stringMatching(/./) } });
    expect(await provider.loadImage(whole, tag)).toMatchObject({ outcome: 'loaded' });
    expect(await provider.loadImage(whole, tag)).toMatchObject({ outcome: 'loaded' });
    expect(await probes()).toBe('');
  });

  it('D09: a missing image fails its own node only', async () => {
    const good = await lab.run(provider, 'good');
    const placement = await lab.place('bad');
    await expect(provider.ensureCreated(buildSpec({ image: 'tprov-absent:1' }), placement)).rejects.toMatchObject({ code: 'image-absent' });
    expect(await provider.hasImage('tprov-absent:1')).toBe(false);
    expect(await provider.listOwned({ hostId: lab.hostId })).toMatchObject([{ runtimeId: good.node.runtimeId, status: 'running' }]);
  });
});
