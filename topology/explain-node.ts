// Says of each effective setting of a node which layer of the lab file it came from, and what it took the place of.
import type { LabSpec, NodeSpec } from '../machines/vocabulary/lab-spec.ts';
import { conform } from './conform.ts';
import type { Issue } from './issue.ts';
import { labFileSchema } from './lab-file-schema.ts';
import type { Layer } from './layers.ts';
import { layersOf } from './layers.ts';
import { mergeRuleOf } from './merge-rules.ts';
import { derivedEnvironment } from './node-environment.ts';
import { nodeFileSchema } from './node-file-schema.ts';
import type { NodeKey } from './node-file-schema.ts';
import type { LabDocument } from './parse-lab-file.ts';
import { parseLabFile } from './parse-lab-file.ts';
import type { ReadLabInput } from './read-lab.ts';
import { readLab } from './read-lab.ts';

/** `default`: what holds where nothing is said, of the kind or of all; `image`: the image decides; `lab`: follows from the lab as a whole. */
export type SourceLayer = 'default' | 'image' | 'lab' | Layer['name'];

/** A value with its place in the file (line and column count from 1); no place for what the file does not say. */
export type Sourced = { value: unknown; layer: SourceLayer; path?: string; line?: number; column?: number };

/** One setting: `image`, `env.A`, `exec[0]`, `binds[/data]`. `note`: why it has no effect, where it has none. */
export type ExplainedSetting = Sourced & { key: string; overridden: Sourced[]; note?: string };

export type Explanation = { settings: ExplainedSetting[] } | { faults: Issue[] } | { nodes: string[] };

/** Explains one node. `nodes`: it is none of those that the lab has. */
export function explainNode(input: ReadLabInput, name: string): Explanation {
  const result = readLab(input);
  if ('faults' in result) return { faults: result.faults };
  const node = result.lab.nodes.find((one) => one.id === name);
  if (node === undefined) return { nodes: result.lab.nodes.map((one) => one.id) };
  const document = parseLabFile(input);
  const file = conform(labFileSchema, document.value, [], { report: () => undefined, written: document.written });
  if (file === undefined) return { nodes: [] };
  const { layers } = layersOf(file, name);
  const written = (Object.keys(nodeFileSchema.shape) as NodeKey[]).flatMap((key) => explainKey(key, layers, document));
  const notes = new Map(result.warnings.map((warning) => [warning.path, warning.message]));
  const settings = withDerived(written, result.lab, node).map((setting) => ({ ...setting, ...noteOf(setting, notes) }));
  return { settings: [...settings, ...unset(node, new Set(settings.map((setting) => setting.key)))].toSorted((a, b) => compareKeys(a.key, b.key)) };
}

function explainKey(key: NodeKey, layers: readonly Layer[], document: LabDocument): ExplainedSetting[] {
  const given = layers.flatMap((layer) => partsOf(key, layer));
  const groups = Map.groupBy(given, (part) => part.key);
  return [...groups].flatMap(([id, parts], index) => {
    const placed = parts.map(({ value, layer, path }) => placedAt(document, { value, layer, path }));
    const rule = mergeRuleOf(key);
    if (rule === 'append') return placed.map((one, place) => ({ key: `${key}[${place}]`, ...one, overridden: [] }));
    const effective = rule === 'unique' ? placed[0] : rule === 'own' ? placed.findLast((one) => one.layer === 'node') : placed.at(-1);
    if (effective === undefined) return [];
    return [{ key: rule === 'unique' ? `${key}[${index}]` : id, ...effective, overridden: rule === 'unique' ? [] : placed.filter((one) => one !== effective).toReversed() }];
  });
}

type Part = { key: string; value: unknown; layer: Layer['name']; path: string };

/** What one layer says of a key, in the pieces that are merged one by one; pieces of one `key` meet. */
function partsOf(key: NodeKey, layer: Layer): Part[] {
  const value: unknown = layer.keys[key];
  const path = `${layer.path}.${key}`;
  if (value === undefined || value === null || value === '') return [];
  const item = (id: string, part: unknown, at: string): Part => ({ key: id, value: part, layer: layer.name, path: at });
  switch (mergeRuleOf(key)) {
    case 'append':
      return list(value).map((part, index) => item(key, part, `${path}[${index}]`));
    case 'unique':
      return list(value).map((part, index) => item(`${key} ${String(part).toUpperCase()}`, part, `${path}[${index}]`));
    case 'by-destination':
      return list(value).map((part, index) => item(`${key}[${String(part).split(':')[1] ?? String(part)}]`, part, `${path}[${index}]`));
    case 'entries':
    case 'parts':
      return Object.entries(value).map(([name, part]) => item(`${key}.${name}`, part, `${path}.${name}`));
    case 'own':
    case 'most-specific':
      return Array.isArray(value) && value.length === 0 ? [] : [item(key, value, path)];
  }
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value.filter((item) => item !== '') : [value];
}

function placedAt(document: LabDocument, part: { value: unknown; layer: Layer['name']; path: string }): Sourced {
  const { line, column } = document.place({ severity: 'warning', code: 'place', path: part.path, message: '' });
  return { ...part, line, column };
}

function noteOf(setting: ExplainedSetting, notes: ReadonlyMap<string, string>): { note?: string } {
  const note = setting.path === undefined ? undefined : notes.get(setting.path);
  return note === undefined ? {} : { note };
}

/** Some variables are made or lengthened from the lab as a whole. */
function withDerived(settings: readonly ExplainedSetting[], lab: LabSpec, node: NodeSpec): ExplainedSetting[] {
  if (node.runtime !== 'container') return [...settings];
  const derived = new Map(Object.entries(derivedEnvironment(lab, node)).map(([name, value]) => [`env.${name}`, value]));
  const present = new Set(settings.map((setting) => setting.key));
  return [
    ...settings.map((setting) => (derived.has(setting.key) ? { ...setting, value: derived.get(setting.key), ...derivedNote(setting.key) } : setting)),
    ...[...derived].filter(([key]) => !present.has(key)).map(([key, value]): ExplainedSetting => ({ key, value, layer: 'lab', overridden: [], ...derivedNote(key) })),
  ];
}

const derivedNote = (key: string): { note?: string } => (/no_proxy$/i.test(key) ? { note: 'and the addresses that the lab leases when it is deployed' } : {});

/** What holds of keys that no layer sets. */
function unset(node: NodeSpec, present: ReadonlySet<string>): ExplainedSetting[] {
  if (node.runtime !== 'container') return [];
  const plain: [NodeKey, unknown][] = [
    ['hostname', node.hostname], ['image-pull-policy', 'IfNotPresent'], ['restart-policy', node.restartPolicy], ['privileged', node.privileged], ['startup-delay', node.startupDelaySeconds],
  ];
  const ofImage: NodeKey[] = ['entrypoint', 'cmd', 'user'];
  return [
    ...plain.map(([key, value]): ExplainedSetting => ({ key, value, layer: 'default', overridden: [] })),
    ...ofImage.map((key): ExplainedSetting => ({ key, value: undefined, layer: 'image', overridden: [] })),
  ].filter(({ key }) => !present.has(key));
}

const order = new Map(Object.keys(nodeFileSchema.shape).map((key, index) => [key, index]));

/** In the order of the schema; pieces of one key as they come. */
function compareKeys(a: string, b: string): number {
  const head = (key: string): number => order.get(/^[a-z0-9-]+/.exec(key)?.[0] ?? '') ?? 0;
  return head(a) - head(b);
}
