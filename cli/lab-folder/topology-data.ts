// topology-data.json: the lab with its addresses, for scripts that were written for the field's tools.
import { join } from 'node:path';
import type { LabSpec, LinkEnd, LinkSpec } from '../../machines/vocabulary/lab-spec.ts';
import type { LabView, LinkView, NodeView } from '../../machines/vocabulary/lab-view.ts';
import { addressOf } from '../output/node-table.ts';

export function renderTopologyData(lab: LabSpec, view: LabView): string {
  const links = new Map(view.links.map((link) => [link.link, link]));
  const data = {
    name: lab.id,
    type: 'clab',
    clab: { config: { prefix: lab.prefix ?? 'clab', mgmt: mgmtData(lab) } },
    'ssh-pub-keys': [],
    nodes: Object.fromEntries(view.nodes.map((node, index) => [node.node, nodeData(lab, node, index)])),
    links: lab.links.map((link) => linkData(link, links.get(link.id))),
  };
  return `${JSON.stringify(data, undefined, 2)}\n`;
}

/** The management network under the keys of lab files. */
export function mgmtData({ mgmt }: LabSpec): Record<string, unknown> {
  return {
    network: mgmt.network, bridge: mgmt.bridge, 'ipv4-subnet': mgmt.ipv4Subnet, 'ipv4-gw': mgmt.ipv4Gateway, 'ipv4-range': mgmt.ipv4Range,
    'ipv6-subnet': mgmt.ipv6Subnet, 'ipv6-gw': mgmt.ipv6Gateway, 'ipv6-range': mgmt.ipv6Range, mtu: mgmt.mtu, 'external-access': mgmt.externalAccess,
  };
}

/** A node as the field's tools describe it. */
export function nodeData(lab: LabSpec, node: NodeView, index: number) {
  return {
    index: String(index),
    shortname: node.node,
    longname: node.containerName,
    fqdn: `${node.node}.${lab.id}.io`,
    group: node.group ?? '',
    labdir: join(lab.labDir, node.node),
    kind: node.kind,
    image: node.image ?? '',
    'mgmt-net': lab.mgmt.network,
    'mgmt-intf': 'eth0',
    'mgmt-ipv4-address': bareAddress(node.ipv4),
    'mgmt-ipv4-prefix-length': prefixLength(node.ipv4),
    'mgmt-ipv6-address': bareAddress(node.ipv6),
    'mgmt-ipv6-prefix-length': prefixLength(node.ipv6),
    labels: node.labels,
    'port-bindings': node.ports.map((port) => ({ 'host-ip': port.hostIp ?? '', 'host-port': port.hostPort, port: port.containerPort, protocol: port.protocol })),
  };
}

const bareAddress = (cidr: string | undefined): string => (cidr === undefined ? '' : addressOf(cidr));
const prefixLength = (cidr: string | undefined): number => Number(cidr?.split('/')[1] ?? 0);

function linkData(link: LinkSpec, view: LinkView | undefined): Record<string, unknown> {
  return { endpoints: { a: end(link.a, view?.a.mac, 'z'), z: end(link.b, view?.b.mac, 'a') } };
}

function end(at: LinkEnd, mac: string | undefined, peer: string): Record<string, unknown> {
  const where = 'node' in at ? at.node : at.at;
  const plug = 'interface' in at ? at.interface : at.at === 'macvlan' ? at.parent : '';
  return { node: where, interface: plug, mac: mac ?? '', peer };
}
