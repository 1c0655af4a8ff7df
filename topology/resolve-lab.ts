// From the raw document of a lab file to the resolved lab, with everything that is wrong in it reported at once.
import { LabSpec } from '../machines/vocabulary/lab-spec.ts';
import { checkNodes } from './check-lab.ts';
import type { ConformContext } from './conform.ts';
import { conform } from './conform.ts';
import type { Report } from './issue.ts';
import { compareText, fault, show, warning } from './issue.ts';
import type { LabFile } from './lab-file-schema.ts';
import { labFileSchema } from './lab-file-schema.ts';
import type { FarEnd, RawEnd, RawLink } from './link-forms.ts';
import { readLink } from './link-forms.ts';
import type { LabDocument } from './parse-lab-file.ts';
import type { Reading } from './reading.ts';
import { labDirOf } from './reading.ts';
import { resolveCertificates } from './resolve-certificates.ts';
import { resolveLinks } from './resolve-links.ts';
import type { ResolvedMgmt } from './resolve-mgmt.ts';
import { checkFixedAddress, resolveMgmt } from './resolve-mgmt.ts';
import type { ResolvedNode } from './resolve-node.ts';
import { resolveNode } from './resolve-node.ts';
import { resolvePlacement } from './resolve-placement.ts';

/** What the caller knows beside the file. */
export type LabSurroundings = {
  /** Absolute path of the file; unset for standard input and URLs. */
  path: string | undefined;
  folder: string;
  env: Readonly<Record<string, string | undefined>>;
  /** Takes the place of the file's own name. */
  name: string | undefined;
  /** Nodes to keep; links stay only between kept ones. Unset = all. */
  nodeFilter: readonly string[] | undefined;
  owner: string | undefined;
  git: { branch: string; hash: string } | undefined;
  readTextFile: ((path: string) => string | undefined) | undefined;
  /** Text of the file as it was read. */
  source: string;
};

/** Resolves a document. Undefined = there are faults (all reported). */
export function resolveLab(document: LabDocument, around: LabSurroundings, tell: Report): LabSpec | undefined {
  let refused = false;
  const report: Report = (finding) => {
    refused ||= finding.severity === 'error';
    tell(finding);
  };
  if (typeof document.value !== 'object' || document.value === null || Array.isArray(document.value)) {
    report(fault('file-invalid', '', 'this is no lab file', { expected: 'a mapping with name and topology', got: show(document.value) }));
    return undefined;
  }
  const context: ConformContext = { report, written: document.written };
  const file = conform(labFileSchema, document.value, [], context);
  if (file === undefined) {
    report(fault('file-invalid', '', 'this is no lab file', { expected: 'a mapping with name and topology' }));
    return undefined;
  }
  const labName = nameOf(file, around, report);
  const reading: Reading = {
    labName,
    prefix: prefixOf(file, report),
    folder: around.folder,
    labDir: labDirOf(labName, around.folder, around.env),
    env: around.env,
    report,
    readTextFile: around.readTextFile,
  };
  const names = keptNames(file, around.nodeFilter, report);
  const mgmt = resolveMgmt(file.mgmt, report);
  const seen = new Set<string>();
  const nodes = names.map((name) => resolveNode(file, name, names, reading, seen)).filter((node) => node !== undefined);
  for (const node of nodes) setAddresses(node, mgmt, report);
  checkNodes(nodes, reading);
  const raws = (file.topology.links ?? []).map((link, index) => readLink(link, index, context)).filter((link) => link !== undefined);
  const kept = raws.filter((link) => isKept(link, file, names));
  const resolved = new Set(nodes.map((node) => node.spec.id));
  const broken = new Set(names.filter((name) => !resolved.has(name)));
  // Links of nodes that could not be resolved would only repeat what was said of the node.
  const sound = kept.filter((link) => !nodeEnds(link).some((end) => broken.has(end.node)));
  const links = resolveLinks(sound, { nodes: new Map(nodes.map((node) => [node.spec.id, node.spec])), report });
  const lab = {
    id: labName,
    topologyPath: around.path,
    labDir: reading.labDir,
    owner: around.owner,
    prefix: file.prefix,
    source: around.source,
    mgmt: mgmt.spec,
    certificates: resolveCertificates(file.settings, nodes, reading),
    placement: resolvePlacement(file.placement, report),
    repairs: file.settings?.repairs && withoutUndefined(file.settings.repairs),
    nodes: nodes.map((node) => node.spec).toSorted((a, b) => compareText(a.id, b.id)),
    links,
  };
  const result = LabSpec.safeParse(withoutUndefined(lab));
  if (result.success) return result.data;
  // Whatever the checks above let through must still not reach a host.
  if (!refused) for (const issue of result.error.issues) report(fault('lab-invalid', issue.path.map(String).join('.'), `the resolved lab is not valid: ${issue.message}`));
  return undefined;
}

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

function nameOf(file: LabFile, around: LabSurroundings, report: Report): string {
  const asked = (around.name ?? file.name ?? '').trim();
  const git = around.git ?? { branch: 'none', hash: 'none' };
  const name = asked.replaceAll('__gitBranch__', git.branch.replaceAll('/', '-')).replaceAll('__gitHash__', git.hash);
  if (name !== asked && around.git === undefined) report(warning('git-unknown', 'name', 'the lab file is in no git repository; its git variables are read as "none"'));
  if (asked === '') report(fault('missing-key', 'name', 'the lab has no name', { expected: 'name: and a word' }));
  else if (!namePattern.test(name) || name.length > 100) {
    report(fault('lab-name-invalid', around.name === undefined ? 'name' : '', 'this cannot be the name of a lab: containers and folders are called after it', { expected: 'letters, digits, dots, hyphens and underscores, 100 at most, the first a letter or digit', got: JSON.stringify(name) }));
  }
  // The file is refused; a name that fits keeps the containers' names from being found faulty one by one.
  return namePattern.test(name) ? name : 'lab';
}

function prefixOf(file: LabFile, report: Report): string {
  const prefix = file.prefix ?? 'clab';
  if (prefix === '' || prefix === '__lab-name' || namePattern.test(prefix)) return prefix;
  report(fault('prefix-invalid', 'prefix', 'container names cannot start like this', { expected: 'letters, digits, dots, hyphens and underscores, the first a letter or digit', got: JSON.stringify(prefix) }));
  return 'clab';
}

function keptNames(file: LabFile, filter: readonly string[] | undefined, report: Report): string[] {
  const all = Object.keys(file.topology.nodes ?? {}).toSorted(compareText);
  if (all.length === 0) report(fault('nodes-missing', 'topology', 'a lab needs nodes', { expected: 'topology.nodes with at least one node' }));
  if (filter === undefined || filter.length === 0) return all;
  for (const name of filter) {
    if (!all.includes(name)) report(fault('node-filter-unknown', 'topology.nodes', `the node filter names ${JSON.stringify(name)}, which is no node of this lab`));
  }
  return all.filter((name) => filter.includes(name));
}

function setAddresses(node: ResolvedNode, mgmt: ResolvedMgmt, report: Report): void {
  const own = node.layers.at(-1);
  for (const layer of node.layers.slice(0, -1)) {
    for (const key of ['mgmt-ipv4', 'mgmt-ipv6'] as const) if (layer.keys[key] !== undefined) report(warning('key-not-honoured', `${layer.path}.${key}`, 'a fixed management address is read from the node itself only'));
  }
  for (const [key, family, field] of [['mgmt-ipv4', 4, 'mgmtIpv4'], ['mgmt-ipv6', 6, 'mgmtIpv6']] as const) {
    const text = own?.keys[key];
    if (text === undefined || text === '') continue;
    const path = `${own?.path ?? ''}.${key}`;
    if (node.spec.runtime !== 'container' || (node.spec.network.mode !== 'sandbox' && node.spec.network.mode !== 'engine')) {
      report(warning('key-not-honoured', path, `a management address has no effect: node ${node.spec.id} has no interface in the management network`));
      continue;
    }
    const ranges = node.spec.network.mode === 'engine' ? { spec: mgmt.spec, rangesAssumed: true } : mgmt;
    node.spec[field] = checkFixedAddress(text, path, family, ranges, report);
  }
}

const special = new Set(['host', 'mgmt-net', 'macvlan', 'dummy']);

function nodeEnds(link: RawLink): RawEnd[] {
  const ends: (RawEnd | FarEnd)[] = [link.ends.a, link.ends.b];
  return ends.filter((end): end is RawEnd => 'node' in end && !special.has(end.node.toLowerCase()));
}

function isKept(link: RawLink, file: LabFile, names: readonly string[]): boolean {
  return nodeEnds(link).every((end) => names.includes(end.node) || !Object.hasOwn(file.topology.nodes ?? {}, end.node));
}

function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined).map(([key, item]) => [key, withoutUndefined(item)]));
}
