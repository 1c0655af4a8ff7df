// Reads lab texts in tests: surroundings that do not matter are filled in, refusals are shown.
import type { LabSpec } from '../../machines/vocabulary/lab-spec.ts';
import type { Issue } from '../../topology/issue.ts';
import { renderIssue } from '../../topology/issue.ts';
import type { ReadLabInput } from '../../topology/read-lab.ts';
import { readLab } from '../../topology/read-lab.ts';

type Extras = Partial<Omit<ReadLabInput, 'text'>>;

/** Reads a lab that must be accepted. */
export function accepted(text: string, extras: Extras = {}): { lab: LabSpec; warnings: Issue[] } {
  const result = readLab({ text, path: '/labs/t.clab.yml', folder: '/labs', env: { HOME: '/home/me' }, ...extras });
  if ('faults' in result) throw new Error(`refused:\n${result.faults.map((issue) => renderIssue(issue, 't.clab.yml')).join('\n')}`);
  return result;
}

/** Codes of the faults of a lab that must be refused. */
export function refused(text: string, extras: Extras = {}): string[] {
  const result = readLab({ text, path: '/labs/t.clab.yml', folder: '/labs', env: { HOME: '/home/me' }, ...extras });
  if ('lab' in result) throw new Error('accepted');
  return result.faults.map((issue) => issue.code);
}

/** A node of a lab by name. */
export function nodeOf(lab: LabSpec, name: string): LabSpec['nodes'][number] {
  const node = lab.nodes.find((candidate) => candidate.id === name);
  if (node === undefined) throw new Error(`no node ${name}`);
  return node;
}

/** A lab of linux nodes a and b with the given lines under links. */
export function twoNodes(links: string): string {
  return `name: two\ntopology:\n  defaults: {kind: linux, image: "alpine:3"}\n  nodes: {a1: , b1: }\n  links:\n${links}\n`;
}
