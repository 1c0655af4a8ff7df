// nornir-simple-inventory.yml: one host a node, with the groups that its `nornir-group*` labels name.
import { stringify } from 'yaml';
import type { LabSpec } from '../../machines/vocabulary/lab-spec.ts';
import type { LabView, NodeView } from '../../machines/vocabulary/lab-view.ts';
import { addressOf } from '../output/node-table.ts';

export function renderNornirInventory(_lab: LabSpec, view: LabView): string {
  const hosts = view.nodes.filter((node) => node.ipv4 !== undefined || node.ipv6 !== undefined);
  return `---\n${stringify(Object.fromEntries(hosts.map((node) => [node.node, host(node)])), { indent: 4, lineWidth: 0 })}`;
}

function host(node: NodeView): Record<string, unknown> {
  const groups = Object.entries(node.labels).filter(([label]) => label.startsWith('nornir-group')).map(([, group]) => group).toSorted();
  return {
    platform: node.labels['nornir-platform'] ?? node.kind,
    hostname: addressOf(node.ipv4 ?? node.ipv6),
    ...(groups.length > 0 ? { groups } : {}),
  };
}
