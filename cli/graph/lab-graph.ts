// A lab as nodes and edges, from its description and, where it runs, from what is seen of it.
import type { LabSpec, LinkEnd } from '../../machines/vocabulary/lab-spec.ts';
import type { LabView } from '../../machines/vocabulary/lab-view.ts';

/** Names of fields as the field's tools give them to their templates. `state` and addresses only where the lab runs. */
export type GraphNode = { readonly name: string; readonly kind: string; readonly group?: string; readonly image?: string; readonly state?: string; readonly ipv4_address?: string; readonly ipv6_address?: string };
/** `state` only where the lab runs. */
export type GraphLink = { readonly source: string; readonly source_endpoint: string; readonly target: string; readonly target_endpoint: string; readonly state?: string };
export type LabGraph = { readonly name: string; readonly nodes: readonly GraphNode[]; readonly links: readonly GraphLink[] };

/** Ends that are no node (the host, a tunnel) become nodes of their own at the end of the list. @param options.nodes - only these, and the links between them; all when absent */
export function labGraph(lab: LabSpec, options: { view?: LabView | undefined; nodes?: readonly string[] | undefined } = {}): LabGraph {
  const views = new Map(options.view?.nodes.map((node) => [node.node as string, node]));
  const linkViews = new Map(options.view?.links.map((link) => [link.link as string, link]));
  const kept = (name: string): boolean => options.nodes === undefined || options.nodes.includes(name);
  const nodes = lab.nodes.filter((node) => kept(node.id)).map((node): GraphNode => {
    const view = views.get(node.id);
    return {
      name: node.id, kind: node.kind,
      ...(node.group === undefined ? {} : { group: node.group }), ...(node.image === undefined ? {} : { image: node.image }),
      ...(view === undefined ? {} : { state: view.state }), ...(view?.ipv4 === undefined ? {} : { ipv4_address: view.ipv4 }), ...(view?.ipv6 === undefined ? {} : { ipv6_address: view.ipv6 }),
    };
  });
  const known = new Set(lab.nodes.map((node) => node.id as string));
  const links = lab.links.map((link) => ({ ...edge(link.a, link.b), ...(linkViews.has(link.id) ? { state: linkViews.get(link.id)?.state ?? '' } : {}) }))
    .filter((link) => [link.source, link.target].every((name) => kept(name) || !known.has(name)) && [link.source, link.target].some((name) => known.has(name) && kept(name)));
  const places = [...new Set(links.flatMap((link) => [link.source, link.target]).filter((name) => !known.has(name)))];
  return { name: lab.id, nodes: [...nodes, ...places.map((name) => ({ name, kind: name.split(':')[0] ?? name }))], links };
}

function edge(a: LinkEnd, b: LinkEnd): Omit<GraphLink, 'state'> {
  const [source, target] = [place(a), place(b)];
  return { source: source.name, source_endpoint: source.plug, target: target.name, target_endpoint: target.plug };
}

function place(end: LinkEnd): { name: string; plug: string } {
  switch (end.at) {
    case 'node':
    case 'bridge':
    case 'node-bridge':
      return { name: end.node, plug: end.interface };
    case 'host':
    case 'mgmt-net':
      return { name: end.at, plug: end.interface };
    case 'macvlan':
      return { name: `macvlan:${end.parent}`, plug: end.parent };
    case 'dummy':
      return { name: 'dummy', plug: '' };
    case 'vxlan':
      return { name: `vxlan:${end.remote}/${end.vni}`, plug: '' };
  }
}
