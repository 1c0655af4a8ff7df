// Checks over all nodes of a lab: names, addresses and host ports that meet, circles of waits and of shared namespaces.
import type { PublishedPort } from '../machines/vocabulary/lab-spec.ts';
import { parseAddress } from './ip-address.ts';
import type { Report } from './issue.ts';
import { fault } from './issue.ts';
import { pick } from './layers.ts';
import type { Reading } from './reading.ts';
import type { ResolvedNode } from './resolve-node.ts';
import type { Waiter } from './resolve-stages.ts';
import { findWaitCircles, warnHealthWaits } from './resolve-stages.ts';

/** Runs all checks that need more than one node. */
export function checkNodes(nodes: readonly ResolvedNode[], reading: Reading): void {
  checkContainerNames(nodes, reading.report);
  checkAddresses(nodes, reading.report);
  checkHostPorts(nodes, reading.report);
  const circular = checkSharing(nodes, reading.report);
  const waiters = nodes.map((node) => waiterOf(node, circular));
  for (const circle of findWaitCircles(waiters)) {
    const [node = '', stage = ''] = circle[0]?.split('/') ?? [];
    reading.report(fault('wait-for-circle', `topology.nodes.${node}.stages.${stage}`, `these stages wait for each other: ${circle.join(' waits for ')}`, { hint: 'remove one of the waits' }));
  }
  const withHealth = new Set(nodes.filter((node) => node.spec.healthcheck !== undefined).map((node) => node.spec.id));
  warnHealthWaits(waiters, (node) => withHealth.has(node), reading);
}

function waiterOf({ spec }: ResolvedNode, circular: ReadonlySet<string>): Waiter {
  const stages = Object.fromEntries(Object.entries(spec.stages).filter(([, stage]) => stage !== undefined));
  return { id: spec.id, stages, ...(spec.network.mode === 'node' && !circular.has(spec.id) ? { sharesWith: spec.network.node } : {}) };
}

function checkContainerNames(nodes: readonly ResolvedNode[], report: Report): void {
  const owners = new Map<string, string>();
  for (const { spec } of nodes.filter((node) => node.spec.runtime === 'container' || node.spec.runtime === 'ext-container')) {
    const owner = owners.get(spec.containerName);
    if (owner !== undefined) report(fault('container-name-twice', `topology.nodes.${spec.id}`, `the nodes ${owner} and ${spec.id} would both be the container ${spec.containerName}`));
    owners.set(spec.containerName, spec.id);
  }
}

function checkAddresses(nodes: readonly ResolvedNode[], report: Report): void {
  const owners = new Map<string, string>();
  for (const { spec } of nodes) {
    for (const key of ['mgmtIpv4', 'mgmtIpv6'] as const) {
      const address = spec[key];
      if (address === undefined) continue;
      const owner = owners.get(address);
      const path = `topology.nodes.${spec.id}.${key === 'mgmtIpv4' ? 'mgmt-ipv4' : 'mgmt-ipv6'}`;
      if (owner !== undefined) report(fault('address-twice', path, `the management address ${address} is given to node ${owner} already`));
      else owners.set(address, spec.id);
    }
  }
}

type Bound = { port: PublishedPort; node: string };

function checkHostPorts(nodes: readonly ResolvedNode[], report: Report): void {
  const bound = new Map<string, Bound[]>();
  for (const { spec, layers } of nodes) {
    for (const port of spec.ports) {
      if (port.hostPort === 0) continue;
      const key = `${port.hostPort}/${port.protocol}`;
      const others = bound.get(key) ?? [];
      const taken = others.find((other) => meet(other.port, port));
      const path = pick(layers, 'ports')?.path ?? `topology.nodes.${spec.id}`;
      if (taken !== undefined) report(fault('host-port-twice', path, `port ${key} of the host is published by node ${taken.node} already${taken.node === spec.id ? ' (itself)' : `, and again by ${spec.id}`}`));
      bound.set(key, [...others, { port, node: spec.id }]);
    }
  }
}

// No address means all addresses; the unspecified address means all of its family.
function meet(a: PublishedPort, b: PublishedPort): boolean {
  if (a.hostIp === undefined || b.hostIp === undefined) return true;
  const [x, y] = [parseAddress(a.hostIp), parseAddress(b.hostIp)];
  return x?.family === y?.family && (x?.value === y?.value || x?.value === 0n || y?.value === 0n);
}

// Gives the nodes that stand in a circle; each circle is reported once.
function checkSharing(nodes: readonly ResolvedNode[], report: Report): ReadonlySet<string> {
  const circular = new Set<string>();
  const byId = new Map(nodes.map((node) => [node.spec.id, node.spec]));
  for (const { spec, layers } of nodes) {
    const walked = new Set<string>();
    let at = spec;
    while (at.network.mode === 'node' && !walked.has(at.id)) {
      walked.add(at.id);
      const next = byId.get(at.network.node);
      if (next === undefined) break;
      at = next;
    }
    const path = pick(layers, 'network-mode')?.path ?? `topology.nodes.${spec.id}`;
    if (!walked.has(at.id) || at.id !== spec.id) continue;
    if (!circular.has(spec.id)) report(fault('network-mode-circle', path, `node ${spec.id} shares the network namespace of itself in a circle: ${[...walked, spec.id].join(' -> ')}`));
    for (const id of walked) circular.add(id);
  }
  return circular;
}
