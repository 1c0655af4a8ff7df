// Inheritance of node settings: defaults < kind < group < node, with the place that each value came from.
import { resolveKind } from '../vendors/resolve-kind.ts';
import type { LabFile } from './lab-file-schema.ts';
import type { NodeFile, NodeKey } from './node-file-schema.ts';

/** One level of settings that reaches a node. */
export type Layer = { name: 'defaults' | 'kind' | 'group' | 'node'; path: string; keys: NodeFile };

/** A value together with the layer and place it came from. */
export type Chosen<T> = { value: T; layer: Layer['name']; path: string };

/** Levels of one node from general to specific, with the kind and group that they were found by. */
export type NodeLayers = { kind: string | undefined; group: string | undefined; layers: readonly Layer[] };

/** Finds kind, group and levels of a node. A kind may come from a group and a group from a kind, as in containerlab. */
export function layersOf(file: LabFile, nodeName: string): NodeLayers {
  const { defaults = {}, kinds = {}, groups = {}, nodes = {} } = file.topology;
  const own = nodes[nodeName] ?? {};
  const byGroup = (named: string | undefined): string | undefined => (named === undefined ? undefined : filled(groups[named]?.kind));
  const kind = filled(own.kind) ?? byGroup(own.group) ?? byGroup(defaults.group) ?? filled(defaults.kind);
  const kindKey = kind === undefined ? undefined : kindKeyOf(kinds, kind);
  const group = filled(own.group) ?? filled(kindKey === undefined ? undefined : kinds[kindKey]?.group) ?? filled(defaults.group);
  const layers: Layer[] = [{ name: 'defaults', path: 'topology.defaults', keys: defaults }];
  if (kindKey !== undefined) layers.push({ name: 'kind', path: `topology.kinds.${kindKey}`, keys: kinds[kindKey] ?? {} });
  if (group !== undefined && Object.hasOwn(groups, group)) layers.push({ name: 'group', path: `topology.groups.${group}`, keys: groups[group] ?? {} });
  layers.push({ name: 'node', path: `topology.nodes.${nodeName}`, keys: own });
  return { kind, group, layers };
}

// A file may say `kinds: ceos` and `kind: arista_ceos`: the same kind by two names.
function kindKeyOf(kinds: Readonly<Record<string, NodeFile>>, kind: string): string | undefined {
  if (Object.hasOwn(kinds, kind)) return kind;
  const entry = resolveKind(kind);
  return entry === undefined ? undefined : Object.keys(kinds).find((name) => resolveKind(name) === entry);
}

function filled(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : value.trim();
}

/** The most specific value of a key; empty text counts as not set. */
export function pick<K extends NodeKey>(layers: readonly Layer[], key: K): Chosen<NonNullable<NodeFile[K]>> | undefined {
  for (const layer of layers.toReversed()) {
    const value = layer.keys[key];
    if (value !== undefined && value !== null && value !== '') return { value, layer: layer.name, path: `${layer.path}.${key}` };
  }
  return undefined;
}

type ListKey = { [K in NodeKey]: string[] extends NodeFile[K] ? (undefined extends NodeFile[K] ? K : never) : never }[NodeKey];
type MapKey = 'env' | 'labels' | 'sysctls';

/** All items of a list key, general to specific; items that are empty texts are left out. */
export function collect(layers: readonly Layer[], key: ListKey): Chosen<string>[] {
  return layers.flatMap((layer) => itemsOf(layer, key));
}

/** The items of the most specific layer that has any. */
export function mostSpecificList(layers: readonly Layer[], key: ListKey): Chosen<string>[] {
  return layers.toReversed().map((layer) => itemsOf(layer, key)).find((items) => items.length > 0) ?? [];
}

function itemsOf(layer: Layer, key: ListKey): Chosen<string>[] {
  const list: readonly unknown[] = layer.keys[key] ?? [];
  return list.flatMap((value, index) => (typeof value === 'string' && value.trim() !== '' ? [{ value, layer: layer.name, path: `${layer.path}.${key}[${index}]` }] : []));
}

/** The merged mapping; a more specific layer overrides single entries. */
export function mergeMap(layers: readonly Layer[], key: MapKey): Record<string, string> {
  return Object.assign({}, ...layers.map((layer) => layer.keys[key] ?? {}));
}

/** Values in order, each once. */
export function unique(items: readonly Chosen<string>[]): string[] {
  return [...new Set(items.map((item) => item.value))];
}
