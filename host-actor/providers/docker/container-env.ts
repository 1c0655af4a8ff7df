// Environment of a node's container: the file's own, and the variables that images made for containerlab read. Pure.
import type { NodeSpec } from '../../../machines/vocabulary/lab-spec.ts';
import type { NodePlacement } from '../provider.ts';
import { peerLabels } from './container-labels.ts';

const alwaysDirect = ['localhost', '127.0.0.1', '::1', '*.local'];

/** `NAME=value` lines in name order; what the lab file sets wins. Source: containerlab 0.79 environment. */
export function renderEnv(spec: NodeSpec, placement: NodePlacement): readonly string[] {
  const env = new Map<string, string>([['CLAB_INTFS', String(placement.interfaceCount)]]);
  for (const [name, value] of Object.entries(peerLabels(spec, placement))) env.set(`CLAB_LABEL_${envName(name)}`, value);
  for (const [name, value] of Object.entries(spec.env)) env.set(name, value);
  const noProxy = renderNoProxy(spec, placement);
  env.set('NO_PROXY', noProxy);
  env.set('no_proxy', noProxy);
  return [...env].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}=${value}`);
}

function envName(label: string): string {
  return label.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_');
}

function renderNoProxy(spec: NodeSpec, placement: NodePlacement): string {
  const given = [spec.env['NO_PROXY'], spec.env['no_proxy']].flatMap((list) => list?.split(',') ?? []).map((entry) => entry.trim());
  const all = [...given, ...alwaysDirect, ...(placement.mgmt?.subnets ?? []), ...(placement.mgmt?.neighbours ?? [])];
  return [...new Set(all)].filter((entry) => entry !== '').join(',');
}
