// topology-data.json by a template of the user's, with the data and names that the field's export templates use.
import { readFile } from 'node:fs/promises';
import type { LabSpec, LinkEnd, LinkSpec } from '../../machines/vocabulary/lab-spec.ts';
import type { EndView, LabView, LinkView } from '../../machines/vocabulary/lab-view.ts';
import { identityText } from '../../topology/source-map.ts';
import { expandTemplate } from '../../topology/template/expand-template.ts';
import { CliError, EXIT } from '../exit-code.ts';
import { mgmtData, nodeData } from './topology-data.ts';

/** Stands for all data there is, without a template. */
const FULL = '__full';

/** Reads a template; `__full` needs no file. @throws {CliError} usage: it cannot be read. */
export async function readExportTemplate(path: string): Promise<string> {
  if (path === FULL) return '{{ ToJSONPretty . "" "  " }}\n';
  return await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CliError(EXIT.usage, 'template-not-readable', `--export-template: ${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  });
}

/** @throws {CliError} failed: the template cannot be carried out. */
export function renderExport(template: string, lab: LabSpec, view: LabView): string {
  const made = expandTemplate(identityText(template), exportData(lab, view));
  if (!('error' in made)) return made.text;
  const before = template.slice(0, made.offset).split('\n');
  throw new CliError(EXIT.failed, 'template-error', `--export-template, line ${before.length}: ${made.error}`);
}

/** The data of a template: `.Name`, `.Type`, `.Clab.Config`, `.Clab.Links`, `.NodeConfigs`, `.SSHPubKeys`. */
export function exportData(lab: LabSpec, view: LabView): Record<string, unknown> {
  const links = new Map(view.links.map((link) => [link.link, link]));
  return {
    Name: lab.id,
    Type: 'clab',
    Clab: {
      Config: { Name: lab.id, Prefix: lab.prefix ?? 'clab', Mgmt: withGoNames(mgmtData(lab)) },
      Links: lab.links.map((link) => linkOf(link, links.get(link.id))),
    },
    SSHPubKeys: [],
    NodeConfigs: Object.fromEntries(view.nodes.map((node, index) => [node.node, nodeOf(lab, nodeData(lab, node, index))])),
  };
}

/** JSON has the keys of lab files; templates may also ask by the names of Go's fields, which JSON then leaves out. */
function withGoNames(data: Record<string, unknown>): Record<string, unknown> {
  const named = { ...data };
  for (const [key, value] of Object.entries(data)) Object.defineProperty(named, goName(key), { value: value ?? '', enumerable: false });
  return named;
}

const UPPER: Readonly<Record<string, string>> = { ipv4: 'IPv4', ipv6: 'IPv6', mtu: 'MTU', gw: 'Gw' };
const goName = (key: string): string => key.split('-').map((word) => UPPER[word] ?? word.charAt(0).toUpperCase() + word.slice(1)).join('');

function nodeOf(lab: LabSpec, data: ReturnType<typeof nodeData>): Record<string, unknown> {
  const spec = lab.nodes.find((node) => node.id === data.shortname);
  return {
    Index: data.index, ShortName: data.shortname, LongName: data.longname, Fqdn: data.fqdn, Group: data.group, LabDir: data.labdir, Kind: data.kind, NodeType: spec?.type ?? '',
    Image: data.image, MgmtNet: data['mgmt-net'], MgmtIntf: data['mgmt-intf'], MacAddress: '',
    MgmtIPv4Address: data['mgmt-ipv4-address'], MgmtIPv4PrefixLength: data['mgmt-ipv4-prefix-length'],
    MgmtIPv6Address: data['mgmt-ipv6-address'], MgmtIPv6PrefixLength: data['mgmt-ipv6-prefix-length'],
    Labels: data.labels, Env: spec?.env ?? {}, Binds: spec?.binds ?? [], Exec: spec?.exec ?? [],
    ResultingPortBindings: data['port-bindings'].map((port) => ({ HostIP: port['host-ip'], HostPort: port['host-port'], ContainerPort: port.port, Protocol: port.protocol })),
  };
}

function linkOf(link: LinkSpec, view: LinkView | undefined): Record<string, unknown> {
  const ends = (['a', 'b'] as const).map((side) => endOf(link[side], view?.[side], link.endVars?.[side] ?? {}));
  return { GetEndpoints: link.a.at === 'dummy' || link.b.at === 'dummy' ? ends.filter((_, index) => [link.a, link.b][index]?.at !== 'dummy') : ends, GetVars: link.vars, GetMTU: view?.mtu ?? link.mtu ?? 0, Labels: link.labels };
}

function endOf(end: LinkEnd, view: EndView | undefined, vars: Record<string, unknown>): Record<string, unknown> {
  const address = (text: string | undefined) => ({ IsValid: text !== undefined, String: text ?? '' });
  return {
    GetNode: { GetShortName: 'node' in end ? end.node : end.at },
    GetIfaceName: 'interface' in end ? end.interface : end.at === 'macvlan' ? end.parent : '',
    GetMac: view?.mac ?? ('mac' in end ? (end.mac ?? '') : ''),
    GetIPv4Addr: address('ipv4' in end ? end.ipv4 : undefined),
    GetIPv6Addr: address('ipv6' in end ? end.ipv6 : undefined),
    GetVars: vars, Vars: vars,
  };
}
