// The way into this room: the text of a lab file becomes a resolved lab, or all of its faults at once.
import type { LabSpec } from '../machines/vocabulary/lab-spec.ts';
import type { Finding, Issue } from './issue.ts';
import { compareIssues } from './issue.ts';
import { parseLabFile } from './parse-lab-file.ts';
import { resolveLab } from './resolve-lab.ts';

/** What `readLab` needs. All I/O is the caller's: it hands in text, environment, variables. */
export type ReadLabInput = {
  text: string;
  /** Absolute path of the topology file; leave out for standard input and URLs. */
  path?: string | undefined;
  /** Absolute folder that relative paths in the file start from. */
  folder: string;
  env: Readonly<Record<string, string | undefined>>;
  /** Values for `{{ }}` templates (merged content of --vars files). */
  vars?: unknown;
  /** Lab name that takes the place of the file's (--name). */
  name?: string | undefined;
  /** Names of nodes to keep (--node-filter). */
  nodeFilter?: readonly string[] | undefined;
  /** Who deploys. */
  owner?: string | undefined;
  /** Branch and short hash for `__gitBranch__` and `__gitHash__` in the lab name. */
  git?: { branch: string; hash: string } | undefined;
  /** Reads a file named by `env-files`; undefined when it cannot be read. */
  readTextFile?: ((path: string) => string | undefined) | undefined;
};

/** An accepted lab with what a person should know of it, or the reasons why the file is refused. */
export type ReadLabResult = { lab: LabSpec; warnings: Issue[] } | { faults: Issue[]; warnings: Issue[] };

/**
 * Reads a lab file in containerlab's format, leniently: unknown keys and odd types are warnings with line and column,
 * a file that cannot be carried out is refused with all its faults at once. Pure: nothing is touched.
 */
export function readLab(input: ReadLabInput): ReadLabResult {
  const findings: Finding[] = [];
  const document = parseLabFile({ text: input.text, env: input.env, vars: input.vars });
  // After a syntax error what could be read is not what was meant.
  const unreadable = document.issues.some((issue) => ['yaml-syntax', 'template-error', 'file-too-large'].includes(issue.code));
  const around = {
    path: input.path,
    folder: input.folder,
    env: input.env,
    name: input.name,
    nodeFilter: input.nodeFilter,
    owner: input.owner,
    git: input.git,
    readTextFile: input.readTextFile,
    source: input.text,
  };
  const lab = unreadable ? undefined : resolveLab(document, around, (finding) => findings.push(finding));
  const issues = distinct([...document.issues, ...findings.map(document.place)].toSorted(compareIssues));
  const faults = issues.filter((issue) => issue.severity === 'error');
  const warnings = issues.filter((issue) => issue.severity === 'warning');
  return lab === undefined || faults.length > 0 ? { faults, warnings } : { lab, warnings };
}

// A value of defaults, a kind or a group is judged once for each node that it reaches.
function distinct(issues: readonly Issue[]): Issue[] {
  const seen = new Set<string>();
  return issues.filter((issue) => {
    const key = JSON.stringify([issue.code, issue.path, issue.line, issue.column, issue.message]);
    const fresh = !seen.has(key);
    seen.add(key);
    return fresh;
  });
}
