// One node of a lab file with its inheritance resolved: what it is, what it runs, where it lives.
import type { z } from 'zod';
import type { NodeSpec } from '../machines/vocabulary/lab-spec.ts';
import type { KindEntry } from '../vendors/kind-entry.ts';
import { kindNames, resolveKind } from '../vendors/resolve-kind.ts';
import { maxInterfaceName } from './interface-name.ts';
import { fault, warning } from './issue.ts';
import type { LabFile } from './lab-file-schema.ts';
import type { Layer } from './layers.ts';
import { collect, layersOf, mergeMap, mostSpecificList, pick, unique } from './layers.ts';
import type { Reading } from './reading.ts';
import { containerNameOf } from './reading.ts';
import { resolveExec, resolveImage, resolvePorts, resolvePullPolicy, resolveRestart, resolveWords } from './resolve-container.ts';
import { resolveEnvironment } from './resolve-environment.ts';
import { resolveHealthcheck, resolveLimits } from './resolve-limits.ts';
import { resolveMounts } from './resolve-mounts.ts';
import type { NetworkChoice } from './resolve-network-mode.ts';
import { resolveNetworkMode } from './resolve-network-mode.ts';
import { resolveStages } from './resolve-stages.ts';
import { editDistance } from './unknown-key.ts';
import { warnUnhonouredKeys } from './unhonoured-keys.ts';

export type NodeInput = z.input<typeof NodeSpec>;

/** A resolved node with what later checks need: its catalogue entry and its layers. */
export type ResolvedNode = { spec: NodeInput; kind: KindEntry; layers: readonly Layer[] };

// What the engine takes as a container name; never cleaned, because a cleaned name may be another node's.
const containerPattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** Resolves one node. Undefined when its kind is not known or cannot be run: then nothing else of it has a meaning. */
export function resolveNode(file: LabFile, name: string, nodes: readonly string[], reading: Reading, seen: Set<string>): ResolvedNode | undefined {
  const { kind: kindText, group, layers } = layersOf(file, name);
  const kind = kindOf(kindText, name, layers, reading);
  if (kind === undefined || kind.runtime === 'vm') return undefined;
  const container = kind.runtime === 'container';
  checkName(name, kind, reading);
  if (container) warnUnhonouredKeys(layers, reading, seen);
  const network = resolveNetworkMode(layers, nodes, reading);
  if (!container) checkPlace(name, kind, network, layers, reading);
  const spec: NodeInput = {
    ...emptyNode(name, kind, reading),
    runtime: kind.runtime,
    type: pick(layers, 'type')?.value.trim(),
    group: group,
    labels: mergeMap(layers, 'labels'),
    stages: resolveStages(layers, name, nodes, reading),
    startupDelaySeconds: pick(layers, 'startup-delay')?.value ?? 0,
    network,
    ...(container ? containerPart(layers, name, kind, network, reading) : {}),
    ...(kind.runtime === 'ext-container' ? { exec: resolveExec(layers, name, reading) } : {}),
    host: pick(layers, 'host')?.value.trim(),
  };
  return { spec, kind, layers };
}

function kindOf(text: string | undefined, name: string, layers: readonly Layer[], reading: Reading): KindEntry | undefined {
  const path = pick(layers, 'kind')?.path ?? `topology.nodes.${name}`;
  if (text === undefined) {
    reading.report(fault('kind-missing', `topology.nodes.${name}`, `node ${name} has no kind`, { hint: 'give it a kind, or set one under topology.defaults' }));
    return undefined;
  }
  const entry = resolveKind(text);
  if (entry === undefined) {
    const near = kindNames().map((known) => ({ known, distance: editDistance(text.toLowerCase(), known) })).toSorted((a, b) => a.distance - b.distance)[0];
    const hint = near !== undefined && near.distance <= 2 ? { hint: `did you mean ${near.known}?` } : {};
    reading.report(fault('kind-unknown', path, `node ${name} is of the unknown kind ${JSON.stringify(text)}`, hint));
    return undefined;
  }
  if (entry.runnable) return entry;
  const what = entry.runtime === 'vm' ? 'virtual machine' : 'vendor container';
  reading.report(fault('kind-not-runnable', path, `node ${name} is of kind ${entry.name}, a ${what} that cannot be run yet`, { hint: 'this release runs linux, bridge, ovs-bridge, host and ext-container; deploy the others with --node-filter' }));
  return undefined;
}

function checkName(name: string, kind: KindEntry, reading: Reading): void {
  const path = `topology.nodes.${name}`;
  const invalid = (message: string, hint: string): void => reading.report(fault('node-name-invalid', path, message, { got: JSON.stringify(name), hint }));
  if (/[\s:/]/.test(name)) return invalid('a node name holds no blanks, colons or slashes', 'use letters, digits, dots, hyphens and underscores');
  if (kind.runtime === 'bridge' || kind.runtime === 'ovs-bridge') {
    const bridge = name.split('|')[0] ?? '';
    if (bridge === '' || bridge.length > maxInterfaceName) invalid('a bridge node is called as its bridge, which the kernel gives 15 characters at most', 'rename the bridge and the node');
    return;
  }
  if (kind.runtime !== 'container') return;
  const full = containerNameOf(reading, name);
  if (!containerPattern.test(full)) invalid(`the container name ${JSON.stringify(full)} is not one that the engine takes`, 'use letters, digits, dots, hyphens and underscores, two characters at least, the first a letter or digit');
  if (name.length > 63) invalid('a node name that is also a host name has at most 63 characters', 'shorten it');
}

// A bridge lives on the host or in the namespace of a node of the lab; hosts and foreign containers are where they are.
function checkPlace(name: string, kind: KindEntry, network: NetworkChoice, layers: readonly Layer[], reading: Reading): void {
  const path = pick(layers, 'network-mode')?.path ?? `topology.nodes.${name}`;
  if (network.mode !== 'container') return;
  if (kind.runtime === 'bridge') reading.report(fault('node-unknown', path, `bridge ${name} is to live in the namespace of ${JSON.stringify(network.container)}, which is no node of this lab`));
  else reading.report(warning('key-not-honoured', path, `network-mode has no effect on a node of kind ${kind.name}`));
}

function emptyNode(name: string, kind: KindEntry, reading: Reading): Omit<NodeInput, 'runtime' | 'network'> {
  const container = kind.runtime === 'container';
  return {
    id: name,
    kind: kind.name,
    containerName: container ? containerNameOf(reading, name) : (name.split('|')[0] ?? name),
    hostname: name,
    imagePullPolicy: 'if-not-present',
    env: {},
    labels: {},
    binds: [],
    tmpfs: [],
    devices: [],
    ports: [],
    exec: [],
    sysctls: {},
    capAdd: [],
    privileged: false,
    securityOpts: [],
    dns: { servers: [], search: [], options: [] },
    aliases: [],
    restartPolicy: 'no',
    autoRemove: false,
    startupDelaySeconds: 0,
    stages: {},
  };
}

function containerPart(layers: readonly Layer[], name: string, kind: KindEntry, network: NetworkChoice, reading: Reading): Partial<NodeInput> {
  const dns = pick(layers, 'dns')?.value;
  return {
    image: resolveImage(layers, name, reading),
    imagePullPolicy: resolvePullPolicy(layers),
    entrypoint: resolveWords(layers, 'entrypoint', reading),
    cmd: resolveWords(layers, 'cmd', reading),
    user: pick(layers, 'user')?.value,
    hostname: pick(layers, 'hostname')?.value ?? name,
    env: resolveEnvironment(layers, name, reading),
    binds: resolveMounts(layers, name, reading),
    tmpfs: unique(collect(layers, 'tmpfs')),
    devices: unique(collect(layers, 'devices')),
    ports: portsOf(layers, network, reading),
    exec: resolveExec(layers, name, reading),
    sysctls: sysctlsOf(layers, network),
    capAdd: unique(collect(layers, 'cap-add')).map((capability) => capability.toUpperCase()),
    privileged: pick(layers, 'privileged')?.value ?? false,
    securityOpts: unique(collect(layers, 'security-opts')),
    ...resolveLimits(layers, reading),
    cgroupParent: pick(layers, 'cgroup-parent')?.value,
    cgroupnsMode: pick(layers, 'cgroupns-mode')?.value,
    pidMode: pick(layers, 'pid-mode')?.value,
    dns: { servers: dns?.servers ?? [], search: dns?.search ?? [], options: dns?.options ?? [] },
    aliases: mostSpecificList(layers, 'aliases').map((alias) => alias.value),
    healthcheck: resolveHealthcheck(layers, reading),
    ...resolveRestart(layers, kind.name, reading),
  };
}

function portsOf(layers: readonly Layer[], network: NetworkChoice, reading: Reading): NodeInput['ports'] {
  const { ports, from } = resolvePorts(layers, reading);
  const first = from[0];
  if (first === undefined || network.mode === 'sandbox' || network.mode === 'engine') return ports;
  reading.report(warning('key-not-honoured', first.path, `published ports have no effect with network mode ${network.mode}`));
  return [];
}

// An engine switches IPv6 off in namespaces that it makes for networks without IPv6; labs rely on it.
function sysctlsOf(layers: readonly Layer[], network: NetworkChoice): Record<string, string> {
  const asked = mergeMap(layers, 'sysctls');
  return network.mode === 'engine' ? { 'net.ipv6.conf.all.disable_ipv6': '0', ...asked } : asked;
}
