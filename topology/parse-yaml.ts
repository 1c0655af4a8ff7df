// Reads YAML 1.2 text into plain values, keeping where each value stands and how each scalar is written.
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Alias, Document, Node as YamlNode } from 'yaml';
import type { Finding, PathPart } from './issue.ts';
import { formatPath } from './issue.ts';

/** A finding with its offset in the parsed text. */
export type PlacedFinding = Finding & { offset: number };

/** What stands at a path: offset in the text, and for a plain scalar its text as written. */
export type Place = { offset: number; written?: string };

export type ParsedYaml = {
  value: unknown;
  /** Places of values by formatted path; the place of a key is under `key:` and the path. */
  places: ReadonlyMap<string, Place>;
  findings: readonly PlacedFinding[];
};

type Walk = { document: Document; targets: Map<Alias, YamlNode | null>; places: Map<string, Place>; findings: PlacedFinding[]; left: number };

// Far above any real lab (a lab of 1,000 nodes has about 30,000); stops files that multiply themselves by aliases.
const maxValues = 300_000;

/** Parses one YAML document. Syntax errors and duplicate keys come as findings; the value is then what could be read. */
export function parseYaml(text: string): ParsedYaml {
  const document = parseDocument(text, { version: '1.2', lineCounter: new LineCounter(), prettyErrors: false, uniqueKeys: true, merge: true, stringKeys: false });
  const walk: Walk = { document, targets: new Map(), places: new Map(), findings: [], left: maxValues };
  for (const error of document.errors) {
    const duplicate = error.code === 'DUPLICATE_KEY';
    walk.findings.push({
      severity: 'error',
      code: duplicate ? 'duplicate-key' : 'yaml-syntax',
      path: '',
      message: duplicate ? 'the same key stands twice in one mapping' : `this is not valid YAML: ${firstLine(error.message)}`,
      ...(duplicate ? { hint: 'keep one of the two' } : error.message.startsWith('Missing closing') ? { hint: 'a quote or bracket that was opened further up is not closed' } : {}),
      offset: error.pos[0],
    });
  }
  const value = document.contents === null ? null : toPlain(walk, document.contents, []);
  if (walk.left <= 0) walk.findings.push({ severity: 'error', code: 'file-too-large', path: '', message: `the file holds more than ${maxValues} values once its aliases are expanded`, offset: 0 });
  return { value, places: walk.places, findings: walk.findings };
}

function toPlain(walk: Walk, node: YamlNode | null, path: readonly PathPart[]): unknown {
  walk.left -= 1;
  if (walk.left <= 0 || path.length > 100) return null;
  const text = formatPath(path);
  const known = walk.places.get(text);
  if (node !== null && known === undefined) walk.places.set(text, { offset: node.range?.[0] ?? 0 });
  if (node === null) return null;
  if (isAlias(node)) return toPlain(walk, targetOf(walk, node), path);
  if (isSeq(node)) return node.items.map((item, index) => toPlain(walk, asNode(item), [...path, index]));
  if (isMap(node)) return Object.fromEntries(pairsOf(walk, node, path));
  if (isScalar(node)) {
    if (node.source !== undefined) walk.places.set(text, { offset: walk.places.get(text)?.offset ?? 0, written: node.source });
    return node.value;
  }
  return null;
}

function pairsOf(walk: Walk, node: YamlNode, path: readonly PathPart[]): [string, unknown][] {
  if (!isMap(node)) return [];
  const merged: [string, unknown][] = [];
  const own: [string, unknown][] = [];
  for (const pair of node.items) {
    const key = asNode(pair.key);
    const name = isScalar(key) ? (key.source ?? String(key.value)) : String(pair.key);
    const value = asNode(pair.value);
    if (name === '<<' && isScalar(key)) {
      merged.push(...mergedPairs(walk, value, path));
      continue;
    }
    const place = formatPath([...path, name]);
    walk.places.set(`key:${place}`, { offset: key?.range?.[0] ?? 0 });
    // An empty value stands nowhere of its own; its key is where a person looks.
    if (isEmptyScalar(value)) walk.places.set(place, { offset: key?.range?.[0] ?? 0 });
    own.push([name, toPlain(walk, value, [...path, name])]);
  }
  return [...merged, ...own];
}

// `<<` takes a mapping or a list of mappings; of a list the first has the last word.
function mergedPairs(walk: Walk, node: YamlNode | null, path: readonly PathPart[]): [string, unknown][] {
  const target = isAlias(node) ? targetOf(walk, node) : node;
  if (isMap(target)) return pairsOf(walk, target, path);
  if (isSeq(target)) return target.items.toReversed().flatMap((item) => mergedPairs(walk, asNode(item), path));
  return [];
}

// The library looks through the whole document for each alias; one that is met often is looked up once.
function targetOf(walk: Walk, alias: Alias): YamlNode | null {
  const known = walk.targets.get(alias);
  if (known !== undefined) return known;
  const target = alias.resolve(walk.document) ?? null;
  walk.targets.set(alias, target);
  return target;
}

function isEmptyScalar(node: YamlNode | null): boolean {
  return node === null || (isScalar(node) && node.value === null && (node.source ?? '') === '');
}

// The library types keys and values as unknown; what its parser makes are nodes or null.
function asNode(value: unknown): YamlNode | null {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value) ? value : null;
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? text;
}
