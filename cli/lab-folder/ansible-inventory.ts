// ansible-inventory.yml: nodes by kind, and by the groups that their `ansible-group` label names.
import { stringify } from 'yaml';
import type { LabSpec } from '../../machines/vocabulary/lab-spec.ts';
import type { LabView, NodeView } from '../../machines/vocabulary/lab-view.ts';
import { addressOf } from '../output/node-table.ts';

type Host = { ansible_host?: string };
type Group = { hosts: Record<string, Host> };

export function renderAnsibleInventory(_lab: LabSpec, view: LabView): string {
  const children: Record<string, Group> = {};
  for (const node of view.nodes) {
    for (const group of [node.kind, node.labels['ansible-group']]) {
      if (group === undefined || group === '') continue;
      const hosts = (children[group] ??= { hosts: {} }).hosts;
      hosts[node.containerName] = host(node);
    }
  }
  // The hosts are reached from this machine, never through a proxy.
  return stringify({ all: { vars: { ansible_httpapi_use_proxy: false }, children } }, { lineWidth: 0 });
}

function host(node: NodeView): Host {
  const address = node.ipv4 ?? node.ipv6;
  return address === undefined || node.labels['ansible-no-host-var'] === 'true' ? {} : { ansible_host: addressOf(address) };
}
