// Removes containers of ours, with their anonymous volumes and their look-up file.
import { setTimeout as delay } from 'node:timers/promises';
import { ProviderError } from '../provider-error.ts';
import type { NodeKey, VerbOptions } from '../provider.ts';
import { ownershipMark } from './container-labels.ts';
import type { EngineClient } from './engine-client.ts';
import { engineStatus } from './engine-client.ts';
import { inspectById, inspectContainer } from './owned-containers.ts';
import type { OwnedListing } from './owned-listing.ts';
import type { SandboxLookups } from './sandbox-lookups.ts';

export interface RemoveContext { readonly engine: EngineClient; readonly lookups: SandboxLookups; readonly listing: OwnedListing }

/** Removes every container of this node, whatever its name or generation; what only shares the name is left alone. */
export async function ensureRemoved({ engine, lookups, listing }: RemoveContext, key: NodeKey, options: VerbOptions = {}): Promise<{ removed: readonly string[] }> {
  const removed = await listing.idsOf(key, options);
  await Promise.all(removed.map(async (runtimeId) => {
    await removeContainer(engine, lookups, runtimeId, options);
    listing.noteGone(runtimeId);
  }));
  await lookups.removeOf(ownershipMark(key));
  return { removed };
}

/** Removes this container alone, if it is ours. */
export async function removeOne({ engine, lookups, listing }: RemoveContext, runtimeId: string, options: VerbOptions = {}): Promise<void> {
  if ((await inspectById(engine, runtimeId, options)).found !== 'ours') return;
  await removeContainer(engine, lookups, runtimeId, options);
  listing.noteGone(runtimeId);
}

/** Kills and removes one container by id; returns once it is gone. Absent is success. The caller has checked that it is ours. */
export async function removeContainer(engine: EngineClient, lookups: SandboxLookups, runtimeId: string, options: VerbOptions = {}): Promise<void> {
  try {
    await engine.call({ what: `removing container ${runtimeId}`, ...options }, (docker, abortSignal) =>
      // The client passes the signal on although its types do not say so.
      docker.getContainer(runtimeId).remove(withSignal({ force: true, v: true }, abortSignal)),
    );
  } catch (error) {
    if (engineStatus(error) === 409) await untilGone(engine, runtimeId, options);
    else if (engineStatus(error) !== 404) throw error;
  }
  await lookups.remove(runtimeId);
}

function withSignal<T extends object>(options: T, abortSignal: AbortSignal): T {
  return { ...options, abortSignal };
}

/** 409 = somebody else's removal is under way. */
async function untilGone(engine: EngineClient, runtimeId: string, options: VerbOptions): Promise<void> {
  const deadline = Date.now() + (options.deadlineMs ?? 30_000);
  while ((await inspectContainer(engine, runtimeId, options)) !== undefined) {
    if (Date.now() > deadline) throw new ProviderError('engine-timeout', `container ${runtimeId} is being removed by somebody and does not go`, { retryable: true });
    await delay(50, undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
}
