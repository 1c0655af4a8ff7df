// Host ports for published ports that leave theirs to us: leased in the plan, kept over changes, never one that another lab holds.
import type { Rejection } from '../vocabulary/command.ts';
import type { NodeId } from '../vocabulary/ids.ts';
import type { PublishedPort } from '../vocabulary/lab-spec.ts';

/** Below the range of outgoing connections (ip_local_port_range begins at 32768), away from what services usually take. */
const FIRST_PORT = 20_000;
const LAST_PORT = 29_999;

export type PortAsker = { readonly node: NodeId; readonly ports: readonly PublishedPort[]; readonly previous: readonly PublishedPort[] };
export type LeasedPorts = { readonly ports: ReadonlyMap<NodeId, PublishedPort[]>; readonly rejections: Rejection[] };

/** Ports of each node with their host ports; those that the file fixes stay as they are, `taken` holds `tcp/8080`-like keys. */
export function leasePorts(askers: readonly PortAsker[], taken: ReadonlySet<string>): LeasedPorts {
  const used = new Set([...taken, ...askers.flatMap(({ ports }) => ports.filter(({ hostPort }) => hostPort !== 0).map(keyOf))]);
  const held = new Map(askers.map((asker) => [asker.node, keepHeld(asker, used)]));
  const rejections: Rejection[] = [];
  let next = FIRST_PORT;
  const free = (port: PublishedPort): PublishedPort | null => {
    for (; next <= LAST_PORT; next += 1) {
      const leased = { ...port, hostPort: next };
      if (used.has(keyOf(leased))) continue;
      used.add(keyOf(leased));
      return leased;
    }
    return null;
  };
  const ports = new Map(askers.map(({ node, ports: wanted }): [NodeId, PublishedPort[]] => [node, wanted.flatMap((port, index) => {
    const leased = port.hostPort !== 0 ? port : (held.get(node)?.[index] ?? free(port));
    if (leased === null) rejections.push({ code: 'port-taken', message: `node ${node}: no port from ${FIRST_PORT} to ${LAST_PORT} is left for ${port.containerPort}/${port.protocol}: name one in the lab file`, details: { node } });
    return leased ?? [];
  })]));
  return { ports, rejections };
}

/** What a node held before for the same port of its own, by the index of the wish. */
function keepHeld({ ports, previous }: PortAsker, used: Set<string>): (PublishedPort | undefined)[] {
  return ports.map((port) => {
    if (port.hostPort !== 0) return undefined;
    const before = previous.find((one) => isLeased(one) && one.containerPort === port.containerPort && one.protocol === port.protocol && one.hostIp === port.hostIp && !used.has(keyOf(one)));
    if (before) used.add(keyOf(before));
    return before;
  });
}

const isLeased = ({ hostPort }: PublishedPort): boolean => hostPort >= FIRST_PORT && hostPort <= LAST_PORT;
const keyOf = ({ protocol, hostPort }: PublishedPort): string => `${protocol}/${hostPort}`;
