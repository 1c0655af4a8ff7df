// Makes an image usable on this host: there, or pulled or loaded, and then proved by a container made from it.
import { randomUUID } from 'node:crypto';
import type Docker from 'dockerode';
import type { HostId } from '../../../machines/vocabulary/ids.ts';
import type { NodeSpec } from '../../../machines/vocabulary/lab-spec.ts';
import { ProviderError } from '../provider-error.ts';
import type { ImageProgress, ImageReady, VerbOptions } from '../provider.ts';
import { ownLabel } from './container-labels.ts';
import type { EngineClient } from './engine-client.ts';
import { engineStatus, engineText } from './engine-client.ts';
import { removeContainer } from './ensure-removed.ts';
import { pullImage } from './pull-image.ts';
import type { SandboxLookups } from './sandbox-lookups.ts';
import { readLines } from './stream-frames.ts';

export interface ImageContext {
  readonly engine: EngineClient;
  readonly lookups: SandboxLookups;
  readonly hostId: HostId;
}

/** @throws {ProviderError} `image-absent` (policy never), `image-pull-failed`, `image-broken`, and those of the client. */
export async function ensureImage(context: ImageContext, image: string, policy: NodeSpec['imagePullPolicy'], options: VerbOptions & { onProgress?: (progress: ImageProgress) => void } = {}): Promise<ImageReady> {
  const before = policy === 'always' ? undefined : await inspectImage(context.engine, image, options);
  if (before !== undefined) return { image, imageId: before.Id, outcome: 'present' };
  if (policy === 'never') {
    throw new ProviderError('image-absent', `image ${image} is not on this host and its pull policy is "never"; load or build it, or set image-pull-policy to "if-not-present"`, { details: { image } });
  }
  await pullImage(context.engine, image, options);
  return { image, imageId: await proveImage(context, image, options), outcome: 'pulled' };
}

/** True where the engine has the image under that name. */
export async function hasImage(engine: EngineClient, image: string, options: VerbOptions = {}): Promise<boolean> {
  return (await inspectImage(engine, image, options)) !== undefined;
}

/** Loads an archive of `docker save` and proves that the image it should hold works; the engine's "loaded" is not believed.
 *  @throws {ProviderError} `image-broken` with the engine's storage driver. */
export async function loadImage(context: ImageContext, archive: string, image: string, options: VerbOptions = {}): Promise<ImageReady> {
  const complaint = await context.engine.call({ what: `loading ${archive}`, deadlineMs: 600_000, ...options, lane: 'long' }, async (docker, abortSignal) => {
    for await (const line of readLines(await docker.loadImage(archive, { quiet: true, abortSignal }))) {
      const error = /"error":"((?:[^"\\]|\\.)*)"/.exec(line)?.[1];
      if (error !== undefined) return error;
    }
    return undefined;
  });
  if (complaint !== undefined) throw await broken(context, image, `the engine cannot load ${archive}: ${complaint}`, undefined, options);
  return { image, imageId: await proveImage(context, image, options), outcome: 'loaded' };
}

/** Removes what a proof left when its process was killed in the middle. */
export async function removeStrayProbes(context: ImageContext, options: VerbOptions = {}): Promise<void> {
  const strays = await context.engine.call({ what: 'listing image probes', ...options }, (docker, abortSignal) =>
    docker.listContainers({ all: true, filters: { label: [`${ownLabel.probe}=${context.hostId}`] }, abortSignal }),
  );
  // An image made by `docker commit` passes the label on, so the name has to be one of ours too.
  const ours = strays.filter((entry) => entry.Names.some((name) => name.startsWith('/labwright-probe-')));
  for (const { Id } of ours) await removeContainer(context.engine, context.lookups, Id, options);
}

/** Size, and a container that can be made from it: engines have called archives loaded of which only a stub was there. */
async function proveImage(context: ImageContext, image: string, options: VerbOptions): Promise<string> {
  const info = await inspectImage(context.engine, image, options);
  if (info === undefined) throw await broken(context, image, 'it is not there after the engine reported success', undefined, options);
  if (info.Size <= 0) throw await broken(context, image, 'it has no content', undefined, options);
  const name = `labwright-probe-${randomUUID()}`;
  try {
    const made = await context.engine.call({ what: `proving image ${image}`, ...(options.deadlineMs === undefined ? {} : { deadlineMs: options.deadlineMs }) }, (docker, abortSignal) =>
      docker.createContainer({ name, Image: image, Cmd: ['true'], NetworkDisabled: true, Labels: { [ownLabel.probe]: context.hostId }, abortSignal }),
    );
    await removeContainer(context.engine, context.lookups, made.id, {});
  } catch (error) {
    if (engineStatus(error) === undefined) throw error;
    throw await broken(context, image, `no container can be made from it: ${engineText(error)}`, error, options);
  }
  return info.Id;
}

async function broken(context: ImageContext, image: string, why: string, cause: unknown, options: VerbOptions): Promise<ProviderError> {
  const driver = await context.engine.call({ what: 'reading the engine settings', ...options }, async (docker) => String((await docker.info()).Driver));
  return new ProviderError('image-broken', `image ${image} is not usable: ${why} (image store ${driver}); remove it and pull or load it again`, { cause, details: { image, storageDriver: driver } });
}

async function inspectImage(engine: EngineClient, image: string, options: VerbOptions): Promise<Docker.ImageInspectInfo | undefined> {
  try {
    return await engine.call({ what: `inspecting image ${image}`, ...options, lane: 'read' }, (docker) => docker.getImage(image).inspect());
  } catch (error) {
    if (engineStatus(error) === 404) return undefined;
    throw error;
  }
}
