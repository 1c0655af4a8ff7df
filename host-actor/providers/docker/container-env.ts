// Environment of a node's container: the file's own, and the variables that images made for containerlab read. Pure.
import type { NodeSpec } from '../../../machines/vocabulary/lab-spec.ts';
import { noProxyOf } from '../../../machines/vocabulary/node-environment.ts';
import type { NodePlacement } from '../provider.ts';
import { peerLabels } from './container-labels.ts';

/** `NAME=value` lines in name order; what the lab file sets wins. Source: containerlab 0.79 environment. */
export function renderEnv(spec: NodeSpec, placement: NodePlacement): readonly string[] {
  const env = new Map<string, string>([['CLAB_INTFS', String(placement.interfaceCount)]]);
  for (const [name, value] of Object.entries(peerLabels(spec, placement))) env.set(`CLAB_LABEL_${envName(name)}`, value);
  for (const [name, value] of Object.entries(spec.env)) env.set(name, value);
  const noProxy = noProxyOf(spec, [...(placement.mgmt?.subnets ?? []), ...(placement.mgmt?.neighbours ?? [])]);
  env.set('NO_PROXY', noProxy);
  env.set('no_proxy', noProxy);
  return [...env].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}=${value}`);
}

function envName(label: string): string {
  return label.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_');
}
