// One pull of an image with its progress, bounded in time, ended when the last one who waits for it leaves.
import { z } from 'zod';
import { ProviderError, isProviderError } from '../provider-error.ts';
import type { ImageProgress, VerbOptions } from '../provider.ts';
import type { EngineClient } from './engine-client.ts';
import { engineStatus, engineText } from './engine-client.ts';
import { readRegistryAuth } from './registry-auth.ts';
import { readLines } from './stream-frames.ts';

const defaultPullMs = 30 * 60_000;

export interface PullOptions extends VerbOptions {
  readonly onProgress?: (progress: ImageProgress) => void;
}

/** Pulls the image. Cancelled, the engine drops what it had begun.
 *  @throws {ProviderError} `image-pull-failed` (retryable unless the registry says that there is no such image), `cancelled`, `engine-unreachable`. */
export async function pullImage(engine: EngineClient, image: string, options: PullOptions = {}): Promise<void> {
  const deadlineMs = options.deadlineMs ?? defaultPullMs;
  const auth = await readRegistryAuth(image);
  try {
    await engine.call({ what: `pulling image ${image}`, ...options, deadlineMs, lane: 'long' }, async (docker, abortSignal) => {
      const stream = await docker.pull(image, { abortSignal, ...(auth === undefined ? {} : { authconfig: auth }) });
      await followPull(image, readLines(stream), options.onProgress);
    });
  } catch (error) {
    if (isProviderError(error, 'cancelled', 'engine-unreachable', 'image-pull-failed')) throw error;
    if (isProviderError(error, 'engine-timeout')) throw pullFailed(image, `not done within ${Math.round(deadlineMs / 1000)} s`, true, error);
    throw pullFailed(image, engineText(error), engineStatus(error) !== 404 && !isFinal(engineText(error)), error);
  }
}

const pullLine = z.object({
  id: z.string().optional(),
  status: z.string().optional(),
  error: z.string().optional(),
  progressDetail: z.object({ current: z.number().optional(), total: z.number().optional() }).optional(),
});

async function followPull(image: string, lines: AsyncIterable<string>, onProgress: PullOptions['onProgress']): Promise<void> {
  const layers = new Map<string, { current: number; total: number }>();
  for await (const text of lines) {
    const line = pullLine.safeParse(parseJson(text)).data;
    if (line === undefined) continue;
    if (line.error !== undefined) throw pullFailed(image, line.error, !isFinal(line.error));
    const { current, total } = line.progressDetail ?? {};
    // Unpacking counts the same bytes a second time.
    if (line.id !== undefined && total !== undefined && line.status === 'Downloading') layers.set(line.id, { current: current ?? 0, total });
    onProgress?.({ image, status: line.status ?? '', ...sumLayers(layers) });
  }
}

/** The registry has answered, and will answer the same again. */
function isFinal(text: string): boolean {
  return /not found|manifest unknown|denied|unauthorized/.test(text);
}

function sumLayers(layers: ReadonlyMap<string, { current: number; total: number }>): { currentBytes: number; totalBytes: number } {
  let currentBytes = 0;
  let totalBytes = 0;
  for (const layer of layers.values()) {
    currentBytes += layer.current;
    totalBytes += layer.total;
  }
  return { currentBytes, totalBytes };
}

function pullFailed(image: string, why: string, retryable: boolean, cause?: unknown): ProviderError {
  return new ProviderError('image-pull-failed', `pulling image ${image} failed: ${why}; see that the name is right and the registry answers, or bring it by "docker load" or a build`, { retryable, cause, details: { image } });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
