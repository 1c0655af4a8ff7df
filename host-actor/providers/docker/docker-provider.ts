// Nodes as containers of a Docker engine on this host: one client, made once, behind the provider interface.
import { existsSync } from 'node:fs';
import type { HostPace } from '../../../machines/vocabulary/host-facts.ts';
import type { HostId } from '../../../machines/vocabulary/ids.ts';
import type { EngineInfo, ImageProgress, ImageReady, NodeProvider, VerbOptions } from '../provider.ts';
import { ensureStarted, ensureStopped, kill, readProcesses } from './container-life.ts';
import type { EngineTraits } from './container-config.ts';
import { EngineClient } from './engine-client.ts';
import { watchEngineEvents, readEngineEventsSince } from './engine-events.ts';
import { readEngineInfo, readMissingCapabilities, readSecurityModules } from './engine-info.ts';
import { ensureCreated } from './ensure-created.ts';
import { putContainerFiles, readContainerFile } from './container-files.ts';
import { ensureImage, hasImage, loadImage, removeStrayProbes } from './ensure-image.ts';
import { ensureRemoved, removeOne } from './ensure-removed.ts';
import { execInNode } from './exec.ts';
import { readLogTail } from './log-tail.ts';
import { inspectNode, listOwned } from './owned-containers.ts';
import { OwnedListing } from './owned-listing.ts';
import { SandboxLookups } from './sandbox-lookups.ts';
import { SharedTasks } from './shared-tasks.ts';

/** Tap and tun devices, VPN daemons: the field's tools give it to every node. */
const tunnelDevice = '/dev/net/tun';

export interface DockerProviderOptions {
  readonly hostId: HostId;
  readonly socketPath?: string;
  /** Where our OCI runtime looks containers up. */
  readonly sandboxDir?: string;
  /** Longest time for one brief engine call. */
  readonly deadlineMs?: number;
  /** Capabilities that this host cannot give; read from the kernel where absent, none where a runtime works around them. */
  readonly missingCapabilities?: readonly string[];
}

export interface DockerProvider extends NodeProvider {
  /** Loads an archive and proves the image. @throws {ProviderError} `image-broken`. */
  loadImage(archive: string, image: string, options?: VerbOptions): Promise<ImageReady>;
  /** Removes image probes that a killed process left; call it once at start. */
  removeStrayProbes(options?: VerbOptions): Promise<void>;
  /** How many containers it makes or starts at once at this moment. */
  pace(): HostPace;
}

/** The provider; nothing is asked of the engine before the first verb. */
export function makeDockerProvider(settings: DockerProviderOptions): DockerProvider {
  const engine = new EngineClient(settings);
  const lookups = new SandboxLookups(settings.sandboxDir);
  const imageContext = { engine, lookups, hostId: settings.hostId };
  const images = new SharedTasks<ImageReady, ImageProgress>();
  const traits = new TraitsCache(engine);
  const listing = new OwnedListing(engine);
  let missing: Promise<readonly string[]> | undefined;

  return {
    ensureImage: (image, policy, options = {}) =>
      images.run(`${policy} ${image}`, options, (signal, onProgress) => ensureImage(imageContext, image, policy, { ...options, signal, onProgress })),
    hasImage: (image, options) => hasImage(engine, image, options),
    loadImage: (archive, image, options) => loadImage(imageContext, archive, image, options),
    removeStrayProbes: (options) => removeStrayProbes(imageContext, options),
    ensureCreated: async (spec, placement, options) => {
      const missingCapabilities = settings.missingCapabilities ?? (await (missing ??= readMissingCapabilities()));
      return ensureCreated({ engine, lookups, listing, missingCapabilities, traits: await traits.read(options) }, spec, placement, options);
    },
    ensureStarted: (runtimeId, sandbox, options) => ensureStarted(engine, lookups, runtimeId, sandbox, options),
    ensureStopped: (runtimeId, options) => ensureStopped(engine, runtimeId, options),
    ensureRemoved: (key, options) => ensureRemoved({ engine, lookups, listing }, key, options),
    removeOne: (runtimeId, options) => removeOne({ engine, lookups, listing }, runtimeId, options),
    kill: (runtimeId, signal, options) => kill(engine, runtimeId, signal, options),
    inspect: (key, options) => inspectNode(engine, key, options),
    listOwned: (filter, options) => listOwned(engine, filter, options),
    logTail: (runtimeId, options) => readLogTail(engine, runtimeId, options),
    exec: (runtimeId, command, options) => execInNode(engine, runtimeId, command, options),
    readFile: (runtimeId, path, options) => readContainerFile(engine, runtimeId, path, options),
    processes: (runtimeId, options) => readProcesses(engine, runtimeId, options),
    putFiles: (runtimeId, files, options) => putContainerFiles(engine, runtimeId, files, options),
    watchEvents: (watch) => watchEngineEvents(engine, watch),
    readEventsSince: (cursor, hostId, options) => readEngineEventsSince(engine, cursor, hostId, options),
    joinsNamespaces: async (options) => (await traits.read(options)).joinsNamespaces,
    pace: () => engine.pace.now,
    engineInfo: async (options) => traits.keep(await readEngineInfo(engine, options)),
  };
}

/** Longer than the time between two sweeps, which ask anew. */
const TRAITS_KEPT_MS = 90_000;

/** Settings of the engine change only by its reload or restart; asked again after a while, not for each container. */
class TraitsCache {
  readonly #engine: EngineClient;
  #reading: Promise<void> | undefined;
  #kept: { traits: EngineTraits; untilMs: number } | undefined;

  constructor(engine: EngineClient) {
    this.#engine = engine;
  }

  async read(options: VerbOptions = {}): Promise<EngineTraits> {
    if (this.#kept === undefined || Date.now() > this.#kept.untilMs) await this.#readOnce(options);
    return this.#kept?.traits ?? { joinsNamespaces: false, securityModules: [], sharedDevices: [] };
  }

  /** The engine starts five programs for its answer, and a lab asks for all of its nodes at once. */
  async #readOnce(options: VerbOptions): Promise<void> {
    this.#reading ??= readEngineInfo(this.#engine, options).then((info) => void this.keep(info)).finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  keep(info: EngineInfo): EngineInfo {
    const sharedDevices = existsSync(tunnelDevice) ? [tunnelDevice] : [];
    const traits = { joinsNamespaces: info.joinsNamespaces, securityModules: readSecurityModules(info.securityOptions), sharedDevices };
    this.#kept = { traits, untilMs: Date.now() + TRAITS_KEPT_MS };
    return info;
  }
}
