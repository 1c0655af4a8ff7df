// The labels that a node's container bears, as far as they follow from what is known of the lab.
import { join } from 'node:path';
import type { LabView, NodeView } from '../../machines/vocabulary/lab-view.ts';

/** The file's labels and those that scripts filter by. Source: containerlab 0.79 labels. */
export function nodeLabels(lab: LabView, node: NodeView): Record<string, string> {
  return {
    ...node.labels,
    containerlab: lab.lab,
    'clab-node-name': node.node,
    'clab-node-longname': node.containerName,
    'clab-node-kind': node.kind,
    'clab-node-type': node.type ?? '',
    'clab-node-group': node.group ?? '',
    'clab-node-lab-dir': join(lab.labDir, node.node),
    'clab-topo-file': lab.topologyPath ?? '',
    'clab-owner': lab.owner ?? '',
  };
}

/** Whether labels fulfil every filter: `key=value`, or `key` alone for "is there". */
export function matchesLabels(labels: Readonly<Record<string, string>>, filters: readonly string[]): boolean {
  return filters.every((filter) => {
    const at = filter.indexOf('=');
    return at < 0 ? Object.hasOwn(labels, filter) : labels[filter.slice(0, at)] === filter.slice(at + 1);
  });
}
