// Nodes as flat records under the names that people's scripts read: JSON and CSV of inspect.
import type { LabView } from '../../machines/vocabulary/lab-view.ts';
import { engineState, healthText } from './node-table.ts';

export type NodeRecord = {
  lab_name: string;
  labPath: string;
  absLabPath: string;
  name: string;
  container_id: string;
  image: string;
  kind: string;
  state: string;
  status: string;
  ipv4_address: string;
  ipv6_address: string;
  owner: string;
  group?: string;
};

const COLUMNS = ['lab_name', 'labPath', 'absLabPath', 'name', 'container_id', 'image', 'kind', 'state', 'status', 'ipv4_address', 'ipv6_address', 'owner'] as const;
const SHORT_ID = 12;

/** One record a node, in the order of their names. */
export function nodeRecords(lab: LabView, showPath: (path: string) => string): NodeRecord[] {
  return lab.nodes.map((node) => ({
    lab_name: lab.lab,
    labPath: lab.topologyPath === undefined ? '' : showPath(lab.topologyPath),
    absLabPath: lab.topologyPath ?? '',
    name: node.containerName,
    container_id: (node.runtimeId ?? '').slice(0, SHORT_ID),
    image: node.image ?? '',
    kind: node.kind,
    ...(node.group === undefined ? {} : { group: node.group }),
    state: engineState(node),
    status: healthText(node),
    ipv4_address: node.ipv4 ?? 'N/A',
    ipv6_address: node.ipv6 ?? 'N/A',
    owner: lab.owner ?? '',
  }));
}

export function renderNodeCsv(records: readonly NodeRecord[]): string {
  return [COLUMNS.join(','), ...records.map((record) => COLUMNS.map((column) => csvField(record[column])).join(','))].join('\n');
}

const csvField = (value: string): string => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
