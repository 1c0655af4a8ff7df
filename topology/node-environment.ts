// Environment variables that every node gets from the lab as a whole, as far as the lab file settles them.
import type { LabSpec, NodeSpec } from '../machines/vocabulary/lab-spec.ts';
import { hostNames, interfacesIn, noProxyOf } from '../machines/vocabulary/node-environment.ts';

/**
 * `CLAB_INTFS` (number of data interfaces) and `NO_PROXY`/`no_proxy` (the lab's ranges, names and addresses). They are
 * kept out of `NodeSpec.env`: a link more or a node more must not make every other node differ from its definition.
 * Addresses that the lab leases are not known before it is deployed.
 */
export function derivedEnvironment(lab: LabSpec, node: NodeSpec): Record<string, string> {
  const ranges = [lab.mgmt.ipv4Subnet, lab.mgmt.ipv6Subnet];
  const nodes = lab.nodes.filter(({ runtime }) => runtime === 'container').flatMap((other) => [...hostNames(other), other.mgmtIpv4, other.mgmtIpv6]);
  const noProxy = noProxyOf(node, [...ranges, ...nodes].filter((part) => part !== undefined));
  return { CLAB_INTFS: node.env['CLAB_INTFS'] ?? String(interfacesIn(lab.links, node.id)), NO_PROXY: noProxy, no_proxy: noProxy };
}
