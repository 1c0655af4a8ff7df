// Brings every way of writing a link into one raw form: two ends as node and interface, or one end and a special far end.
import type { ConformContext } from './conform.ts';
import { conform } from './conform.ts';
import { fault, show, warning } from './issue.ts';
import type { EndpointFile, LinkFile, LinkForm } from './link-file-schema.ts';
import { linkFileSchemas } from './link-file-schema.ts';

/** One end as written. `node` may be one of the words host, mgmt-net, macvlan, dummy. */
export type RawEnd = { node: string; interface: string; path: string; mac?: string | undefined; ipv4?: string | undefined; ipv6?: string | undefined; vars?: Record<string, unknown> | undefined };

/** The far end of links that have only one node. */
export type FarEnd =
  | { at: 'host' | 'mgmt-net'; interface: string | undefined }
  | { at: 'macvlan'; parent: string; mode: MacvlanMode }
  | { at: 'dummy' }
  | { at: 'vxlan'; remote: string; vni: number; udpPort: number; srcPort: number | undefined; parent: string | undefined; stitch: boolean };

export type MacvlanMode = 'private' | 'vepa' | 'bridge' | 'passthru' | 'source';

/** A link in the one form that all others are brought into. */
export type RawLink = {
  path: string;
  ends: { a: RawEnd; b: RawEnd | FarEnd };
  mtu: number | undefined;
  labels: Record<string, string>;
  vars: Record<string, unknown>;
};

/** The peer's default; 4789 may be filtered or taken by others. */
const defaultVxlanPort = 14_789;

/** Reads entry `index` of `topology.links`; undefined when it is no link at all (which was then reported). */
export function readLink(value: unknown, index: number, context: ConformContext): RawLink | undefined {
  const path = `topology.links[${index}]`;
  const typed = formOf(value, path, context);
  if (typed === undefined) return undefined;
  let refused = false;
  const watching: ConformContext = {
    ...context,
    report: (finding) => {
      refused ||= finding.severity === 'error';
      context.report(finding);
    },
  };
  const link: LinkFile | undefined = conform(linkFileSchemas[typed.form], typed.value, ['topology', 'links', index], watching);
  // A half-read link would only bring findings about what is missing from it.
  if (link === undefined || refused) return undefined;
  const ends = endsOf(link, path, watching);
  if (ends === undefined) return undefined;
  return { path, ends, mtu: link.mtu, labels: link.labels ?? {}, vars: link.vars ?? {} };
}

function formOf(value: unknown, path: string, context: ConformContext): { form: LinkForm; value: object } | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    context.report(fault('link-invalid', path, 'this is no link', { expected: 'endpoints: ["node1:eth1", "node2:eth1"]', got: show(value) }));
    return undefined;
  }
  const type: unknown = Reflect.get(value, 'type');
  if (type === undefined || type === null || type === '') return hasMappedEnds(value) ? { form: 'veth', value: { ...value, type: 'veth' } } : { form: 'brief', value: withoutType(value) };
  const form = typeof type === 'string' ? Object.keys(linkFileSchemas).find((known): known is LinkForm => known === type.trim().toLowerCase()) : undefined;
  if (form === undefined) {
    context.report(fault('link-type-unknown', `${path}.type`, 'this type of link is not known', { expected: Object.keys(linkFileSchemas).join(', '), got: show(type) }));
    return undefined;
  }
  // People write `type: veth` over brief ends.
  const brief = (form === 'veth' || form === 'veth-stitch') && Array.isArray(Reflect.get(value, 'endpoints')) && !hasMappedEnds(value);
  if (!brief) return { form, value: { ...value, type: form } };
  context.report(warning('link-form', `${path}.endpoints`, 'ends written as node:interface belong to a link without type', { hint: 'remove the type' }));
  return { form: 'brief', value: withoutType(value) };
}

function hasMappedEnds(value: object): boolean {
  const ends: unknown = Reflect.get(value, 'endpoints');
  return Array.isArray(ends) && ends.some((end) => typeof end === 'object' && end !== null);
}

function withoutType(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== 'type'));
}

function endsOf(link: LinkFile, path: string, context: ConformContext): RawLink['ends'] | undefined {
  switch (link.type) {
    case undefined:
    case 'brief':
      return briefEnds(link.endpoints, link.ipv4, link.ipv6, path, context);
    case 'veth':
    case 'veth-stitch': {
      if (link.impairment !== undefined) context.report(warning('key-not-honoured', `${path}.impairment`, 'no bridge node is put into the link; use labwright tools netem'));
      const [a, b] = link.endpoints.map((end, index) => mappedEnd(end, `${path}.endpoints[${index}]`, link.ipv4?.[index], link.ipv6?.[index]));
      return a === undefined || b === undefined ? undefined : { a, b };
    }
    case 'host':
    case 'mgmt-net':
      return { a: mappedEnd(link.endpoint, `${path}.endpoint`), b: { at: link.type, interface: link['host-interface'] } };
    case 'macvlan':
      return { a: mappedEnd(link.endpoint, `${path}.endpoint`), b: { at: 'macvlan', parent: link['host-interface'], mode: link.mode ?? 'bridge' } };
    case 'dummy':
      return { a: mappedEnd(link.endpoint, `${path}.endpoint`), b: { at: 'dummy' } };
    case 'vxlan':
    case 'vxlan-stitch': {
      const udpPort = link['dst-port'] ?? link['udp-port'] ?? defaultVxlanPort;
      const far: FarEnd = { at: 'vxlan', remote: link.remote, vni: link.vni, udpPort, srcPort: link['src-port'], parent: link['parent-interface'], stitch: link.type === 'vxlan-stitch' };
      return { a: mappedEnd(link.endpoint, `${path}.endpoint`), b: far };
    }
  }
}

function mappedEnd(end: EndpointFile, path: string, ipv4?: string, ipv6?: string): RawEnd {
  return { node: end.node.trim(), interface: end.interface, path, mac: end.mac, ipv4: end.ipv4 ?? ipv4, ipv6: end.ipv6 ?? ipv6, vars: end.vars };
}

function briefEnds(endpoints: readonly string[], ipv4: readonly string[] | undefined, ipv6: readonly string[] | undefined, path: string, context: ConformContext): RawLink['ends'] | undefined {
  const [a, b] = endpoints.map((text, index) => briefEnd(text, `${path}.endpoints[${index}]`, ipv4?.[index], ipv6?.[index], context));
  return a === undefined || b === undefined ? undefined : { a, b };
}

function briefEnd(text: string, path: string, ipv4: string | undefined, ipv6: string | undefined, context: ConformContext): RawEnd | undefined {
  const colon = text.indexOf(':');
  const node = (colon === -1 ? text : text.slice(0, colon)).trim();
  const name = colon === -1 ? '' : text.slice(colon + 1).trim();
  if (node === '' || (name === '' && node !== 'dummy')) {
    context.report(fault('endpoint-invalid', path, 'this end of a link cannot be read', { expected: 'node:interface', got: JSON.stringify(text) }));
    return undefined;
  }
  return { node, interface: name, path, ipv4, ipv6 };
}
