// Which of the images, devices and bridges that a lab names are not on this host.
import { stat } from 'node:fs/promises';
import type { HostThings } from '../machines/vocabulary/host-things.ts';
import type { HostSight } from './hands.ts';
import type { NodeProvider } from './providers/provider.ts';

export type LackHands = { readonly provider: Pick<NodeProvider, 'hasImage'>; readonly sight: Pick<HostSight, 'isBridge'> };

/** Looks for each of them now. @throws {ProviderError} the engine does not answer. */
export async function readLacks({ provider, sight }: LackHands, asked: HostThings): Promise<HostThings> {
  const [images, devices, bridges] = await Promise.all([
    missing(asked.images, async (image) => await provider.hasImage(image)),
    missing(asked.devices, async (path) => await stat(path).then((found) => found.isCharacterDevice() || found.isBlockDevice(), () => false)),
    missing(asked.bridges, async (name) => await sight.isBridge(name)),
  ]);
  return { images, devices, bridges };
}

async function missing(names: readonly string[], isThere: (name: string) => Promise<boolean>): Promise<string[]> {
  const there = await Promise.all(names.map(isThere));
  return names.filter((_name, index) => there[index] === false);
}
