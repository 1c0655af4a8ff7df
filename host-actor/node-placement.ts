// From a node's order to where and how the provider makes its container.
import { join } from 'node:path';
import type { LabId } from '../machines/vocabulary/ids.ts';
import type { HostContext } from './host-context.ts';
import type { NodeFiles } from './mgmt-network/node-files.ts';
import type { NodeKey, NodePlacement, Sandbox } from './providers/provider.ts';
import type { NodeOrder } from './wire-of-order.ts';

/** Identity of the node for the provider. */
export function keyOf(order: NodeOrder): NodeKey {
  return { labId: order.lab, nodeId: order.node.id, hostId: order.host, containerName: order.node.containerName };
}

/** Whose namespace the container joins. A network of somebody else's is attached to by the engine. */
export function sandboxOf(context: Pick<HostContext, 'wanted'>, order: NodeOrder, isForeign: boolean): Sandbox {
  const { mode } = order.node.network;
  if (order.netns !== undefined && !(mode === 'sandbox' && isForeign)) return { netnsPath: join('/run/netns', order.netns) };
  switch (mode) {
    case 'sandbox':
      return engineSandbox(order, order.context.mgmt.network);
    case 'engine':
      return engineSandbox(order, order.node.network.network);
    case 'container':
      return { engineMode: `container:${order.node.network.container}` };
    case 'node': {
      const other = context.wanted.node(order.lab, order.node.network.node);
      return { engineMode: `container:${other?.node.containerName ?? order.node.network.node}` };
    }
    case 'host':
    case 'none':
      return { engineMode: mode };
  }
}

/** All that the provider needs to know beside the spec. */
export function placementOf(context: Pick<HostContext, 'wanted'>, order: NodeOrder, made: { sandbox: Sandbox; files: NodeFiles | undefined; bridge: string | undefined }): NodePlacement {
  const { mgmt, labDir, topologyPath, owner } = order.context;
  return {
    ...keyOf(order),
    generation: order.plan.generation,
    sandbox: made.sandbox,
    ...(made.files === undefined ? {} : { hostsFile: made.files.hosts, resolvConf: made.files.resolvConf }),
    nodeDir: join(labDir, order.node.id),
    ...(topologyPath === undefined ? {} : { topologyPath }),
    ...(owner === undefined ? {} : { owner }),
    mgmt: {
      network: mgmt.network,
      bridge: made.bridge ?? mgmt.bridge,
      subnets: [mgmt.ipv4Subnet, mgmt.ipv6Subnet].flatMap((subnet) => subnet ?? []),
      neighbours: neighboursOf(context, order.lab),
    },
    interfaceCount: order.interfaces ?? context.wanted.linksOf(order.lab, order.node.id).length,
    ports: order.plan.ports,
    labels: {},
  };
}

function neighboursOf(context: Pick<HostContext, 'wanted'>, lab: LabId): readonly string[] {
  return context.wanted.network(lab)?.hosts.flatMap((entry) => [...entry.names, ...entry.addresses]) ?? [];
}

function engineSandbox(order: NodeOrder, network: string): Sandbox {
  const { mgmtIpv4, mgmtIpv6, aliases } = order.node;
  const [ipv4, ipv6] = [mgmtIpv4 ?? bare(order.plan.mgmt?.ipv4), mgmtIpv6 ?? bare(order.plan.mgmt?.ipv6)];
  return { engineMode: network, ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }), aliases };
}

function bare(address: string | undefined): string | undefined {
  return address?.split('/')[0];
}
