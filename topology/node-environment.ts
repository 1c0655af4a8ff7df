// Environment variables that every node gets from the lab as a whole, computed anew at each start.
import type { LabSpec, NodeSpec } from '../machines/vocabulary/lab-spec.ts';

const proxyDefaults = ['localhost', '127.0.0.1', '::1', '*.local'];

/**
 * `CLAB_INTFS` (number of data interfaces) and `NO_PROXY`/`no_proxy` (the lab's ranges, addresses and names). They are
 * kept out of `NodeSpec.env`: a link more or a node more must not make every other node differ from its definition.
 */
export function derivedEnvironment(lab: LabSpec, node: NodeSpec): Record<string, string> {
  const links = lab.links.flatMap((link) => [link.a, link.b]).filter((end) => end.at === 'node' && end.node === node.id);
  const noProxy = noProxyOf(lab, node);
  return { CLAB_INTFS: String(links.length), NO_PROXY: noProxy, no_proxy: noProxy };
}

function noProxyOf(lab: LabSpec, node: NodeSpec): string {
  const asked = (node.env['no_proxy'] ?? node.env['NO_PROXY'] ?? '').split(',').filter((part) => part !== '');
  const known = lab.nodes.flatMap((other) => [other.id as string, other.mgmtIpv4, other.mgmtIpv6]);
  const ranges = [lab.mgmt.ipv4Subnet, lab.mgmt.ipv6Subnet];
  const rest = [...known, ...ranges].filter((part) => part !== undefined).toSorted();
  return [...new Set([...asked, ...proxyDefaults, ...rest])].join(',');
}
