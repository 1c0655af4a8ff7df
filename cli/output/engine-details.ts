// Nodes in the shape in which the engine describes containers, for `inspect --details`.
import type { LabView, NodeView } from '../../machines/vocabulary/lab-view.ts';
import { nodeLabels } from './node-labels.ts';
import { engineState, healthText } from './node-table.ts';

export type EngineDetails = {
  Names: string[];
  ID: string;
  ShortID: string;
  Image: string;
  State: string;
  Status: string;
  Labels: Record<string, string>;
  Pid: number;
  NetworkSettings: { IPv4addr: string; IPv4pLen: number; IPv6addr: string; IPv6pLen: number };
  Ports: { host_ip: string; host_port: number; port: number; protocol: string }[];
};

export const engineDetails = (lab: LabView): EngineDetails[] => lab.nodes.map((node) => details(lab, node));

function details(lab: LabView, node: NodeView): EngineDetails {
  return {
    Names: [node.containerName],
    ID: node.runtimeId ?? '',
    ShortID: (node.runtimeId ?? '').slice(0, 12),
    Image: node.image ?? '',
    State: engineState(node),
    Status: healthText(node),
    Labels: nodeLabels(lab, node),
    Pid: node.pid ?? 0,
    NetworkSettings: { IPv4addr: address(node.ipv4), IPv4pLen: prefix(node.ipv4), IPv6addr: address(node.ipv6), IPv6pLen: prefix(node.ipv6) },
    Ports: node.ports.map((port) => ({ host_ip: port.hostIp ?? '', host_port: port.hostPort, port: port.containerPort, protocol: port.protocol })),
  };
}

const address = (cidr: string | undefined): string => cidr?.split('/')[0] ?? '';
const prefix = (cidr: string | undefined): number => Number(cidr?.split('/')[1] ?? 0);
