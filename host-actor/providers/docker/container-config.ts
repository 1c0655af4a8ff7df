// Node and placement -> the engine's create request. Pure.
import type Docker from 'dockerode';
import type { Healthcheck, NodeSpec, PublishedPort } from '../../../machines/vocabulary/lab-spec.ts';
import type { NodePlacement } from '../provider.ts';
import { addedCapabilities } from './capabilities.ts';
import { renderEnv } from './container-env.ts';
import { ownershipMark, renderLabels } from './container-labels.ts';

export const sandboxRuntime = 'labwright';

/** What the request depends on at the engine's side. */
export interface EngineTraits {
  /** True where our runtime is registered. */
  readonly joinsNamespaces: boolean;
  /** Security modules in force, such as `apparmor`. */
  readonly securityModules: readonly string[];
  /** Devices of the host that every node gets: where the host has it, the one for tunnels. */
  readonly sharedDevices: readonly string[];
}

export type CreateRequest = Omit<Docker.ContainerCreateOptions, 'HostConfig' | 'abortSignal'> & {
  name: string;
  HostConfig: Docker.HostConfig & { CgroupnsMode?: string };
};

const cpuPeriodUs = 100_000;

/** /proc stays as the engine makes it (read-only where it is the host's), but for /proc/sys/net: it belongs to the node's
 *  namespace, and 45 % of public lab files set it by `sysctl -w`. Paths that a kernel lacks are skipped by runc. */
const readonlyPaths = [
  '/proc/bus', '/proc/fs', '/proc/irq', '/proc/sysrq-trigger', '/proc/sys/abi', '/proc/sys/crypto', '/proc/sys/debug', '/proc/sys/dev',
  '/proc/sys/fs', '/proc/sys/kernel', '/proc/sys/sunrpc', '/proc/sys/user', '/proc/sys/vm', '/proc/sys/xen',
];

/** The create request of a node's container. The engine never restarts or removes it by itself: both are carried out by us. */
export function renderCreateRequest(spec: NodeSpec, placement: NodePlacement, engine: EngineTraits): CreateRequest {
  const sharesContainer = 'engineMode' in placement.sandbox && placement.sandbox.engineMode.startsWith('container:');
  return {
    name: placement.containerName,
    Image: spec.image ?? '',
    ...(sharesContainer ? {} : { Hostname: spec.hostname }),
    ...(spec.user === undefined ? {} : { User: spec.user }),
    ...(spec.entrypoint === undefined ? {} : { Entrypoint: [...spec.entrypoint] }),
    ...(spec.cmd === undefined ? {} : { Cmd: [...spec.cmd] }),
    Env: [...renderEnv(spec, placement)],
    Labels: renderLabels(spec, placement),
    // A terminal, as the peer gives: a shell as command stays alive, and there is something to attach to.
    Tty: true,
    OpenStdin: true,
    ...('netnsPath' in placement.sandbox ? { NetworkDisabled: true } : {}),
    ...(sharesContainer ? {} : renderPorts(placement.ports ?? spec.ports).exposed),
    ...(spec.healthcheck === undefined ? {} : { Healthcheck: renderHealthcheck(spec.healthcheck) }),
    ...renderEndpoints(placement),
    HostConfig: { ...renderHostConfig(spec, placement, engine), ...renderLimits(spec), ...renderNetwork(spec, placement, engine) },
  };
}

function renderHostConfig(spec: NodeSpec, placement: NodePlacement, engine: EngineTraits): CreateRequest['HostConfig'] {
  return {
    ContainerIDFile: ownershipMark(placement),
    RestartPolicy: { Name: 'no' },
    LogConfig: { Type: 'json-file', Config: { 'max-size': '5m', 'max-file': '2' } },
    Binds: renderBinds(spec, placement),
    Privileged: spec.privileged,
    CapAdd: addedCapabilities(spec),
    SecurityOpt: renderSecurity(spec, engine),
    ...(spec.privileged ? {} : { ReadonlyPaths: readonlyPaths }),
    ...(spec.tmpfs.length === 0 ? {} : { Tmpfs: Object.fromEntries(spec.tmpfs.map(splitAtColon)) }),
    Devices: [...engine.sharedDevices.filter((device) => !spec.devices.some((own) => own.split(':')[0] === device)), ...spec.devices].map(renderDevice),
    ...(spec.pidMode === undefined ? {} : { PidMode: spec.pidMode }),
    ...(spec.cgroupnsMode === undefined ? {} : { CgroupnsMode: spec.cgroupnsMode }),
  };
}

/** Network side: our namespace by our runtime, an empty one where the engine takes no runtime, or the engine's mode as written. */
function renderNetwork(spec: NodeSpec, placement: NodePlacement, engine: EngineTraits): Docker.HostConfig {
  const { sandbox } = placement;
  const dns = { Dns: spec.dns.servers, DnsSearch: spec.dns.search, DnsOptions: spec.dns.options };
  const ports = renderPorts(placement.ports ?? spec.ports).bindings;
  // IPv6 may be off in a new namespace of an engine without it; the engine refuses net sysctls beside host mode.
  const ipv6On = { 'net.ipv6.conf.all.disable_ipv6': '0' };
  if ('netnsPath' in sandbox) {
    return { ...dns, ...ports, Sysctls: { ...ipv6On, ...spec.sysctls }, ...(engine.joinsNamespaces ? { Runtime: sandboxRuntime } : {}) };
  }
  const mode = { NetworkMode: sandbox.engineMode };
  if (sandbox.engineMode.startsWith('container:')) return { ...mode, Sysctls: { ...spec.sysctls } };
  if (sandbox.engineMode === 'host') return { ...mode, ...dns, Sysctls: { ...spec.sysctls } };
  return { ...mode, ...dns, ...ports, Sysctls: { ...ipv6On, ...spec.sysctls } };
}

function renderLimits(spec: NodeSpec): Docker.HostConfig {
  return {
    // Period and quota, not NanoCpus: people's scripts read CpuQuota.
    ...(spec.cpus === undefined ? {} : { CpuPeriod: cpuPeriodUs, CpuQuota: Math.round(spec.cpus * cpuPeriodUs) }),
    ...(spec.cpuSet === undefined ? {} : { CpusetCpus: spec.cpuSet }),
    ...(spec.memoryBytes === undefined ? {} : { Memory: spec.memoryBytes }),
    ...(spec.shmSizeBytes === undefined ? {} : { ShmSize: spec.shmSizeBytes }),
    ...(spec.cgroupParent === undefined ? {} : { CgroupParent: spec.cgroupParent }),
  };
}

function renderBinds(spec: NodeSpec, placement: NodePlacement): string[] {
  const taken = new Set(spec.binds.map((bind) => bind.split(':')[1]));
  const files = [
    { source: placement.hostsFile, at: '/etc/hosts' },
    { source: placement.resolvConf, at: '/etc/resolv.conf' },
  ];
  // A file of the lab at the same place is the user's word.
  const ours = files.flatMap(({ source, at }) => (source === undefined || taken.has(at) ? [] : [`${source}:${at}`]));
  return [...spec.binds, ...ours];
}

/** The default profiles of these modules forbid writes to /proc/sys/net and mounts, whatever the capabilities say. */
function renderSecurity(spec: NodeSpec, engine: EngineTraits): string[] {
  const named = (prefix: string) => spec.securityOpts.some((option) => option.startsWith(prefix));
  const opened = [
    ...(engine.securityModules.includes('apparmor') && !named('apparmor') ? ['apparmor=unconfined'] : []),
    ...(engine.securityModules.includes('selinux') && !named('label') ? ['label=disable'] : []),
  ];
  return [...spec.securityOpts, ...opened];
}

function renderEndpoints(placement: NodePlacement): Pick<Docker.ContainerCreateOptions, 'NetworkingConfig'> {
  const { sandbox } = placement;
  if ('netnsPath' in sandbox || /^(host|none|bridge|default|container:.*)$/.test(sandbox.engineMode)) return {};
  const address = {
    ...(sandbox.ipv4 === undefined ? {} : { IPv4Address: sandbox.ipv4 }),
    ...(sandbox.ipv6 === undefined ? {} : { IPv6Address: sandbox.ipv6 }),
  };
  const endpoint = { IPAMConfig: address, Aliases: [placement.nodeId, ...(sandbox.aliases ?? [])] };
  return { NetworkingConfig: { EndpointsConfig: { [sandbox.engineMode]: endpoint } } };
}

function renderPorts(ports: readonly PublishedPort[]) {
  const exposed: Record<string, Record<string, never>> = {};
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const port of ports) {
    const name = `${port.containerPort}/${port.protocol}`;
    exposed[name] = {};
    (bindings[name] ??= []).push({ HostIp: port.hostIp ?? '', HostPort: port.hostPort === 0 ? '' : String(port.hostPort) });
  }
  return ports.length === 0 ? { exposed: {}, bindings: {} } : { exposed: { ExposedPorts: exposed }, bindings: { PortBindings: bindings } };
}

function renderHealthcheck(check: Healthcheck): Docker.HealthConfig {
  const nanoseconds = (seconds: number) => Math.round(seconds * 1_000_000_000);
  return {
    Test: [...check.test],
    StartPeriod: nanoseconds(check.startPeriodSeconds),
    Interval: nanoseconds(check.intervalSeconds),
    Timeout: nanoseconds(check.timeoutSeconds),
    Retries: check.retries,
  };
}

function splitAtColon(text: string): readonly [string, string] {
  const at = text.indexOf(':');
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function renderDevice(device: string): { PathOnHost: string; PathInContainer: string; CgroupPermissions: string } {
  const [onHost = '', second, third] = device.split(':');
  const secondIsMode = second !== undefined && /^[rwm]+$/.test(second);
  return {
    PathOnHost: onHost,
    PathInContainer: second === undefined || secondIsMode ? onHost : second,
    CgroupPermissions: (secondIsMode ? second : third) ?? 'rwm',
  };
}
