// From the text of a lab file to its raw document: templating, variables, YAML 1.2, with the place of every value.
import type { Environment } from './expand-variables.ts';
import { expandVariables } from './expand-variables.ts';
import type { Finding, Issue, Position } from './issue.ts';
import { parseYaml } from './parse-yaml.ts';
import { identityText, positionFinder } from './source-map.ts';
import { expandTemplate } from './template/expand-template.ts';

/** A lab file as read, before any meaning is given to it. */
export type LabDocument = {
  value: unknown;
  /** The scalar at a path exactly as written, when there is one. */
  written: (path: string) => string | undefined;
  /** Gives a finding its place in the text that the user wrote: that of its path, else of the nearest one around it. */
  place: (finding: Finding) => Issue;
  /** What was found while reading: template and syntax errors, duplicate keys. */
  issues: readonly Issue[];
};

// Findings about a key itself point at the key, all others at its value.
const aboutKeys = new Set(['unknown-key', 'old-key', 'key-not-honoured', 'kind-missing', 'image-missing', 'missing-key', 'node-name-invalid']);

/** Reads a lab file. `vars` are the values for `{{ }}` templates; positions always refer to `text`. */
export function parseLabFile(input: { text: string; env: Environment; vars?: unknown }): LabDocument {
  const findPosition = positionFinder(input.text);
  const template = expandTemplate(identityText(input.text), input.vars);
  if ('error' in template) return unreadable(template.error, findPosition(template.offset));
  const expanded = expandVariables(template, input.env);
  const parsed = parseYaml(expanded.text);
  const positionOf = (offset: number): Position => findPosition(Math.min(expanded.originOf(offset), input.text.length));
  const offsetOf = (path: string, key: boolean): number => {
    const place = key ? (parsed.places.get(`key:${path}`) ?? parsed.places.get(path)) : parsed.places.get(path);
    if (place !== undefined) return place.offset;
    return path === '' ? 0 : offsetOf(parentOf(path), true);
  };
  return {
    value: parsed.value,
    written: (path) => parsed.places.get(path)?.written,
    place: (finding) => ({ ...finding, ...positionOf(offsetOf(finding.path, aboutKeys.has(finding.code))) }),
    issues: parsed.findings.map(({ offset, ...finding }) => ({ ...finding, ...positionOf(offset) })),
  };
}

function unreadable(message: string, position: Position): LabDocument {
  const issue: Issue = { severity: 'error', code: 'template-error', path: '', message, ...position };
  return { value: undefined, written: () => undefined, place: (finding) => ({ ...finding, ...position }), issues: [issue] };
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('.'), path.lastIndexOf('[')));
}
