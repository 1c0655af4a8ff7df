// What every step of reading a lab file needs: where the file stands, the environment, and where findings go.
import type { Environment } from './expand-variables.ts';
import type { Report } from './issue.ts';
import { normalizePath } from './posix-path.ts';

/** Surroundings of one read. Nothing here touches a disk: `readTextFile` is given by the caller. */
export type Reading = {
  labName: string;
  /** Container names start with it; `clab` by default. */
  prefix: string;
  /** Absolute folder of the topology file. */
  folder: string;
  /** Absolute folder for files that belong to the lab. */
  labDir: string;
  env: Environment;
  report: Report;
  /** Text of a file, or undefined when it cannot be read. Unset = env-files are not read. */
  readTextFile: ((path: string) => string | undefined) | undefined;
};

/** Folder for the files of a lab: `clab-<lab>` beside the topology file, or below CLAB_LABDIR_BASE. */
export function labDirOf(labName: string, folder: string, env: Environment): string {
  const base = env['CLAB_LABDIR_BASE'];
  return normalizePath(`${base === undefined || base === '' ? folder : base}/clab-${labName}`);
}

/** Replaces containerlab's magic variables: `__clabDir__`, `__clabLabName__`, `__clabNodeDir__`, `__clabNodeName__`. */
export function replaceMagic(text: string, reading: Reading, node: string): string {
  if (!text.includes('__clab')) return text;
  const values: Readonly<Record<string, string>> = {
    __clabDir__: reading.labDir,
    // The peer puts the name of the lab's folder here, `clab-` included.
    __clabLabName__: `clab-${reading.labName}`,
    __clabNodeDir__: `${reading.labDir}/${node}`,
    __clabNodeName__: node,
  };
  return text.replace(/__clab(?:Dir|LabName|NodeDir|NodeName)__/g, (name) => values[name] ?? name);
}

/** Exact container name of a node: `clab-<lab>-<node>`; prefix "" = the node's name, "__lab-name" = `<lab>-<node>`. */
export function containerNameOf(reading: Pick<Reading, 'labName' | 'prefix'>, node: string): string {
  if (reading.prefix === '') return node;
  if (reading.prefix === '__lab-name') return `${reading.labName}-${node}`;
  return `${reading.prefix}-${reading.labName}-${node}`;
}
