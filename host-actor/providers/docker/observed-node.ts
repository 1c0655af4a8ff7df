// The engine's inspect answer -> what we say about a node. Pure.
import type Docker from 'dockerode';
import type { ContainerStatus, ObservedNode } from '../provider.ts';
import { ownershipMark, readIdentity } from './container-labels.ts';
import { sandboxRuntime } from './container-config.ts';

const statuses: readonly ContainerStatus[] = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'];
const healths = ['none', 'starting', 'healthy', 'unhealthy'] as const;

/** Our node, or undefined where the container is not one of ours (labels alone do not make it ours: images carry them on). */
export function readObservedNode(info: Docker.ContainerInspectInfo): ObservedNode | undefined {
  const identity = readIdentity(info.Config.Labels);
  if (identity === undefined || info.HostConfig.ContainerIDFile !== ownershipMark(identity)) return undefined;
  return {
    ...identity,
    runtimeId: info.Id,
    name: info.Name.replace(/^\//, ''),
    status: statuses.find((status) => status === info.State.Status) ?? 'dead',
    pid: info.State.Pid,
    exitCode: info.State.ExitCode,
    oomKilled: info.State.OOMKilled,
    error: info.State.Error,
    createdAt: Date.parse(info.Created),
    startedAt: readTime(info.State.StartedAt),
    finishedAt: readTime(info.State.FinishedAt),
    health: healths.find((health) => health === info.State.Health?.Status) ?? 'none',
    image: info.Config.Image,
    imageId: info.Image,
    tty: info.Config.Tty,
    wiring: readWiring(info),
    engineNetworks: readNetworks(info),
  };
}

/** The engine writes year 1 for "never". */
function readTime(text: string): number | undefined {
  const at = Date.parse(text);
  return Number.isNaN(at) || at <= 0 ? undefined : at;
}

function readWiring(info: Docker.ContainerInspectInfo): ObservedNode['wiring'] {
  if (info.HostConfig.Runtime === sandboxRuntime) return 'before-start';
  // The engine reports NetworkDisabled, which the client's types lack.
  return 'NetworkDisabled' in info.Config && info.Config.NetworkDisabled === true ? 'after-start' : 'engine';
}

function readNetworks(info: Docker.ContainerInspectInfo): ObservedNode['engineNetworks'] {
  const networks = Object.entries(info.NetworkSettings.Networks ?? {});
  return Object.fromEntries(networks.map(([name, at]) => [name, { ipv4: at.IPAddress, ipv6: at.GlobalIPv6Address }]));
}
