// How the values that the layers of a node give for one key come together; every key that is not named here: the most specific one.
import type { NodeKey } from './node-file-schema.ts';

/**
 * `append`: all items, general first. `unique`: the same, each once. `by-destination`: of mounts with one destination the most
 * specific. `entries`: a mapping, entry by entry. `parts`: the same for a mapping of fixed keys. `own`: the node's alone counts.
 */
export type MergeRule = 'append' | 'unique' | 'by-destination' | 'entries' | 'parts' | 'own' | 'most-specific';

const rules: Partial<Record<NodeKey, MergeRule>> = {
  exec: 'append', 'env-files': 'append', 'cap-add': 'unique', devices: 'unique', tmpfs: 'unique', 'security-opts': 'unique',
  binds: 'by-destination', volumes: 'by-destination', env: 'entries', labels: 'entries', sysctls: 'entries', certificate: 'parts',
  'mgmt-ipv4': 'own', 'mgmt-ipv6': 'own',
};

/** The rule of a key. */
export function mergeRuleOf(key: NodeKey): MergeRule {
  return rules[key] ?? 'most-specific';
}
