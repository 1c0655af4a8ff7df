// The container engine: does one answer, is it new enough, and does it know our runtime?
import type { EngineInfo } from '../../providers/provider.ts';
import { EngineClient } from '../../providers/docker/engine-client.ts';
import { readEngineInfo } from '../../providers/docker/engine-info.ts';
import type { ProbeContext, ProbeSpec } from '../probe.ts';

/** Docker 20.10, in Debian 12: what this program is tested with. */
const MINIMUM_API = '1.41';
export const ENGINE_DEADLINE_MS = 5_000;

const noEngine = {
  costs: 'No container can run: labs of containers cannot be deployed.',
  remedy: 'Install docker.io and start dockerd (labwright-setup, in a clone setup/setup.sh, does both); the user must be root or in group docker.',
};

export const engineProbe: ProbeSpec = {
  id: 'engine',
  title: 'Container engine',
  deadlineMs: ENGINE_DEADLINE_MS + 1_000,
  ...noEngine,
  run: async (context) => {
    const info = await readInfo(context);
    if (typeof info === 'string') return { status: 'missing', found: info, ...noEngine };
    const found = `engine ${info.version}, API ${info.apiVersion}, storage ${info.storageDriver}`;
    if (!isAtLeastApi(info.apiVersion, MINIMUM_API)) {
      return { status: 'too-old', found, costs: 'Deploys may fail in ways that nobody has tried.', remedy: `Upgrade the engine to one with API ${MINIMUM_API} (Docker 20.10) or newer.` };
    }
    return { status: 'ok', found };
  },
};

const noRuntime = {
  costs: 'Containers get the engine\'s empty network and are wired after their start: slower, and a `docker restart` breaks links until they are repaired.',
  remedy: 'Run labwright-setup as root (in a clone: setup/setup.sh), which registers the runtime `labwright` in daemon.json and reloads dockerd without a restart.',
};

export const runtimeProbe: ProbeSpec = {
  id: 'runtime',
  title: 'Runtime that joins our namespaces',
  deadlineMs: ENGINE_DEADLINE_MS + 1_000,
  ...noRuntime,
  run: async (context) => {
    const info = await readInfo(context);
    if (typeof info === 'string') return { status: 'missing', found: info, ...noEngine };
    if (info.joinsNamespaces) return { status: 'ok', found: 'registered with the engine' };
    return { status: 'missing', found: `the engine knows only ${info.runtimes.join(', ')}`, ...noRuntime };
  },
};

export const cgroupProbe: ProbeSpec = {
  id: 'cgroup',
  title: 'Control groups',
  deadlineMs: ENGINE_DEADLINE_MS + 1_000,
  ...noEngine,
  run: async (context) => {
    const info = await readInfo(context);
    if (typeof info === 'string') return { status: 'missing', found: info, ...noEngine };
    const weak = info.warnings.filter((warning) => /No (memory|cpu|pids) limit|No cpu cfs/i.test(warning));
    const found = `version ${info.cgroupVersion}, driver ${info.cgroupDriver}`;
    if (weak.length === 0) return { status: 'ok', found };
    return {
      status: 'not-effective',
      found: `${found}; ${weak.join('; ')}`,
      costs: 'Limits of memory or CPU in lab files have no effect: one node can take the host down.',
      remedy: 'Enable the controllers (kernel options cgroup_enable=memory and the like), then restart the engine.',
    };
  },
};

/** What the engine says, or in words why it says nothing. */
export const readInfo = async ({ engineSocket, signal }: ProbeContext): Promise<EngineInfo | string> => {
  try {
    return await readEngineInfo(new EngineClient({ socketPath: engineSocket, deadlineMs: ENGINE_DEADLINE_MS }), { signal });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

const isAtLeastApi = (version: string, minimum: string): boolean => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [wantMajor = 0, wantMinor = 0] = minimum.split('.').map(Number);
  return major > wantMajor || (major === wantMajor && minor >= wantMinor);
};
